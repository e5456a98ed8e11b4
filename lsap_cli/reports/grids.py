"""The results as tables of plain text, from which the page, CSV, Markdown and LaTeX are made alike."""

from collections.abc import Sequence

from lsap_cli.reports.grid import Grid
from lsap_cli.reports.rows import NO_DEFENSE, NOISE, Estimate, Json, Rate, printable

MEASURES = {"accuracy": "accuracy", "fooling_rate": "fooling rate", "success_rate": "success rate"}
COSTS = {
    "decode": "decoding", "transform": "defenses", "network": "network", "rest": "the rest: perturbing, resizing, rounding",
    "all": "together",
}  # fmt: skip
RUNGS = ("A0", "A1", "A2", "A3", "A4", "A5")
DETECTOR_RUNGS = ("A0", "A2", "A4", "A5")


def grids(results: Json) -> list[Grid]:
    """All tables that a run's results have something for.

    Args:
        results: a parsed results.json.
    """
    makers = (
        rates_grid,
        ladder_grid,
        detector_ladder_grid,
        checks_grid,
        budget_grid,
        seeds_grid,
        transfer_grid,
        sampler_grid,
        equal_norm_grid,
        certificate_grid,
        cost_grid,
    )
    found = [make(results) for make in makers]
    return [grid for grid in found if grid.lines]


def rates_grid(results: Json) -> Grid:
    """Every row."""
    lines = [
        (
            printable(row["attack"]), printable(row.get("rung") or ""), printable(row["defense"]),
            printable(row["sampler"]), str(row["videos"]), _rate(row.get("clean_accuracy")),
            _rate(row.get("attacked_accuracy")), _rate(row.get("fooling_rate")), _net(row),
            _rate(row.get("success_rate")),
        )
        for row in results.get("rows", [])
    ]  # fmt: skip
    header = (
        "attack", "rung", "defense", "sampler", "videos", "clean accuracy", "accuracy", "fooling rate", "net fooling",
        "success rate",
    )  # fmt: skip
    return Grid("rates", "Every rate", "Rate (count, 95 % interval).", header, tuple(lines))


def ladder_grid(results: Json) -> Grid:
    """Each defense under each rung, and the minimum."""
    lines = []
    for ladder in results.get("ladder") or []:
        for worst in ladder["robust"]:
            sampler = worst["sampler"]
            rungs = [_rung(ladder, rung, sampler) for rung in RUNGS]
            lines.append(
                (
                    printable(ladder["defense"]), printable(sampler), _rate(worst["clean_accuracy"]), *rungs,
                    _rate(worst["accuracy"] or worst["fooling_rate"]), printable(worst["attack"]),
                    _estimate(worst["net_fooling_rate"]), _rate(worst["right_under_every_rung"]),
                )
            )  # fmt: skip
    header = (
        "defense", "sampler", "clean", *RUNGS, "worst", "by", "its net fooling", "right under every rung",
    )  # fmt: skip
    note = (
        "Accuracy under the strongest attacker of each rung (fooling rate without labels). A0 does not know the defense; A1 has "
        "the identity's gradient; A2 the declared one; A3 expects over draws; A4 stays in what passes; A5 has no gradient. "
        "The worst of them is the defense's robust accuracy."
    )
    return Grid("ladder", "The adaptive ladder", note, header, tuple(lines))


def _rung(ladder: Json, rung: str, sampler: str) -> str:
    """The rate of the strongest attacker of a rung; a dash where the defense has none."""
    rows = [row for one in ladder["rungs"] if one["rung"] == rung for row in one["rows"] if row["sampler"] == sampler]
    rates = [_measure(row) for row in rows]
    found = [rate for rate in rates if rate]
    if not found:
        return "–"
    sign = 1 if rows[0].get("attacked_accuracy") else -1  # the lowest accuracy, or the highest fooling rate
    return str(min(found, key=lambda rate: sign * rate.value))


