"""The spread over perturbations that differ in their seed alone, apart from the spread over videos."""

from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import torch

from lsap_cli.errors import LsapError
from lsap_cli.evaluation.bootstrap import mean_by_recording
from lsap_cli.evaluation.records import hits_target
from lsap_cli.results.rates import rate
from lsap_cli.results.records import Record
from lsap_cli.results.spread import RateOverSeeds, SeedSpread
from lsap_cli.specs import load_perturbation
from perturbations import Perturbation

Outcome = Callable[[Record], bool | None]
"""Whether a record counts for a rate; None: it is left out."""


def spread_over_seeds(records: Sequence[Record], attacks: Sequence[str], target: int | None) -> list[SeedSpread]:
    """For each defense and sampler, how rates differ between perturbations, and how between videos.

    The two are never pooled: clips of one video under several perturbations are no further videos. The mean over
    perturbations has a standard deviation over perturbations (n - 1), and an interval over videos: the bootstrap's over
    recordings, of the share of perturbations that each video counts under. Behind a random defense: the first draw.

    Args:
        records: of all videos; every cell has the same videos.
        attacks: names of the perturbations, at least two.
        target: the class of a targeted attack.
    """
    cells: dict[tuple[str, str], dict[str, list[Record]]] = {}
    for one in records:
        if one.attack in attacks:
            cells.setdefault((one.defense, one.sampler), {}).setdefault(one.attack, []).append(one)
    return [
        SeedSpread(
            defense=defense,
            sampler=sampler,
            accuracy=_spread(cell, attacks, lambda record: record.correct),
            fooling_rate=_spread(cell, attacks, lambda record: record.changed),
            success_rate=None if target is None else _spread(cell, attacks, lambda record: hits_target(record, target)),
        )
        for (defense, sampler), cell in cells.items()
    ]


def _spread(cell: dict[str, list[Record]], attacks: Sequence[str], outcome: Outcome) -> RateOverSeeds | None:
    """None where no video has a say."""
    counted: dict[str, dict[str, bool]] = {name: {} for name in attacks}  # by perturbation and video
    recordings: dict[str, str] = {}
    for name in attacks:
        for one in cell[name]:
            value = outcome(one)
            if value is not None:
                counted[name][one.video] = value
                recordings[one.video] = one.recording
    if not recordings:
        return None
    rates = {name: rate(list(outcomes.values())) for name, outcomes in counted.items()}
    values = [one.value for one in rates.values() if one]
    shares = [mean(counted[name][video] for name in attacks) for video in recordings]
    return RateOverSeeds(
        rates=rates,
        mean=mean(values),
        standard_deviation=stdev(values),
        over_videos=mean_by_recording(shares, list(recordings.values())),
    )


def load_seeds(
    first: str, perturbation: Perturbation, files: Sequence[str], taken: Sequence[str]
) -> dict[str, Perturbation]:
    """Perturbations that differ from the first one in their seed alone, by the names of their files.

    Args:
        first: file of the first one.
        perturbation: the first one.
        files: of the others.
        taken: names of other perturbation sources.

    Raises:
        LsapError: if one differs in more, has a name that is taken, or holds the same pattern as another.
    """
    loaded: dict[str, Perturbation] = {}
    for file in files:
        other, name = load_perturbation(Path(file)), Path(file).stem
        for what, expected, its in zip(("budget", "binding", "target"), _kind(perturbation), _kind(other), strict=True):
            if expected != its:
                raise LsapError(
                    f"{file} has the {what} {its}, {first} has {expected}: several --perturbation must differ in their "
                    "seed alone, as those of lsap generate --seeds do"
                )
        if name in (*taken, *loaded):
            raise LsapError(f"two attacks would be called '{name}'; give {file} another file name")
        equal = [known for known, one in {first: perturbation, **loaded}.items() if torch.equal(one.delta, other.delta)]
        if equal:
            raise LsapError(f"{file} holds the same pattern as {equal[0]}; give perturbations of different seeds")
        loaded[name] = other
    return loaded


def _kind(perturbation: Perturbation) -> tuple[str, str, Any]:
    """What perturbations of several seeds have in common."""
    budget = perturbation.budget
    return f"{budget.norm} {budget.epsilon_text}", str(perturbation.binding), perturbation.record.get("target")
