"""The results as tables of plain text, from which the page, CSV, Markdown and LaTeX are made alike."""

from collections.abc import Sequence
from typing import NamedTuple

from lsap_cli.reports.grid import Grid, figure_cell
from lsap_cli.results.base import UnsetType
from lsap_cli.results.documents import DefendResults, GenerateResults, Identifier
from lsap_cli.results.ladders import AttackerEffort, AttackRung, DefenseLadder, DetectorLadder, EvasionRow, pair_name
from lsap_cli.results.rates import Rate
from lsap_cli.results.records import NO_DEFENSE, NOISE
from lsap_cli.results.rows import DefenseGain, Row, TwoClassRates, best_defense
from lsap_cli.results.spread import TransferMatrix
from lsap_cli.results.summary import RowResults

MEASURES = ("accuracy", "fooling rate", "success rate")
COSTS = {
    "decode": "decoding",
    "transform": "defenses",
    "network": "network",
    "rest": "the rest: perturbing, resizing, rounding",
    "all": "in all",
}
RUNGS = ("A0", "A1", "A2", "A3", "A4", "A5")
DETECTOR_RUNGS = ("A0", "A2", "A4", "A5")
DETECTOR_HEADER = (
    "false alarms", "noise wins", *(f"{rung} wins" for rung in DETECTOR_RUNGS), "holds against the best", "by",
    "its share flagged at 5 % false alarms", "holds under every rung",
)  # fmt: skip


def grids(results: DefendResults) -> list[Grid]:
    """All tables that a run's results have something for.

    Args:
        results: of a run.
    """
    makers = (
        rates_grid,
        two_class_grid,
        ladder_grid,
        detector_ladder_grid,
        pair_ladder_grid,
        attackers_grid,
        checks_grid,
        budget_grid,
        seeds_grid,
        transfer_grid,
        sampler_grid,
        equal_norm_grid,
        certificate_grid,
        cost_grid,
        identifiers_grid,
    )
    tables = [make(results) for make in makers]
    return [grid for grid in tables if grid.lines]


def rates_grid(results: RowResults) -> Grid:
    """Every row; the accuracy of a defense that a paired test shows to be the best is marked.

    Where several models were asked, each row names its model.
    """
    gains = results.defense_gains if isinstance(results, DefendResults) else ()
    rows = results.every_row if isinstance(results, GenerateResults) else results.rows
    several = any(row.model for row in rows)
    lines = [
        (
            *([row.model or ""] if several else []),
            row.attack, row.rung or "", row.defense, row.sampler, str(row.videos), figure_cell(row.clean_accuracy),
            figure_cell(row.attacked_accuracy, _is_best(row, gains)), figure_cell(row.fooling_rate),
            figure_cell(row.net_fooling_rate), figure_cell(row.success_rate),
        )
        for row in rows
    ]  # fmt: skip
    header = (
        *(["model"] if several else []),
        "attack", "rung", "defense", "sampler", "videos", "clean accuracy", "accuracy", "fooling rate", "net fooling",
        "success rate",
    )  # fmt: skip
    return Grid("rates", "Every rate", "Rate (count, 95 % interval).", header, tuple(lines))


def _is_best(row: Row, gains: Sequence[DefenseGain]) -> bool:
    best = best_defense(gains, row.attack, row.sampler)
    return best is not None and best.defense == row.defense


def two_class_grid(results: DefendResults) -> Grid:
    """AUC and both kinds of errors of a network with two classes."""
    lines = [
        (
            row.attack, row.defense, row.sampler, f"{figures.threshold:g}", figure_cell(figures.auc),
            figure_cell(figures.false_negatives), figure_cell(figures.false_positives),
        )
        for row in results.rows
        if isinstance(figures := row.two_class, TwoClassRates)
    ]  # fmt: skip
    header = ("attack", "defense", "sampler", "threshold", "AUC", "false negatives", "false positives")
    found = [row.two_class.positive for row in results.rows if isinstance(row.two_class, TwoClassRates)]
    name = next((f", “{one}”" for one in found if one), "")
    caption = f"Positive is the second class{name}. AUC with the bootstrap's interval over recordings."
    return Grid("two-classes", "Two classes", caption, header, tuple(lines))


