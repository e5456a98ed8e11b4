"""Where the time of judging goes: decoding, the defenses, the network, and the rest."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from lsap_cli.results.documents import CostByPart, JudgingCost

Clock = Callable[[], float]
Part = Literal["decode", "transform", "network", "all"]


@dataclass
class Cost:
    """Seconds by part, on the wall and of the processor; `all` is the whole.

    Attributes:
        seconds: on the wall. Where threads judge side by side, each one's part counts its share.
        processor_seconds: of the threads that judge, and in `all` of all threads of this process.
    """

    seconds: dict[str, float] = field(default_factory=dict)
    processor_seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def of(self, part: Part, clock: Clock = time.process_time) -> Iterator[None]:
        """Adds the time of the block to a part.

        Args:
            part: which.
            clock: of the processor; that of one thread where others work beside it.
        """
        wall, processor = time.perf_counter(), clock()
        try:
            yield
        finally:
            for totals, passed in (
                (self.seconds, time.perf_counter() - wall),
                (self.processor_seconds, clock() - processor),
            ):
                totals[part] = totals.get(part, 0.0) + passed

    def add_beside(self, other: "Cost", threads: int) -> None:
        """Adds what one of several threads took that work side by side."""
        shares = {part: passed / threads for part, passed in other.seconds.items()}
        self.add_earlier(Cost(shares, other.processor_seconds))

    def add_earlier(self, before: "Cost") -> None:
        """Adds the cost of an earlier part of the run."""
        for totals, earlier in (
            (self.seconds, before.seconds),
            (self.processor_seconds, before.processor_seconds),
        ):
            for part, passed in earlier.items():
                totals[part] = totals.get(part, 0.0) + passed

    def result(self) -> JudgingCost:
        """For results.json, with the rest: the time that is in none of the parts."""
        return JudgingCost(seconds=_by_part(self.seconds), processor_seconds=_by_part(self.processor_seconds))


def _by_part(totals: Mapping[str, float]) -> CostByPart:
    decode, transform, network, whole = (totals.get(part, 0.0) for part in ("decode", "transform", "network", "all"))
    rest = whole - decode - transform - network
    return CostByPart(decode=decode, transform=transform, network=network, rest=rest, all=whole)