def detector_ladder_grid(results: Json) -> Grid:
    """What attackers of each rung win of a detector, and what holds against the best of them."""
    lines = [
        (
            printable(ladder["detector"]), _rate(worst["false_alarms"]), _most_won(ladder["noise"]),
            *(_most_won(_rows_of(ladder, rung)) for rung in DETECTOR_RUNGS), _rate(worst["robust_rate"]),
            printable(worst["attack"]), _estimate(worst["tpr_at_fpr"].get("0.05")),
            _rate(worst["held_under_every_rung"]),
        )
        for ladder in results.get("detector_ladder") or []
        for worst in ladder["robust"]
    ]  # fmt: skip
    header = (
        "detector", "false alarms", "noise wins", *(f"{rung} wins" for rung in DETECTOR_RUNGS), "holds against the best",
        "by", "its share found at 5 % false alarms", "holds under every rung",
    )  # fmt: skip
    note = (
        "An attack wins a video when the bare model's prediction is what it wanted and the detector does not flag the video, with "
        "a threshold from other clean videos. A0 does not know the detector; A2 has the gradients of the margin and of the "
        "score; A4 stays in what the detector cannot see; A5 has no gradient. With the first sampler."
    )
    return Grid("detector-ladder", "Detectors against attackers who know them", note, header, tuple(lines))


def _rows_of(ladder: Json, rung: str) -> list[Json]:
    return [row for one in ladder["rungs"] if one["rung"] == rung for row in one["rows"]]


def _most_won(rows: Sequence[Json]) -> str:
    found = [rate for row in rows if (rate := Rate.read(row["evasion_rate"]))]
    return str(max(found, key=lambda rate: rate.value)) if found else "–"


def checks_grid(results: Json) -> Grid:
    """The checks, warnings first."""
    ordered = sorted(results.get("checks") or [], key=lambda one: one["status"] != "WARN")
    lines = [
        (one["status"], printable(one["defense"]), printable(one["name"]), printable(one["figure"]), one["sentence"])
        for one in ordered
    ]
    header = ("status", "defense", "check", "figure", "why")
    note = "WARN: read the figure before believing the defense's rates. With the first sampler."
    return Grid("checks", "Checks", note, header, tuple(lines))


def budget_grid(results: Json) -> Grid:
    """Each defense under rising budgets, first sampler, the noise beside it."""
    points = results.get("budget_curve") or []
    epsilons = list(dict.fromkeys(point["epsilon"] for point in points))
    lines = []
    for spec in dict.fromkeys(point["defense"] for point in points):
        mine = {point["epsilon"]: point for point in points if point["defense"] == spec}
        knows = any(point["knows_defense"] for point in mine.values())
        for kind, key in (("learned", "rows"), ("noise", "noise")):
            cells = [_first(mine[epsilon][key]) if epsilon in mine else "–" for epsilon in epsilons]
            what = f"{kind}, knows the defense" if knows and kind == "learned" else kind
            lines.append((printable(spec), what, *cells))
    note = "Accuracy (fooling rate without labels) at each epsilon, with the first sampler."
    return Grid("budget-curve", "Budget curve", note, ("defense", "attack", *epsilons), tuple(lines))


def seeds_grid(results: Json) -> Grid:
    """Each defense under perturbations of several seeds: the spread over them, and that over videos."""
    lines = [
        (
            printable(cell["defense"]), printable(cell["sampler"]), MEASURES[measure], f"{spread['mean']:.2f}",
            f"{spread['standard_deviation']:.2f}", _estimate(spread["over_videos"]),
            ", ".join(f"{printable(name)} {_rate(one)}" for name, one in spread["rates"].items()),
        )
        for cell in results.get("seeds") or []
        for measure in MEASURES
        for spread in [cell[measure]] if spread
    ]  # fmt: skip
    note = (
        "Several perturbations that differ in their seed alone. The standard deviation is over perturbations, the interval over "
        "videos (bootstrap over recordings): how far another seed, and how far other videos, would lead. They are not pooled."
    )
    header = (
        "defense", "sampler", "rate", "mean over seeds", "standard deviation over seeds", "mean, interval over videos",
        "each perturbation",
    )  # fmt: skip
    return Grid("seeds", "Spread over seeds", note, header, tuple(lines))


def transfer_grid(results: Json) -> Grid:
    """Learned on x tested on."""
    transfer = results.get("transfer") or {"models": {}, "cells": []}
    models = list(transfer["models"])
    rows: dict[str, dict[str, Json]] = {}
    for cell in transfer["cells"]:
        rows.setdefault(cell["learned_on"], {})[cell["tested_on"]] = cell["row"]
    lines = [
        (printable({NO_DEFENSE: "clean", NOISE: "noise"}.get(name, name)), *(_best(cells.get(one)) for one in models))
        for name, cells in rows.items()
    ]
    note = "Accuracy (fooling rate without labels) of the model in the column, without a defense, with its own sampler."
    header = ("learned on", *(printable(one) for one in models))
    return Grid("transfer", "Transfer between models", note, header, tuple(lines))


