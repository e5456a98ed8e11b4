"""`command = "python serve.py"` in a model card: a program that reads clips from its input and writes JSON answers.

It is started once, with the card's folder as its working folder. A request is a line of JSON, `{"id", "bytes", "shape",
"dtype", "encoding"}`, and as many bytes. The answer is a line of JSON with the same `id`.
"""

import json
import os
import selectors
import shlex
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import IO

from lsap_cli.classifiers.formats import ServiceFormat
from lsap_cli.classifiers.model_formats.base import LoadedNetwork, NetworkRequest
from lsap_cli.classifiers.model_formats.service import LARGEST_ANSWER, NoAnswer, Request, load_service
from lsap_cli.classifiers.places import command_words
from lsap_cli.classifiers.weights import sha256
from lsap_cli.errors import LsapError
from lsap_cli.results.text import printable

PIECE = 2**16  # bytes that are read or written at a time
LAST_WORDS = 300  # characters of what a program that ended wrote to stderr
GRACE_SECONDS = 2.0  # for a program to end when its input does


class CommandChannel:
    """A program, started with the first request and again after it ended.

    Args:
        words: the program and its arguments.
        folder: its working folder.
        service: times that it has.
    """

    def __init__(self, words: list[str], folder: Path, service: ServiceFormat) -> None:
        self.where = f"the command '{printable(shlex.join(words))}'"
        self._words, self._folder, self._service = words, folder, service
        self._process: subprocess.Popen[bytes] | None = None
        self._errors: IO[bytes] | None = None
        self._number = 0

    def ask(self, request: Request) -> bytes:
        limit = self._service.timeout_seconds
        if self._process is None or self._process.poll() is not None:
            self.close()
            self._start()
            limit += self._service.start_seconds
        self._number += 1
        header = {
            "id": self._number,
            "bytes": len(request.body),
            "shape": request.shape,
            "dtype": request.dtype,
            "encoding": request.encoding,
        }
        try:
            answer = self._exchange(json.dumps(header).encode() + b"\n" + request.body, limit)
        except NoAnswer:
            self.close()
            raise
        self._check_id(answer)
        return answer

    def close(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        with suppress(subprocess.TimeoutExpired):
            process.wait(GRACE_SECONDS)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # its own session: what it started ends, too
        process.wait()
        if self._errors is not None:
            self._errors.close()

    def _start(self) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  # closed with the process
        try:
            self._process = subprocess.Popen(
                self._words,
                cwd=self._folder,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                bufsize=0,
                start_new_session=True,
            )
        except OSError as error:
            raise LsapError(f"{self.where} cannot be started in {self._folder} ({error.strerror})") from None
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            os.set_blocking(pipe.fileno(), False)

    def _exchange(self, sent: bytes, limit: float) -> bytes:
        """Writes a request and reads one line, both as far as the program's pipes take or have."""
        process = self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        end, left, line = time.monotonic() + limit, memoryview(sent), bytearray()
        with selectors.DefaultSelector() as ready:
            ready.register(process.stdout, selectors.EVENT_READ)
            ready.register(process.stdin, selectors.EVENT_WRITE)
            while (seconds := end - time.monotonic()) > 0:
                for key, _ in ready.select(seconds):
                    if key.fileobj is process.stdin:
                        left = left[self._written(process.stdin.fileno(), left) :]
                        if not left:
                            ready.unregister(process.stdin)
                        continue
                    piece = os.read(process.stdout.fileno(), PIECE)
                    if not piece:
                        raise NoAnswer(self._ended(process))
                    line += piece
                    if line.endswith(b"\n") or len(line) > LARGEST_ANSWER:
                        return self._one_line(bytes(line))
        raise NoAnswer(f"none within {limit:g} s")

    def _written(self, handle: int, left: memoryview) -> int:
        try:
            return os.write(handle, left[:PIECE])
        except BlockingIOError:
            return 0
        except BrokenPipeError:  # the program ended: what it wrote last is read
            return len(left)

    def _one_line(self, text: bytes) -> bytes:
        if len(text) > LARGEST_ANSWER or text.count(b"\n") > 1:
            first = printable(text[:LAST_WORDS].decode("utf-8", "replace"))
            raise self._wrong(f"more than one line, or too long a one: {first}")
        return text

    def _check_id(self, answer: bytes) -> None:
        """An answer to another request would be believed for this one."""
        try:
            document = json.loads(answer)
        except (ValueError, RecursionError):
            return  # the reader of answers says what it is
        found = document.get("id") if isinstance(document, dict) else None
        if found != self._number:
            raise self._wrong(
                f'an answer with "id": {printable(json.dumps(found))[:40]} where the request has {self._number}; each '
                "answer repeats the id of its request"
            )

    def _wrong(self, what: str) -> LsapError:
        self.close()
        return LsapError(f"{self.where} gave {what}", 1)

    def _ended(self, process: subprocess.Popen[bytes]) -> str:
        with suppress(subprocess.TimeoutExpired):
            process.wait(GRACE_SECONDS)
        words = ""
        if self._errors is not None:
            self._errors.seek(0)
            words = printable(self._errors.read()[-4 * LAST_WORDS :].decode("utf-8", "replace").strip())[-LAST_WORDS:]
        code = process.poll()
        how = "it closed its output" if code is None else f"it ended with exit code {code}"
        return how + (f", and its last words were: {words}" if words else "")


def load_command(request: NetworkRequest) -> LoadedNetwork:
    """The network behind a command; it is started when the first clips are sent.

    Raises:
        LsapError: if the card leaves out what a command cannot say.
    """
    words = command_words(request.place, request.where)
    folder = Path.cwd() if request.card is None else request.card.parent
    source = {"command": request.place}
    for word in words:
        if word != words[0] or not Path(word).is_absolute():  # an interpreter is no part of the network
            source |= {f"{word} sha256": sha256(folder / word)} if (folder / word).is_file() else {}
    channel = CommandChannel(words, folder, request.service or ServiceFormat())
    return load_service(request, channel, source)
