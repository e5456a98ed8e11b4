"""Results besides the rows, as text: checks, adaptive ladders, the sampler matrix, detectors."""

from collections.abc import Iterator, Sequence

from rich.text import Text

from lsap_cli.dashboard.formatting import BLUE, DASH, OCHER, ORANGE, name_text, one_line
from lsap_cli.dashboard.palette import cell_style
from lsap_cli.results.base import or_none
from lsap_cli.results.detectors import DetectorRow
from lsap_cli.results.documents import ModelFinding
from lsap_cli.results.ladders import (
    Check,
    DefenseLadder,
    DetectorLadder,
    DetectorRung,
    LadderRung,
    attacker_name,
    pair_name,
)
from lsap_cli.results.per_video import PerVideoBound
from lsap_cli.results.rates import Estimate, Rate
from lsap_cli.results.records import defense_name
from lsap_cli.results.rows import Row
from lsap_cli.results.spread import SamplerTransfer
from lsap_cli.results.text import printable

WORST = "◀"
VERDICT_STYLES = {"FAIL": f"bold {ORANGE}", "WARN": OCHER, "PASS": BLUE}  # what should not be believed yet comes first
MATRIX_NAME, MATRIX_CELL = 22, 17  # columns of the sampler matrix
RUNG_NAME = 30


def checks_text(checks: Sequence[Check], findings: Sequence[ModelFinding]) -> Text:
    """Checks of a `defend` run, and findings of `models check`, unreliable ones first."""
    lines: list[tuple[str, str, str]] = [(one.status, f"{one.name} ({one.defense})", one.figure) for one in checks]
    lines += [(one.verdict, one.test, one.figure) for one in findings]
    order = list(VERDICT_STYLES)
    text = _title("Checks").append(f"  {sum(one[0] == 'PASS' for one in lines)} of {len(lines)} pass", style="dim")
    for verdict, test, figure in sorted(lines, key=lambda one: order.index(one[0])):
        text.append(f"\n{verdict:<5}", style=VERDICT_STYLES[verdict])
        text.append(f"{printable(test)}  ").append(printable(figure), style="dim")
    return text


def ladders_text(ladders: Sequence[DefenseLadder], detectors: Sequence[DetectorLadder], sampler: str) -> Text:
    """Every defense and detector against every adaptive attack; the worst counts."""
    text = _title("Adaptive ladder")
    about = f"  sampler {printable(sampler)}; the attacker knows the defense; {WORST} does most harm, and counts"
    text.append(about, style="dim")
    for ladder in ladders:
        text.append("\n").append(printable(defense_name(ladder.defense)), style="bold")
        text.append("".join(f"\n  {line}" for line in ladder_lines(ladder, sampler)))
    for detector in detectors:
        text.append("\n").append(f"{_kind(detector)} {printable(pair_name(detector))}", style="bold")
        text.append("".join(f"\n  {line}" for line in detector_ladder_lines(detector)))
    return text


def ladder_lines(ladder: DefenseLadder, sampler: str) -> Iterator[str]:
    """A line for each rung of a defense's ladder: what it does, and what counts of it with a sampler."""
    worst = {one.attack for one in ladder.robust if one.sampler == sampler}
    for rung in ladder.rungs:
        row = next((row for row in rung.rows if row.sampler == sampler), next(iter(rung.rows), None))
        yield _rung_line(rung, ladder.defense, _row_rates(row), rung.attack in worst)
    for bound in ladder.per_video:
        if bound.sampler == sampler:
            yield _per_video_line(bound)


def _per_video_line(bound: PerVideoBound) -> str:
    """Rung P, which counts in no minimum."""
    label, rate = ("accuracy", bound.accuracy) if bound.accuracy else ("fooling", bound.fooling_rate)
    measured = DASH if rate is None else f"{label} {rate}"
    spent = f"{bound.steps} steps, {bound.seconds:.0f} s"
    return f"{'P own pattern for each video':<{RUNG_NAME}} {measured}  · {spent}, a bound that does not count"


