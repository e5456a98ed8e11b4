"""Where the time of judging goes: decoding, the defenses, the network, and the rest."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from lsap_cli.results.documents import CostByPart, JudgingCost

Part = Literal["decode", "transform", "network", "all"]


@dataclass
class Cost:
    """Seconds by part, on the wall and of the processor (all threads of this process); `all` is the whole."""

    seconds: dict[str, float] = field(default_factory=dict)
    processor_seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def of(self, part: Part) -> Iterator[None]:
        """Adds the time of the block to a part."""
        wall, processor = time.perf_counter(), time.process_time()
        try:
            yield
        finally:
            for totals, passed in (
                (self.seconds, time.perf_counter() - wall),
                (self.processor_seconds, time.process_time() - processor),
            ):
                totals[part] = totals.get(part, 0.0) + passed

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