def ladder_grid(results: DefendResults) -> Grid:
    """Each defense under each rung, and the minimum."""
    lines = [
        (
            ladder.defense, worst.sampler, figure_cell(worst.clean_accuracy),
            *(_rung(ladder, rung, worst.sampler) for rung in RUNGS), figure_cell(worst.accuracy or worst.fooling_rate),
            _per_video(ladder, worst.sampler), worst.attack, figure_cell(worst.net_fooling_rate),
            figure_cell(worst.right_under_every_rung),
        )
        for ladder in results.ladder
        for worst in ladder.robust
    ]  # fmt: skip
    header = (
        "defense", "sampler", "clean", *RUNGS, "worst", "P (bound)", "by", "its net fooling",
        "right under every rung",
    )  # fmt: skip
    note = (
        "Accuracy under the strongest attacker of each rung (fooling rate without labels). A0 does not know the "
        "defense; A1 has "
        "the identity's gradient; A2 the declared one; A3 expects over draws; A4 stays in what passes; A5 has no "
        "gradient. The worst of them is the defense's robust accuracy. A dash: there is none, or it was not judged. "
        "P has a pattern of its own for each video: an upper bound on what any pattern for all can do, so it is not in "
        "the worst."
    )
    return Grid("ladder", "The adaptive ladder", note, header, tuple(lines))


def _per_video(ladder: DefenseLadder, sampler: str) -> str:
    """What a pattern of its own for each video leaves; a dash where the defense has no such rung."""
    bound = next((one for one in ladder.per_video if one.sampler == sampler), None)
    return "–" if bound is None else figure_cell(bound.accuracy or bound.fooling_rate)


def _rung(ladder: DefenseLadder, rung: str, sampler: str) -> str:
    """The rate of the strongest attacker of a rung; a dash where the defense has none."""
    rows = [row for one in ladder.rungs if one.rung == rung for row in one.rows if row.sampler == sampler]
    rates = [rate for row in rows if (rate := _measure(row))]
    if not rates:
        return "–"
    sign = 1 if rows[0].attacked_accuracy else -1  # the lowest accuracy, or the highest fooling rate
    return figure_cell(min(rates, key=lambda rate: sign * rate.value))


def detector_ladder_grid(results: DefendResults) -> Grid:
    """What attackers of each rung win of a detector, and what holds against the best of them."""
    note = (
        "An attack wins a video when the bare model's prediction is its aim and the detector, with a threshold from "
        "other clean videos, does not flag the video. A0 does not know the detector; A2 has the gradients of the "
        "margin and of the score; A4 stays in the detector's null space; A5 has no gradient. With the first sampler."
    )
    lines = _detector_lines(results.detector_ladder)
    return Grid(
        "detector-ladder", "Detectors against attackers that know them", note, ("detector", *DETECTOR_HEADER), lines
    )


def pair_ladder_grid(results: DefendResults) -> Grid:
    """The same of a defense and a detector at once."""
    note = (
        "An attack wins a video when the prediction behind the defense is its aim (changed: from that of the clean "
        "video behind the same defense) and the detector does not flag the video as it comes. A0 was learned for less: "
        "without knowledge of either, through the defense alone, below the detector alone. With the first sampler."
    )
    lines = _detector_lines(results.pair_ladder)
    return Grid("pair-ladder", "Defense and detector at once", note, ("defense + detector", *DETECTOR_HEADER), lines)


def _detector_lines(ladders: Sequence[DetectorLadder]) -> tuple[tuple[str, ...], ...]:
    return tuple(
        (
            pair_name(ladder), figure_cell(worst.false_alarms), _most_won(ladder.noise),
            *(_most_won(_rows_of(ladder, rung)) for rung in DETECTOR_RUNGS),
            figure_cell(worst.robust_rate), worst.attack,
            figure_cell(worst.tpr_at_fpr.get("0.05")), figure_cell(worst.held_under_every_rung or None),
        )
        for ladder in ladders
        for worst in ladder.robust
    )  # fmt: skip


class Spent(NamedTuple):
    """One attacker that learned in the run: what it is against, its rung or budget, its name, its effort."""

    about: str
    rung: str
    attack: str
    effort: AttackerEffort


def attackers_grid(results: DefendResults) -> Grid:
    """What each attacker that learned in the run has spent, and why it stopped."""
    lines = [
        (
            one.about, one.rung, one.attack, one.effort.begins_at, str(one.effort.steps), f"{one.effort.seconds:.0f}",
            figure_cell(one.effort.verified), one.effort.why, "yes" if one.effort.judged else "no",
        )
        for one in efforts(results)
    ]  # fmt: skip
    header = ("against", "rung", "attack", "begins at", "steps", "seconds", "verified", "it stopped because", "judged")
    note = (
        "Attackers race on verification videos, which are fit videos; what they win there (clips) decides who goes on "
        "and is no result. Only attackers that were judged on the evaluation videos count in a minimum."
    )
    return Grid("attackers", "What the attackers spent", note, header, tuple(lines))