def sampler_grid(results: Json) -> Grid:
    """Fitted samplers x evaluated samplers."""
    matrix = results.get("sampler_matrix") or []
    samplers = list(dict.fromkeys(spec for row in matrix for spec in row["rates"]))
    lines = [
        (
            printable(row["attack"]), printable(", ".join(row["fit"]) or "unknown"),
            *(_rate(row["rates"].get(spec)) for spec in samplers),
            "–" if row["gap"] is None else f"{row['gap']:.2f}",
        )
        for row in matrix if len(samplers) > 1
    ]  # fmt: skip
    note = "Fooling rate (success rate of a targeted one) without a defense; gap: best fitted sampler less worst other."
    header = ("perturbation", "learned through", *(printable(one) for one in samplers), "gap")
    return Grid("sampler-matrix", "Sampler matrix", note, header, tuple(lines))


def equal_norm_grid(results: Json) -> Grid:
    """Natural corruptions as large as the perturbation, beside it and its noise control."""
    equal = (results.get("natural_robustness") or {}).get("equal_norm") or {}
    beside = [("noise control" if key == "noise" else printable(equal[key]["attack"]), equal[key])
              for key in ("perturbation", "noise") if equal.get(key)]  # fmt: skip
    lines = [(name, "–", f"{one['l2_rms']:.2f}", "–", _rate(one["accuracy"]), "–") for name, one in beside]
    lines += [
        (
            printable(kind), one["setting"], f"{one['l2_rms']:.2f}", "yes" if one["reached"] else "no, this is the nearest",
            _rate(one["accuracy"]), _estimate(one["by_recording"]),
        )
        for kind, one in (equal.get("kinds") or {}).items()
    ]  # fmt: skip
    note = (
        "Clean videos under corruptions that change them about as much as the perturbation does: of each kind the strength whose "
        "measured root mean square (levels of 0–255) is nearest. No defense, first sampler."
    )
    header = ("change", "setting", "root mean square", "equal", "accuracy", "accuracy, interval by recording")
    return Grid("equal-norm", "Natural corruptions of equal norm", note, header, tuple(lines))


def certificate_grid(results: Json) -> Grid:
    """What randomized smoothing promises."""
    lines = [
        (
            printable(one["smoothing"]), _rate(one["smoothed_accuracy"]), _rate(one["abstained"]),
            "vacuous" if one["vacuous"] else _rate(one["certified_accuracy"]), f"{one['median_radius']:.3f}",
            f"{one['largest_radius']:.3f}", f"{one['needed_radius']:.3f}",
        )
        for one in results.get("certificates") or []
    ]  # fmt: skip
    note = "Cohen et al., ICML 2019: a vote over noisy copies, the bound of Clopper and Pearson, abstention where it is below 0.5."
    header = (
        "smoothing", "accuracy of the vote", "abstained", "right for certain within the budget", "median radius",
        "largest possible", "radius needed",
    )  # fmt: skip
    return Grid("certificates", "Certificates", note, header, tuple(lines))


def cost_grid(results: Json) -> Grid:
    """Where the time of the matrix went."""
    cost = results.get("cost")
    whole = cost["seconds"]["all"] if cost else 0
    lines = [
        (
            what, f"{cost['seconds'][part]:.1f}", f"{100 * cost['seconds'][part] / whole:.0f} %",
            f"{cost['processor_seconds'][part]:.1f}",
        )
        for part, what in COSTS.items() if cost and whole
    ]  # fmt: skip
    note = "Of judging all videos under all attacks, behind all defenses, for all samplers. Learning and further tables are not in it."
    return Grid("cost", "Where the time went", note, ("part", "seconds", "share", "processor seconds"), tuple(lines))


def _measure(row: Json) -> Rate | None:
    return Rate.read(row.get("attacked_accuracy")) or Rate.read(row.get("fooling_rate"))


def _best(row: Json | None) -> str:
    return str((row and _measure(row)) or "–")


def _first(rows: Sequence[Json]) -> str:
    return _best(next(iter(rows), None))


def _rate(json: Json | None) -> str:
    return str(Rate.read(json) or "–")


def _estimate(json: Json | None) -> str:
    found = Estimate.read(json)
    return f"{found.value:.2f} ({found.interval})" if found else "–"


def _net(row: Json) -> str:
    return _estimate(row.get("net_fooling_rate"))
