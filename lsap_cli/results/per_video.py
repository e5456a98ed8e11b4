"""Rung P: a pattern of its own for each video. An upper bound, in no minimum."""

from typing import Literal

from msgspec import field

from lsap_cli.results.base import Count, Result
from lsap_cli.results.rates import Paired, Rate
from lsap_cli.results.records import Record

PerVideoVerdict = Literal["falls", "alike", "masked"]


class PerVideoAttack(Result, frozen=True, kw_only=True):
    """One video with a pattern of its own behind each defense: a line of per-video.jsonl.

    Attributes:
        video: its name.
        steps: that learning took, by defense.
        seconds: likewise.
        records: its predictions, one for each defense and sampler.
    """

    video: str
    steps: dict[str, Count] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    records: tuple[Record, ...] = ()


class PerVideoBound(Result, frozen=True, kw_only=True):
    """What a pattern of its own for each video leaves of a defense, with one sampler.

    Robust accuracy is a minimum over patterns for all videos; this rung is in no minimum.

    Attributes:
        sampler: the spec.
        attack: its name in per-video.jsonl.
        videos: how many.
        accuracy: right predictions; null without labels.
        fooling_rate: predictions that changed.
        steps: of learning, over all videos; for all samplers together.
        seconds: likewise.
        universal: the strongest attack of the ladder that has one pattern for all videos.
        compared: videos that only the own pattern harms (`gained`), and that only the universal attack harms (`lost`).
        verdict: `falls`: the own patterns do more, beyond chance; `masked`: the universal attack does more, beyond
            chance, so gradients are masked or the own patterns had too few steps; else `alike`.
    """

    sampler: str
    attack: str
    videos: Count
    accuracy: Rate | None = None
    fooling_rate: Rate | None = None
    steps: Count = 0
    seconds: float = 0.0
    universal: str
    compared: Paired
    verdict: PerVideoVerdict = "alike"
