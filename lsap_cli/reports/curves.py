"""Plots of adaptive attacks: clean against robust accuracy, and accuracy against the budget."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lsap_cli.reports.drawing import Drawing
from lsap_cli.reports.plots import FAINT, INK, PERTURBED, Series
from lsap_cli.results.documents import DefendResults
from lsap_cli.results.rates import Rate
from lsap_cli.results.records import defense_name
from lsap_common import parse_fraction

TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class ReportCurve:
    """One plot: its table, its caption, the drawing, the legend, a description in words."""

    grid: str
    caption: str
    drawing: Drawing
    lines: tuple[tuple[str, Series], ...]
    description: str

    @property
    def file_name(self) -> str:
        """Of its files."""
        return self.grid


def curve_plots(results: DefendResults) -> list[ReportCurve]:
    """The plots that a run has figures for, first sampler.

    Args:
        results: of a run.
    """
    return [plot for plot in (_robust_plot(results), _budget_plot(results)) if plot is not None]


def _robust_plot(results: DefendResults) -> ReportCurve | None:
    """Each defense's clean accuracy against its robust accuracy, with both intervals and its time."""
    points = []
    for ladder in results.ladder:
        for worst in ladder.robust[:1]:
            if worst.clean_accuracy and worst.accuracy:
                points.append(
                    (defense_name(ladder.defense), worst.clean_accuracy, worst.accuracy, worst.milliseconds_per_video)
                )
    if not points:
        return None
    names = [f"{name}, {time:.0f} ms" if time is not None else name for name, _, _, time in points]
    looks = [PERTURBED[number % len(PERTURBED)] for number in range(len(points))]
    values = "; ".join(f"{name}: clean {clean}, robust {robust}" for name, clean, robust, _ in points)
    description = f"Clean accuracy against robust accuracy. {values}"

    def draw(axes: Axes) -> None:
        axes.set_xlim(-0.02, 1.02)
        axes.xaxis.set_ticks(TICKS, labels=[f"{tick:g}" for tick in TICKS])
        axes.set_xlabel("clean accuracy", color=INK, fontsize=9)
        axes.set_ylabel("accuracy under the worst attacker", color=INK, fontsize=9)
        axes.plot([0, 1], [0, 1], color=FAINT, linewidth=0.8, zorder=1)
        for (_, clean, robust, _), look in zip(points, looks, strict=True):
            axes.errorbar(
                [clean.value], [robust.value], xerr=_spread([clean]), yerr=_spread([robust]), color=look.color,
                marker=look.marker, markersize=6, elinewidth=1.2, clip_on=False, zorder=3,
            )  # fmt: skip

    lines = tuple(zip(names, looks, strict=True))
    return ReportCurve(
        "ladder", "What a defense costs and what it keeps", _drawn(draw, description), lines, description
    )


def _budget_plot(results: DefendResults) -> ReportCurve | None:
    """Accuracy (or the share of unchanged predictions) of each defense at rising budgets."""
    curves: dict[str, dict[str, Rate]] = {}
    levels: dict[str, float] = {}
    measure = "accuracy"
    for point in results.budget_curve:
        row = next(iter(point.rows), None)
        rate = row and (row.attacked_accuracy or row.fooling_rate)
        level = levels_of(point.epsilon)
        if row and rate and level is not None:
            levels[point.epsilon] = level
            measure = "accuracy" if row.attacked_accuracy else "fooling rate"
            curves.setdefault(defense_name(point.defense), {})[point.epsilon] = rate
    if not curves or max(map(len, curves.values())) < 2:
        return None
    looks = [PERTURBED[number % len(PERTURBED)] for number in range(len(curves))]
    values = "; ".join(
        f"{name}: " + ", ".join(f"{e} {rate}" for e, rate in curve.items()) for name, curve in curves.items()
    )
    description = f"{measure.capitalize()} against epsilon. {values}"

    def draw(axes: Axes) -> None:
        every = sorted({*levels.values()})
        axes.set_xscale("log", base=2)
        axes.set_xlim(every[0] / 1.15, every[-1] * 1.15)
        axes.xaxis.set_ticks(every, labels=[f"{one:g}" for one in every])
        axes.xaxis.set_ticks([], minor=True)
        axes.set_xlabel("epsilon, in levels of 255", color=INK, fontsize=9)
        axes.set_ylabel(f"{measure} under attack", color=INK, fontsize=9)
        for curve, look in zip(curves.values(), looks, strict=True):
            _draw_curve(axes, {levels[epsilon]: rate for epsilon, rate in curve.items()}, look)

    lines = tuple(zip(curves, looks, strict=True))
    return ReportCurve("budget-curve", "What a larger budget takes", _drawn(draw, description), lines, description)


def _draw_curve(axes: Axes, curve: Mapping[float, Rate], look: Series) -> None:
    rates = list(curve.values())
    axes.errorbar(
        [*curve], [rate.value for rate in rates], yerr=_spread(rates), color=look.color,
        marker=look.marker, markersize=5, linewidth=1.6, elinewidth=1, clip_on=False, zorder=3,
    )  # fmt: skip


def _drawn(draw: Callable[[Axes], None], description: str) -> Drawing:
    salt = hashlib.sha256(description.encode(errors="replace")).hexdigest()[:8]
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": salt, "font.size": 10, "text.color": INK}):
        figure = Figure(figsize=(340 / 72, 270 / 72))
        figure.patch.set_visible(False)
        axes = figure.add_axes((0.13, 0.15, 0.84, 0.82))
        axes.patch.set_visible(False)
        draw(axes)
        axes.set_ylim(-0.02, 1.02)
        axes.yaxis.set_ticks(TICKS, labels=[f"{tick:g}" for tick in TICKS])
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_tick_params(which="both", length=0, labelcolor=INK, labelsize=9, pad=4)
        for spine in axes.spines.values():
            spine.set_color(FAINT)
        return Drawing(figure, salt)


def _spread(rates: Sequence[Rate]) -> list[list[float]]:
    """How far the intervals reach below and above."""
    return [[max(0.0, one.value - one.low) for one in rates], [max(0.0, one.high - one.value) for one in rates]]


def levels_of(epsilon: str) -> float | None:
    """A budget in levels of 255; None where a results file holds no number above 0 there."""
    try:
        levels = float(parse_fraction(epsilon) * 255)
    except ValueError:
        return None
    return levels if levels > 0 else None
