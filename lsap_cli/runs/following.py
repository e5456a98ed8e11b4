"""Reading on in files that grow: only what is new, only whole lines, and from the start where a file was replaced."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from lsap_cli.results.files import LONGEST_LINE, open_regular

CHUNK_BYTES = 2**22
SAMPLES = 100  # places of a large file that are read before all of it is
SAMPLE_BYTES = 2**13


def sampled(path: Path) -> Iterator[bytes]:
    """Some whole lines of a large file: of its beginning, its end, and of places at even distances between them.

    Raises:
        OSError: if it cannot be read.
    """
    with open_regular(path) as file:
        last = max(0, file.seek(0, os.SEEK_END) - SAMPLE_BYTES)
        for start in sorted({last * number // (SAMPLES - 1) for number in range(SAMPLES)}):
            file.seek(start)
            piece = file.read(SAMPLE_BYTES)
            begin = 0 if start == 0 else piece.find(b"\n") + 1
            yield piece[begin : piece.rfind(b"\n") + 1]


class FileTail:
    """The whole lines of a file that grows, each given once.

    A line that has no end yet is kept until it has. A file that became shorter, or was replaced by another, is read
    again from its start, and `restarts` counts up.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.restarts = 0
        self.problem: str | None = None
        self._missing = False
        self.offset = 0
        self._file: BinaryIO | None = None
        self._rest = b""

    def read(self) -> Iterator[bytes]:
        """Blocks of new whole lines, each some megabytes at most; nothing where there is nothing new."""
        try:
            self._open_or_restart()
            while self._file is not None and (chunk := self._file.read(CHUNK_BYTES)):
                self.offset += len(chunk)
                cut = chunk.rfind(b"\n") + 1
                if cut:
                    block, self._rest = self._rest + chunk[:cut], chunk[cut:]
                    yield block
                else:
                    self._rest += chunk
                if len(self._rest) > LONGEST_LINE:  # no event is so long: the file is not what it should be
                    block, self._rest = self._rest + b"\n", b""
                    yield block
            self.problem, self._missing = None, False
        except FileNotFoundError:
            self.problem, self._missing = f"{self.path.name} is missing", True
            self._forget()
        except OSError as error:
            self.problem = f"{self.path.name} cannot be read ({error.strerror or error})"
            self._forget()

    @property
    def is_missing(self) -> bool:
        """Whether there is no such file (yet)."""
        return self._missing

    @property
    def unfinished(self) -> bool:
        """Whether the file ends in the middle of a line: half-written, or a writer that was killed."""
        return bool(self._rest)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _open_or_restart(self) -> None:
        status = self.path.stat()
        if self._file is not None:
            opened = os.fstat(self._file.fileno())
            if (status.st_ino, status.st_dev) != (opened.st_ino, opened.st_dev) or status.st_size < self.offset:
                self._forget()
        if self._file is None:
            self._file = open_regular(self.path)

    def _forget(self) -> None:
        if self._file is not None:
            self.restarts += 1
        self.close()
        self.offset, self._rest = 0, b""


def file_stamp(path: Path | str) -> tuple[int, int] | None:
    """What changes when a file does; None where it is not there."""
    try:
        status = os.stat(path)  # noqa: PTH116  # of text, too: making a path object takes as long
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size