def detector_ladder_lines(ladder: DetectorLadder) -> Iterator[str]:
    """Likewise of a detector's ladder, which has one sampler."""
    worst = {one.attack for one in ladder.robust}
    for rung in ladder.rungs:
        rates = [("evasion", row.evasion_rate) for row in rung.rows] + [
            ("flagged", row.flagged_rate) for row in rung.rows
        ]
        yield _rung_line(rung, ladder.detector, rates, rung.attack in worst)


def _kind(ladder: DetectorLadder) -> str:
    return "detector" if pair_name(ladder) == ladder.detector else "defense and detector"


def _row_rates(row: Row | None) -> list[tuple[str, Rate | None]]:
    if row is None:
        return []
    return [("accuracy", row.attacked_accuracy), ("fooling", row.fooling_rate), ("success", row.success_rate)]


def _rung_line(
    rung: LadderRung | DetectorRung, against: str, rates: Sequence[tuple[str, Rate | None]], is_worst: bool
) -> str:
    name = attacker_name(rung.rung, rung.attack, against)
    label, rate = next(((label, rate) for label, rate in rates if rate is not None), ("", None))
    measured = DASH if rate is None else f"{label} {rate}{f' {WORST}' if is_worst else ''}"
    return f"{one_line(name, RUNG_NAME):<{RUNG_NAME}} {measured}{_spent(rung)}"


def _spent(rung: LadderRung | DetectorRung) -> str:
    """What the attacker spent and why it stopped; empty where it did not learn in the run."""
    effort = or_none(rung.effort)
    if effort is None:
        return ""
    unjudged = "" if effort.judged else ", not judged"
    return f"  · {effort.steps} steps, {effort.seconds:.0f} s, {effort.stopped}{unjudged}"


def sampler_matrix_text(matrix: Sequence[SamplerTransfer]) -> Text:
    """Fooling rates of perturbations learned through some samplers (rows), with every sampler (columns)."""
    samplers = list(dict.fromkeys(sampler for one in matrix for sampler in one.rates))
    text = _title("Sampler matrix").append(
        "  learned through (rows), judged with (columns): fooling rate\n", style="dim"
    )
    text.append(" " * MATRIX_NAME)
    for sampler in samplers:
        text.append(f"{one_line(sampler, MATRIX_CELL - 1):<{MATRIX_CELL}}")
    for one in matrix:
        name = one_line(f"{one.attack}: {', '.join(one.fit)}", MATRIX_NAME - 1)
        text.append(f"\n{name:<{MATRIX_NAME}}")
        for sampler in samplers:
            rate = one.rates.get(sampler)
            if rate is None:
                text.append(f"{DASH:<{MATRIX_CELL}}")
            else:
                cell = f"{rate.value:.2f} {rate.interval}".ljust(MATRIX_CELL - 1)
                text.append(cell, style=cell_style(1 - rate.value)).append(" ")
    return text


def detectors_text(detectors: Sequence[DetectorRow]) -> Text:
    """Each detector's figures under each attack."""
    text = _title("Detectors").append("  ROC: true alarms (up) by false alarms (right)", style="dim")
    for number, one in enumerate(detectors, 1):
        text.append(f"\n{number} ").append_text(name_text(f"{one.detector}, {one.attack}", 60))
        text.append("  " + " · ".join(_detector_figures(one)), style="dim")
    return text


def _detector_figures(one: DetectorRow) -> Iterator[str]:
    for name, value in (("auc", one.auc), ("average precision", one.average_precision)):
        if value is not None:
            yield f"{name} {_estimate(value)}"
    point = one.operating_point
    for name, rate in (("recall", point.recall), ("false alarms", point.false_positive_rate)):
        if rate is not None:
            yield f"{name} {rate}"
    for false_alarms, value in one.tpr_at_fpr.items():
        yield f"recall at {printable(false_alarms)} {_estimate(value)}"
    if one.milliseconds_per_video is not None:
        yield f"{one.milliseconds_per_video:.1f} ms a video"


def _estimate(value: Estimate) -> str:
    return f"{value.value:.3g} ({value.interval})"


def _title(name: str) -> Text:
    return Text().append(name, style="bold")  # not the style of all that follows
