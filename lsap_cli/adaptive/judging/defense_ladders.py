"""Ladders of defenses from rows and records. Law 8: robust accuracy is the minimum over the ladder."""

from collections.abc import Mapping, Sequence
from typing import Any

from lsap_cli.adaptive.planning.defense_ladders import DESCRIPTIONS, DefenseLadderPlan
from lsap_cli.adaptive.planning.rungs import PlannedRung
from lsap_cli.evaluation.rates import rate
from lsap_cli.evaluation.rows import Record
from lsap_cli.evaluation.standards import technique


def defense_ladder_results(
    ladders: Sequence[DefenseLadderPlan], rows: Sequence[dict[str, Any]], records: Sequence[Record]
) -> list[dict[str, Any]]:
    """Each defense's rungs with their rows, and the worst of them for each sampler.

    Args:
        ladders: as planned.
        rows: of all attacks.
        records: likewise.
    """
    return [_result(ladder, rows, records) for ladder in ladders]


def rung_result(
    rung: PlannedRung, descriptions: Mapping[str, str], rows: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """A rung as it is in results.json: the attack, what it knows, and its rows."""
    return {
        "rung": rung.rung,
        "attack": rung.attack,
        "role": rung.role,
        "says": descriptions[rung.rung],
        "identifiers": technique(rung.rung),
        **({} if rung.attacker is None else rung.attacker.record()),
        "rows": list(rows),
    }


def _result(ladder: DefenseLadderPlan, rows: Sequence[dict[str, Any]], records: Sequence[Record]) -> dict[str, Any]:
    mine = [row for row in rows if row["defense"] == ladder.spec]
    rungs = [
        rung_result(one, DESCRIPTIONS, [row for row in mine if row["attack"] == one.attack]) for one in ladder.rungs
    ]
    samplers = dict.fromkeys(row["sampler"] for row in mine)
    return {
        "defense": ladder.spec,
        "deterministic": ladder.defense is None or ladder.defense.deterministic,
        "rungs": rungs,
        "missing": [{"rung": rung, "why": why} for rung, why in sorted(ladder.missing.items())],
        "robust": [_worst(ladder, rungs, sampler, records) for sampler in samplers],
    }


def _worst(
    ladder: DefenseLadderPlan, rungs: Sequence[dict[str, Any]], sampler: str, records: Sequence[Record]
) -> dict[str, Any]:
    """The minimum over the ladder: the rung that does most harm, and the videos that no rung breaks."""
    rows = [(row, rung) for rung in rungs for row in rung["rows"] if row["sampler"] == sampler]
    row, rung = max(rows, key=lambda one: harmfulness(one[0]))
    return {
        "sampler": sampler,
        "rung": rung["rung"],
        "attack": row["attack"],
        "clean_accuracy": row["clean_accuracy"],
        "accuracy": row["attacked_accuracy"],
        "fooling_rate": row["fooling_rate"],
        "net_fooling_rate": row["net_fooling_rate"],
        "milliseconds_per_video": row["milliseconds_per_video"],
        "right_under_every_rung": _right_under_every_rung(ladder, sampler, records),
    }


def harmfulness(row: Mapping[str, Any]) -> tuple[float, float]:
    """How much harm an attack does, to compare rows by: wrong predictions first, then net changes."""
    accuracy, net, fooled = row["attacked_accuracy"], row["net_fooling_rate"], row["fooling_rate"]
    changes = net["value"] if net else fooled["value"] if fooled else 0.0
    return (1 - accuracy["value"] if accuracy else 0.0), changes


def _right_under_every_rung(ladder: DefenseLadderPlan, sampler: str, records: Sequence[Record]) -> Any:
    """The share of labelled videos whose prediction is right whichever rung attacks them."""
    names = {one.attack for one in ladder.rungs}
    right: dict[str, bool] = {}
    for one in records:
        if one.labels and (one.defense, one.sampler) == (ladder.spec, sampler) and one.attack in names:
            right[one.video] = right.get(one.video, True) and bool(one.correct)
    return rate(list(right.values()))
