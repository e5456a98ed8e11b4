"""Where the time of judging goes: decoding, the defenses, the network, and the rest."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Part = Literal["decode", "transform", "network", "all"]


@dataclass
class Cost:
    """Seconds by part, on the wall and of the processor (all threads of this process together); `all` is the whole."""

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

    def add_earlier(self, before: Mapping[str, Mapping[str, float]]) -> None:
        """Adds the cost of an earlier part of the run, as `asdict` gives it."""
        for totals, earlier in (
            (self.seconds, before["seconds"]),
            (self.processor_seconds, before["processor_seconds"]),
        ):
            for part, passed in earlier.items():
                totals[part] = totals.get(part, 0.0) + passed

    def as_json(self) -> dict[str, Any]:
        """For results.json, with the rest: what is none of the parts."""
        return {kind: _with_rest(totals) for kind, totals in asdict(self).items()}


def _with_rest(totals: Mapping[str, float]) -> dict[str, float]:
    parts = {part: totals.get(part, 0.0) for part in ("decode", "transform", "network")}
    whole = totals.get("all", 0.0)
    return parts | {"rest": whole - sum(parts.values()), "all": whole}