def efforts(results: DefendResults) -> list[Spent]:
    """Each attacker that learned in the run, once: those of ladders, then those of other budgets."""
    rungs: list[tuple[str, AttackRung]] = [(ladder.defense, rung) for ladder in results.ladder for rung in ladder.rungs]
    with_detectors = (*results.detector_ladder, *results.pair_ladder)
    rungs += [(pair_name(ladder), rung) for ladder in with_detectors for rung in ladder.rungs]
    found = [
        Spent(about, rung.rung, rung.attack, rung.effort)
        for about, rung in rungs
        if isinstance(rung.effort, AttackerEffort) and rung.role != "transfer"
    ]
    return found + [
        Spent(one.defense, one.epsilon, f"epsilon {one.epsilon}", one.effort)
        for one in results.budget_curve
        if isinstance(one.effort, AttackerEffort)
    ]


def _rows_of(ladder: DetectorLadder, rung: str) -> list[EvasionRow]:
    return [row for one in ladder.rungs if one.rung == rung for row in one.rows]


def _most_won(rows: Sequence[EvasionRow]) -> str:
    rates = [row.evasion_rate for row in rows if row.evasion_rate]
    return figure_cell(max(rates, key=lambda rate: rate.value, default=None))


def checks_grid(results: DefendResults) -> Grid:
    """The checks, warnings first."""
    ordered = sorted(results.checks, key=lambda one: one.status != "WARN")
    lines = [(one.status, one.defense, one.name, one.figure, one.sentence) for one in ordered]
    header = ("status", "defense", "check", "figure", "why")
    note = "WARN: read the figure before believing the defense's rates. With the first sampler."
    return Grid("checks", "Checks", note, header, tuple(lines), folds="PASS")


def budget_grid(results: DefendResults) -> Grid:
    """Each defense under rising budgets, first sampler, the noise beside it."""
    points = results.budget_curve
    epsilons = list(dict.fromkeys(point.epsilon for point in points))
    lines = []
    for spec in dict.fromkeys(point.defense for point in points):
        own = {point.epsilon: point for point in points if point.defense == spec}
        adaptive = any(point.knows_defense for point in own.values())
        learned = [_first(own[epsilon].rows) if epsilon in own else "–" for epsilon in epsilons]
        noise = [_first(own[epsilon].noise) if epsilon in own else "–" for epsilon in epsilons]
        lines += [(spec, "learned, adaptive" if adaptive else "learned", *learned), (spec, "noise", *noise)]
    note = "Accuracy (fooling rate without labels) at each epsilon, with the first sampler."
    return Grid("budget-curve", "Budget curve", note, ("defense", "attack", *epsilons), tuple(lines))


def seeds_grid(results: DefendResults) -> Grid:
    """Each defense under perturbations of several seeds: the spread over them, and that over videos."""
    lines = [
        (
            cell.defense, cell.sampler, measure, f"{spread.mean:.2f}", _number(spread.standard_deviation),
            figure_cell(spread.over_videos),
            ", ".join(f"{name} {figure_cell(one)}" for name, one in spread.rates.items()),
        )
        for cell in results.seeds
        for measure, spread in zip(MEASURES, (cell.accuracy, cell.fooling_rate, cell.success_rate), strict=True)
        if spread
    ]  # fmt: skip
    note = (
        "Several perturbations that differ in their seed alone. The standard deviation is over perturbations, the "
        "interval over "
        "videos (bootstrap over recordings): how far another seed, and how far other videos, would lead. They are "
        "not pooled."
    )
    header = (
        "defense", "sampler", "rate", "mean over seeds", "standard deviation over seeds", "mean, interval over videos",
        "each perturbation",
    )  # fmt: skip
    return Grid("seeds", "Spread over seeds", note, header, tuple(lines))


def transfer_grid(results: DefendResults) -> Grid:
    """Learned on x tested on."""
    transfer = results.transfer or TransferMatrix()
    models = list(transfer.models)
    rows: dict[str, dict[str, Row]] = {}
    for cell in transfer.cells:
        rows.setdefault(cell.learned_on, {})[cell.tested_on] = cell.row
    lines = [
        ({NO_DEFENSE: "clean", NOISE: "noise"}.get(name, name), *(_best(cells.get(one)) for one in models))
        for name, cells in rows.items()
    ]
    note = "Accuracy (fooling rate without labels) of the model in the column, without a defense, with its own sampler."
    header = ("learned on", *models)
    return Grid("transfer", "Transfer between models", note, header, tuple(lines))


def sampler_grid(results: RowResults) -> Grid:
    """Fitted samplers x evaluated samplers."""
    matrix = results.sampler_matrix
    samplers = list(dict.fromkeys(spec for row in matrix for spec in row.rates))
    lines = [
        (
            row.attack, ", ".join(row.fit) or "unknown", *(figure_cell(row.rates.get(spec)) for spec in samplers),
            _number(row.gap),
        )
        for row in matrix if len(samplers) > 1
    ]  # fmt: skip
    note = "Fooling rate (success rate of a targeted one) without a defense; gap: best fitted sampler less worst other."
    header = ("perturbation", "learned through", *samplers, "gap")
    return Grid("sampler-matrix", "Sampler matrix", note, header, tuple(lines))


