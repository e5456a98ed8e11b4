"""Ladders of defenses from rows and records. Law 8: robust accuracy is the minimum over the ladder."""

from collections.abc import Mapping, Sequence
from typing import Any

from lsap_cli.adaptive.judging.per_video_bounds import per_video_bounds
from lsap_cli.adaptive.planning.defense_ladders import DESCRIPTIONS, DefenseLadderPlan
from lsap_cli.adaptive.planning.rungs import PlannedRung
from lsap_cli.evaluation.standards import technique
from lsap_cli.results.ladders import (
    AttackerEffort,
    DefenseLadder,
    LadderRung,
    MissingRung,
    WorstRung,
)
from lsap_cli.results.per_video import PerVideoAttack
from lsap_cli.results.rates import Rate, rate
from lsap_cli.results.records import Record
from lsap_cli.results.rows import Row

NO_EFFORTS: Mapping[str, AttackerEffort] = {}


def defense_ladder(
    ladder: DefenseLadderPlan,
    rows: Sequence[Row],
    records: Sequence[Record],
    efforts: Mapping[str, AttackerEffort] = NO_EFFORTS,
    per_video: Sequence[PerVideoAttack] = (),
) -> DefenseLadder:
    """A defense's rungs with their rows, and the worst of them for each sampler.

    Args:
        ladder: as planned.
        rows: of all attacks.
        records: likewise.
        efforts: of the attackers that learned in the run, by name.
        per_video: rung P, over all defenses.
    """
    own = [row for row in rows if row.defense == ladder.spec]
    rungs = tuple(
        LadderRung(
            **rung_fields(one, DESCRIPTIONS, efforts), rows=tuple(row for row in own if row.attack == one.attack)
        )
        for one in ladder.rungs
    )
    return DefenseLadder(
        defense=ladder.spec,
        deterministic=ladder.defense is None or ladder.defense.deterministic,
        rungs=rungs,
        missing=missing_rungs(ladder.missing),
        robust=tuple(_worst(ladder, rungs, sampler, records) for sampler in dict.fromkeys(row.sampler for row in own)),
        per_video=per_video_bounds(ladder, records, per_video),
    )


def rung_fields(
    rung: PlannedRung, descriptions: Mapping[str, str], efforts: Mapping[str, AttackerEffort]
) -> dict[str, Any]:
    """The fields that rungs of defenses' and of detectors' ladders have in common.

    Args:
        rung: as planned.
        descriptions: what the attackers of a rung know.
        efforts: of the attackers that learned in the run, by name.
    """
    effort = efforts.get(rung.attack)
    return {
        "rung": rung.rung,
        "attack": rung.attack,
        "role": rung.role,
        "says": descriptions[rung.rung],
        "identifiers": technique(rung.rung),
        **({} if rung.attacker is None else rung.attacker.record()),
        **({} if effort is None else {"effort": effort}),
    }


def missing_rungs(reasons: Mapping[str, str]) -> tuple[MissingRung, ...]:
    """Rungs that a ladder does not have, in order."""
    return tuple(MissingRung(rung=rung, why=why) for rung, why in sorted(reasons.items()))


def harm_order(row: Row) -> tuple[float, float]:
    """How much harm an attack does, to compare rows by: wrong predictions first, then net changes."""
    changes = row.net_fooling_rate or row.fooling_rate
    return (1 - row.attacked_accuracy.value if row.attacked_accuracy else 0.0), changes.value if changes else 0.0


def _worst(
    ladder: DefenseLadderPlan, rungs: Sequence[LadderRung], sampler: str, records: Sequence[Record]
) -> WorstRung:
    """The minimum over the ladder: the rung that does most harm, and the videos that no rung breaks."""
    rows = [(row, rung) for rung in rungs for row in rung.rows if row.sampler == sampler]
    row, rung = max(rows, key=lambda one: harm_order(one[0]))
    return WorstRung(
        sampler=sampler,
        rung=rung.rung,
        attack=row.attack,
        clean_accuracy=row.clean_accuracy,
        accuracy=row.attacked_accuracy,
        fooling_rate=row.fooling_rate,
        net_fooling_rate=row.net_fooling_rate,
        milliseconds_per_video=row.milliseconds_per_video,
        right_under_every_rung=_right_under_every_rung(ladder, sampler, records),
    )


def _right_under_every_rung(ladder: DefenseLadderPlan, sampler: str, records: Sequence[Record]) -> Rate | None:
    """The share of labelled videos whose prediction is right whichever rung attacks them."""
    attacks = {one.attack for one in ladder.rungs}
    right: dict[str, bool] = {}
    for one in records:
        if one.correct is not None and (one.defense, one.sampler) == (ladder.spec, sampler) and one.attack in attacks:
            right[one.video] = right.get(one.video, True) and bool(one.correct)
    return rate(list(right.values()))
