"""Threads that judge side by side: while the network classifies frames in one, a defense works in another.

What is judged does not depend on them: each piece of work is done in one thread, and results are taken in order.
"""

import copy
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from threading import Lock
from types import TracebackType
from typing import Generic, Self, TypeVar

import torch

from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.evaluation.cost import Clock
from lsap_cli.evaluation.protocol import EvaluationProtocol

AHEAD = 2  # pieces of work a thread, that may wait: what they need is held in memory

Result = TypeVar("Result")


class JudgingWorkers(Generic[Result]):
    """Does work in a few threads, and gives the results in the order of the work.

    Torch's threads are divided among them. Each has a copy of the network, which shares its parameters: a network may
    keep something between two calls. Where that cannot be (a program or a server that answers, a GPU), one thread at a
    time asks the network.

    Args:
        networks: the protocol, and its copies.
        pieces: of work that there will be side by side.
        most: threads for which there is memory; fewer of them change no result, so each computes with as many of
            torch's threads as if all were there.
    """

    def __init__(self, networks: "NetworkCopies", pieces: int, most: int) -> None:
        self._threads = torch.get_num_threads()
        wanted = max(1, min(self._threads, pieces))
        self.count = min(wanted, most)
        self._threads_each = self._threads // wanted
        self.clock: Clock = time.process_time if wanted == 1 else time.thread_time
        self._protocols = deque(networks.protocols(self.count))
        self._waiting: deque[Future[Result]] = deque()
        self._pool = ThreadPoolExecutor(self.count, "judging", self._begin) if wanted > 1 else None

    def _begin(self) -> None:
        torch.set_num_threads(self._threads_each)  # of the thread that calls it

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)  # what has begun is ended, nothing else is begun
            torch.set_num_threads(self._threads)  # also of threads that begin later

    def do(self, work: Callable[[EvaluationProtocol], Result]) -> Iterator[Result]:
        """Hands over a piece of work; gives earlier results, so that not too many wait."""
        if self._pool is None:
            yield work(self._protocols[0])
            return
        self._waiting.append(self._pool.submit(self._with_own_network, work))
        while len(self._waiting) > AHEAD * self.count:
            yield self._waiting.popleft().result()

    def finish(self) -> Iterator[Result]:
        """The results of all work that was handed over."""
        while self._waiting:
            yield self._waiting.popleft().result()

    def _with_own_network(self, work: Callable[[EvaluationProtocol], Result]) -> Result:
        protocol = self._protocols.popleft()  # as many as threads; both calls are atomic
        try:
            return work(protocol)
        finally:
            self._protocols.append(protocol)


class NetworkCopies:
    """A protocol with copies of its network, made once and kept.

    Args:
        protocol: whose classifier is copied.
    """

    def __init__(self, protocol: EvaluationProtocol) -> None:
        self._made = [protocol]
        self._alone: EvaluationProtocol | None = None

    def protocols(self, count: int) -> list[EvaluationProtocol]:
        """As many protocols, each for one thread."""
        first = self._made[0]
        while len(self._made) < count and self._alone is None:
            own = copied(first.classifier) if first.device.type == "cpu" and first.classifier.gives_gradients else None
            if own is None:
                self._alone = replace(first, turn=Lock())
            else:
                self._made.append(replace(first, classifier=own))
        if self._alone is not None and count > 1:
            return [self._alone] * count
        return self._made[:count]


def copied(classifier: Classifier) -> Classifier | None:
    """A copy that shares the parameters; None of a network that cannot be copied."""
    shared = {id(one): one for one in classifier.parameters()}
    try:
        return copy.deepcopy(classifier, dict(shared))
    except Exception:  # a stranger's network can raise anything: it is then asked by one thread at a time
        return None
