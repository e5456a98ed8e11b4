"""A network behind a command or a URL of this machine: clips out, one JSON answer back. It is a black box."""

import io
import threading
import time
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from lsap_cli.classifiers.formats import InputFormat, OutputFormat, ServiceFormat
from lsap_cli.classifiers.model_formats.base import BlackBox, LoadedNetwork, NetworkRequest
from lsap_cli.classifiers.model_formats.service_answers import AnswerReader
from lsap_cli.errors import LsapError
from lsap_cli.results.text import counted

FIRST_PAUSE_SECONDS = 0.25  # before a request is sent again; twice as long before each further time
LARGEST_ANSWER = 2**26  # bytes


class Request(NamedTuple):
    """Clips on their way.

    Attributes:
        body: the array, in the service's encoding.
        shape: of the array.
        dtype: of the array.
        encoding: npz or raw.
    """

    body: bytes
    shape: tuple[int, ...]
    dtype: str
    encoding: str


class NoAnswer(Exception):
    """A request that got no answer: what happened. It can be sent again."""


class Channel(Protocol):
    """The way to a service.

    Attributes:
        where: the command or the URL, for sentences.
    """

    where: str

    def ask(self, request: Request) -> bytes:
        """The JSON text that answers a request.

        Raises:
            NoAnswer: if none came; the channel is ready for the next request then.
            LsapError: if what came is no answer, or no request can ever be sent.
        """
        ...

    def close(self) -> None:
        """Ends what the channel has started."""
        ...


@dataclass
class QueryCount:
    """What a service was asked. Mutable: the network that asks counts.

    Attributes:
        clips: that were sent, those of repeated requests included.
        repeated: clips that were sent once more, since no answer came.
    """

    clips: int = 0
    repeated: int = 0


class ServiceNetwork(BlackBox):
    """A service as a network.

    Args:
        channel: to it.
        service: how it is asked.
        reader: of its answers.
        card: who names it, for sentences.

    Attributes:
        asked: how many clips were sent.
    """

    def __init__(self, channel: Channel, service: ServiceFormat, reader: AnswerReader, card: str) -> None:
        super().__init__()
        self.asked = QueryCount()
        self._channel, self._service, self._reader, self._card = channel, service, reader, card
        self._one_at_a_time = threading.Lock()
        self._closing = weakref.finalize(self, channel.close)

    def forward(self, clips: Tensor) -> Tensor | dict[str, Tensor]:
        """Scores of clips or frames in the network's layout, as the service gives them: (B, ...)."""
        pixels = clips.detach().cpu()
        with self._one_at_a_time:
            answers = [self._answer(part) for part in pixels.split(self._service.batch)]
        scores = torch.cat(answers).to(clips.device)
        return scores if self._reader.key is None else {self._reader.key: scores}

    @property
    def queries_note(self) -> str:
        if not self.asked.clips:
            return ""
        again = f", {self.asked.repeated:,} of them again, since no answer came" if self.asked.repeated else ""
        return f"{self._channel.where} was asked about {counted(self.asked.clips, 'clip')} in all{again}"

    def close(self) -> None:
        """Ends a command. The network can be used again: it is started anew."""
        self._channel.close()

    def _answer(self, part: Tensor) -> Tensor:
        """The answer to one request, sent again while none comes."""
        request = encoded(part, self._service)
        problems: list[str] = []
        for attempt in range(self._service.retries + 1):
            if attempt:
                time.sleep(FIRST_PAUSE_SECONDS * 2 ** (attempt - 1))
                self.asked.repeated += len(part)
            self.asked.clips += len(part)
            try:
                answer = self._channel.ask(request)
            except NoAnswer as error:
                problems.append(str(error))
                continue
            return self._reader.scores(answer, len(part))
        times = "once" if len(problems) == 1 else f"{len(problems)} times"
        raise LsapError(
            f"{self._card}: {self._channel.where} was asked {times} about {counted(len(part), 'clip')} and gave no "
            f"answer: {problems[-1]}; start it, or give [service] a longer timeout_seconds, then go on with --resume",
            1,
        )


def encoded(clips: Tensor, service: ServiceFormat) -> Request:
    """Clips as bytes.

    Args:
        clips: (B, ...) float32, as the network takes them.
        service: how they are sent.
    """
    array = (clips.round().clamp(0, 255).to(torch.uint8) if service.dtype == "uint8" else clips).contiguous().numpy()
    if service.encoding == "raw":
        body = array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
    else:
        buffer = io.BytesIO()
        np.savez(buffer, clips=array)
        body = buffer.getvalue()
    return Request(body, array.shape, service.dtype, service.encoding)


def load_service(request: NetworkRequest, channel: Channel, source: dict[str, str]) -> LoadedNetwork:
    """The network of a service; nothing is asked or started yet.

    Args:
        request: with what its card says.
        channel: to the service.
        source: for the record.

    Raises:
        LsapError: if the card leaves out what a service cannot say.
    """
    labels, expects = _needed(request, channel.where)
    service, gives = request.service or ServiceFormat(), request.gives or OutputFormat()
    if service.dtype == "uint8" and (expects.scale != 255 or any(expects.mean) or set(expects.std) != {1.0}):
        raise LsapError(
            f"{request.where}: dtype in [service] is uint8, whole levels from 0 to 255; write scale = 255 into "
            "[input], without mean and std"
        )
    network = ServiceNetwork(channel, service, AnswerReader(channel.where, labels, gives), request.where)
    notes = (
        f"{channel.where} gives {'labels' if gives.kind == 'label' else 'scores'} and no gradients; it is asked about "
        f"{counted(service.batch, 'clip')} at a time ({service.encoding}, {service.dtype})",
    )
    name = "service" if request.card is None else request.card.stem
    return LoadedNetwork(network, name, labels, expects, source=source, notes=notes)


def _needed(request: NetworkRequest, where: str) -> tuple[Sequence[str], InputFormat]:
    expects = request.needed_input(where)
    if request.labels is None:
        raise LsapError(f"{request.where} lacks labels; it is a text file with one class a line, relative to the card")
    return request.labels, expects