def equal_norm_grid(results: DefendResults) -> Grid:
    """Natural corruptions as large as the perturbation, beside it and its noise control."""
    natural = results.natural_robustness
    equal = None if natural is None or isinstance(natural.equal_norm, UnsetType) else natural.equal_norm
    beside = [] if equal is None else [(equal.perturbation, None), (equal.noise, "noise control")]
    lines = [
        (name or one.attack, "–", f"{one.l2_rms:.2f}", "–", figure_cell(one.accuracy), "–")
        for one, name in beside
        if one
    ]
    lines += [
        (
            kind, one.setting, f"{one.l2_rms:.2f}", "yes" if one.reached else "no, this is the nearest",
            figure_cell(one.accuracy), figure_cell(one.by_recording),
        )
        for kind, one in (equal.kinds if equal else {}).items()
    ]  # fmt: skip
    note = (
        "Clean videos under corruptions that change them about as much as the perturbation does: of each kind the "
        "strength whose measured root mean square (levels of 0–255) is nearest. No defense, first sampler."
    )
    header = ("change", "setting", "root mean square", "equal", "accuracy", "accuracy, interval by recording")
    return Grid("equal-norm", "Natural corruptions of equal norm", note, header, tuple(lines))


def certificate_grid(results: DefendResults) -> Grid:
    """What randomized smoothing promises."""
    lines = [
        (
            one.smoothing, figure_cell(one.smoothed_accuracy), figure_cell(one.abstained),
            "vacuous" if one.vacuous else figure_cell(one.certified_accuracy), _number(one.median_radius, 3),
            f"{one.largest_radius:.3f}", f"{one.needed_radius:.3f}",
        )
        for one in results.certificates
    ]  # fmt: skip
    note = (
        "Cohen et al., ICML 2019: a vote over noisy copies, the bound of Clopper and Pearson, "
        "abstention where it is below 0.5."
    )
    protocol = results.protocol
    views = (protocol.views or 1) if protocol else 1
    if views > 1:
        note += (
            f" A certificate is of a video's first clip: predictions of the other tables, which average {views} clips, "
            "have none."
        )
    header = (
        "smoothing", "accuracy of the vote", "abstained", "right for certain within the budget", "median radius",
        "largest possible", "radius needed",
    )  # fmt: skip
    return Grid("certificates", "Certificates", note, header, tuple(lines))


def cost_grid(results: DefendResults) -> Grid:
    """Where the time of the matrix went."""
    cost = results.cost
    whole = cost.seconds.all if cost else 0.0
    lines = [
        (
            what, f"{getattr(cost.seconds, part):.1f}", f"{100 * getattr(cost.seconds, part) / whole:.0f}",
            f"{getattr(cost.processor_seconds, part):.1f}",
        )
        for part, what in COSTS.items() if cost and whole
    ]  # fmt: skip
    note = (
        "Of judging all videos under all attacks, behind all defenses, for all samplers. "
        "Learning and further tables are not in it."
    )
    return Grid("cost", "Where the time went", note, ("part", "seconds", "share, %", "processor seconds"), tuple(lines))


def identifiers_grid(results: DefendResults) -> Grid:
    """Entries of catalogs, standards and law that the run's figures are about."""
    found = results.identifiers
    groups: list[tuple[str, str, tuple[Identifier, ...]]] = []
    if found:
        groups = [
            (found.atlas.version, "technique", found.atlas.techniques),
            (found.atlas.version, "mitigation", found.atlas.mitigations),
            (found.nist.version, "attack", found.nist.attacks),
        ]
        groups += [(one.version, "requirement", one.requirements) for one in (found.aisvs, found.eu_ai_act) if one]
    lines = [(version, kind, entry.id, entry.name) for version, kind, entries in groups for entry in entries]
    note = (
        "What the figures are about, so that they can be filed. No entry says that a requirement is met. Article 15 "
        "of the regulation binds high-risk AI systems. Names of requirements are summaries."
    )
    return Grid("identifiers", "Identifiers", note, ("document", "kind", "identifier", "name"), tuple(lines))


def _measure(row: Row) -> Rate | None:
    return row.attacked_accuracy or row.fooling_rate


def _best(row: Row | None) -> str:
    return figure_cell(_measure(row) if row else None)


def _first(rows: Sequence[Row]) -> str:
    return _best(next(iter(rows), None))


def _number(value: float | None, digits: int = 2) -> str:
    return "–" if value is None else f"{value:.{digits}f}"
