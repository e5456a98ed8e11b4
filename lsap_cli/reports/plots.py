"""Plots of a run as SVG text: one for each sampler, readable on paper, in gray and by the color-blind."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lsap_cli.reports.drawing import Drawing
from lsap_cli.results.detectors import DetectorRow
from lsap_cli.results.documents import DefendResults
from lsap_cli.results.rates import Rate
from lsap_cli.results.records import NO_ATTACK, NO_DEFENSE, NOISE, defense_name
from lsap_cli.results.rows import Row, Rows

INK, FAINT, PAPER = "#1d2430", "#d5d9e0", "#fffffe"


@dataclass(frozen=True)
class Series:
    """How one kind of video is drawn: a color that color-blind readers can tell apart, and a marker."""

    color: str
    marker: str
    glyph: str  # the marker as a character, for tables and legends beside the plot
    hollow: bool = False


CLEAN = Series("#0072b2", "o", "○", hollow=True)
NOISES = Series("#6b7280", "s", "■")
PERTURBED = (
    Series("#d55e00", "D", "◆"),
    Series("#a6437f", "^", "▲"),
    Series("#007a5a", "v", "▼"),
    Series("#8a6d00", "P", "✚"),
)


@dataclass(frozen=True)
class RatePlot:
    """One plot: the sampler that it is about, what it shows, the drawing, and the same in words."""

    sampler: str
    measure: str
    drawing: Drawing
    description: str

    @property
    def file_name(self) -> str:
        """Of its files."""
        return f"{self.measure.partition(' (')[0]}-{self.sampler}"


def series_of(attack: str, perturbations: list[str]) -> Series:
    """The look of an attack, the same in every plot and table of a page."""
    if attack == NO_ATTACK:
        return CLEAN
    if attack == NOISE:
        return NOISES
    return PERTURBED[perturbations.index(attack) % len(PERTURBED)]


def rate_plots(results: DefendResults) -> list[RatePlot]:
    """Accuracy for each defense on clean, noisy and perturbed videos; fooling rate when there are no labels.

    Args:
        results: of a run.

    Returns:
        A plot for each sampler that has a rate to show.
    """
    rows = Rows.of_every_defense(results.rows)
    measure, rate = ("accuracy", _accuracy) if rows.labelled else ("fooling rate", _fooling_rate)
    plots = [_rate_plot(rows, sampler, measure, rate) for sampler in rows.samplers[:MOST_PLOTS]]
    return [plot for plot in plots if plot]


@dataclass(frozen=True)
class RocPlot:
    """The ROC curves of all detectors under one attack: the drawing, which line is whose, the same in words."""

    attack: str
    drawing: Drawing
    lines: tuple[tuple[str, Series], ...]
    description: str

    @property
    def file_name(self) -> str:
        """Of its files."""
        return f"roc-{self.attack}"


def roc_plots(results: DefendResults) -> list[RocPlot]:
    """A plot for each attack that detectors were tried on.

    Args:
        results: of a run.
    """
    attacks = dict.fromkeys(row.attack for row in results.detectors)
    return [roc_plot(attack, [row for row in results.detectors if row.attack == attack]) for attack in attacks]


def roc_plot(attack: str, rows: list[DetectorRow]) -> RocPlot:
    """The ROC curves of a few rows under one attack."""
    looks = [PERTURBED[number % len(PERTURBED)] for number in range(len(rows))]
    areas = [f"{row.detector}: area {row.auc.value:.2f} ({row.auc.interval})" for row in rows if row.auc]
    description = f"ROC curves, {_attack_name(attack)} against clean videos. " + "; ".join(areas)
    salt = hashlib.sha256(description.encode(errors="replace")).hexdigest()[:8]
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": salt, "font.size": 10, "text.color": INK}):
        figure = Figure(figsize=(280 / 72, 270 / 72))
        figure.patch.set_visible(False)
        axes = figure.add_axes((0.15, 0.15, 0.82, 0.82))
        _dress_square(axes)
        for row, look in zip(rows, looks, strict=True):
            axes.plot(
                row.curve.false_positive_rate,
                row.curve.true_positive_rate,
                color=look.color,
                marker=look.marker,
                markersize=4,
                markevery=max(1, len(row.curve.false_positive_rate) // 8),
                linewidth=1.6,
                drawstyle="steps-post",
                clip_on=False,
                zorder=3,
            )
    return RocPlot(
        attack,
        Drawing(figure, salt),
        tuple((row.detector, look) for row, look in zip(rows, looks, strict=True)),
        description,
    )


def _dress_square(axes: Axes) -> None:
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.patch.set_visible(False)
    ticks = [0.0, 0.25, 0.5, 0.75, 1.0]
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks(ticks, labels=["0", "0.25", "0.5", "0.75", "1"])
        axis.set_tick_params(length=0, labelcolor=INK, labelsize=9, pad=4)
    axes.set_xlabel("false positive rate (clean videos)", color=INK, fontsize=9)
    axes.set_ylabel("true positive rate", color=INK, fontsize=9)
    axes.plot([0, 1], [0, 1], color=FAINT, linewidth=0.8, zorder=1)
    for spine in axes.spines.values():
        spine.set_color(FAINT)


def _accuracy(row: Row) -> Rate | None:
    return row.accuracy


def _fooling_rate(row: Row) -> Rate | None:
    return row.fooling_rate


def _rate_plot(rows: Rows, sampler: str, measure: str, rate: Callable[[Row], Rate | None]) -> RatePlot | None:
    shown: list[tuple[str, list[tuple[str, Rate]]]] = []  # defense, then attack and rate
    for defense in rows.defenses:
        if sum(len(rates) for _, rates in shown) >= MOST_LINES:
            measure += f" (the first {len(shown)} of {len(rows.defenses)} defenses)"
            break
        cells = ((attack, rows.find(attack, defense, sampler)) for attack in rows.attacks)
        rates = [(attack, value) for attack, row in cells if row and (value := rate(row))]
        # Undefended and unattacked, a fooling rate is 0 by definition.
        trivial = measure == "fooling rate" and defense == NO_DEFENSE
        rates = [(attack, value) for attack, value in rates if not (trivial and attack == NO_ATTACK)]
        if rates:
            shown.append((defense, rates[:MOST_LINES]))
    if not shown:
        return None
    description = "; ".join(
        f"{defense_name(defense)}: " + ", ".join(f"{_attack_name(a)} {value}" for a, value in rates)
        for defense, rates in shown
    )
    salt = hashlib.sha256(f"{sampler}\n{description}".encode(errors="replace")).hexdigest()[:8]
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": salt, "font.size": 10, "text.color": INK}):
        drawing = Drawing(_draw(shown, rows, measure), salt)
    return RatePlot(sampler, measure, drawing, f"{measure} with the sampler {sampler}. {description}")


MOST_PLOTS, MOST_LINES = 20, 200  # of rates; the tables hold all, and a longer plot takes minutes to draw
_WIDTH, _LEFT, _RIGHT = 390, 8, 104  # points; the rates are written in the right margin
_LEGEND, _AXIS, _NAME, _LINE, _GAP = 26, 36, 17, 13.5, 12  # points: heights of what is stacked


def _draw(shown: list[tuple[str, list[tuple[str, Rate]]]], rows: Rows, measure: str) -> Figure:
    """Defenses from top to bottom; below each name a line for clean, noisy and perturbed videos."""
    body = sum(_NAME + _LINE * len(rates) + _GAP for _, rates in shown)
    height = body + _LEGEND + _AXIS
    figure = Figure(figsize=(_WIDTH / 72, height / 72))
    figure.patch.set_visible(False)
    width = (_WIDTH - _LEFT - _RIGHT) / _WIDTH
    axes = figure.add_axes((_LEFT / _WIDTH, _AXIS / height, width, body / height))
    _dress(axes, body, measure)
    top = 0.0
    for number, (defense, rates) in enumerate(shown):
        if number:
            axes.axhline(top, color=FAINT, linewidth=0.6, xmax=1.0, zorder=0)
        _words(axes, 0.0, top + _NAME / 2 + 3, defense_name(defense), weight="bold")
        for line, (attack, rate) in enumerate(rates):
            y = top + _NAME + 3 + _LINE * (line + 0.5)
            _mark(axes, y, rate, series_of(attack, rows.perturbations))
            _words(axes, 1.035, y, f"{rate.value:.2f}  ({rate.count}/{rate.of})", size=9)
        top += _NAME + _LINE * len(rates) + _GAP
    _legend(axes, rows, {attack for _, rates in shown for attack, _ in rates}, body)
    return figure


def _dress(axes: Axes, body: float, measure: str) -> None:
    axes.set_xlim(-0.015, 1.015)
    axes.set_ylim(body, 0)
    axes.patch.set_visible(False)
    axes.set_yticks([])
    ticks = [0.0, 0.25, 0.5, 0.75, 1.0]
    axes.set_xticks(ticks, labels=["0", "0.25", "0.5", "0.75", "1"])
    axes.tick_params(axis="x", length=0, labelcolor=INK, labelsize=9, pad=4)
    axes.set_xlabel(f"{measure}, with 95 % intervals", color=INK, fontsize=9, labelpad=4)
    for side in ("left", "right", "top"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(FAINT)
    axes.vlines(ticks, 0, body, color=FAINT, linewidth=0.6, zorder=0)


def _mark(axes: Axes, y: float, rate: Rate, series: Series) -> None:
    spread = [[max(0.0, rate.value - rate.low)], [max(0.0, rate.high - rate.value)]]
    axes.errorbar(
        [rate.value],
        [y],
        xerr=spread,
        color=series.color,
        marker=series.marker,
        markersize=6,
        markerfacecolor=PAPER if series.hollow else series.color,
        markeredgecolor=series.color,
        markeredgewidth=1.4,
        elinewidth=1.7,
        capsize=0,
        clip_on=False,
        zorder=3,
    )


def _words(axes: Axes, x: float, y: float, text: str, *, size: float = 10, weight: str = "normal") -> None:
    """Text as it stands: a dollar sign in a name is no formula."""
    box = {"facecolor": PAPER, "edgecolor": "none", "pad": 1.0}  # keeps grid lines out of the words
    axes.text(
        x,
        y,
        text,
        va="center",
        fontsize=size,
        fontweight=weight,
        color=INK,
        bbox=box,
        zorder=1,
        parse_math=False,
    )


def _legend(axes: Axes, rows: Rows, shown: set[str], body: float) -> None:
    names = [attack for attack in rows.attacks if attack in shown]
    x = 0.0
    for attack in names:
        series = series_of(attack, rows.perturbations)
        text = _attack_name(attack) if len(rows.perturbations) > 1 else _attack_kind(attack)
        axes.plot(
            [x + 0.012],
            [-_LEGEND / 2 - 1],
            color=series.color,
            marker=series.marker,
            markersize=6,
            markerfacecolor=PAPER if series.hollow else series.color,
            markeredgewidth=1.4,
            clip_on=False,
        )
        _words(axes, x + 0.04, -_LEGEND / 2 - 1, text, size=9)
        x += 0.09 + 0.0165 * len(text)
    axes.set_ylim(body, 0)


def _attack_kind(attack: str) -> str:
    return {NO_ATTACK: "clean", NOISE: "noise"}.get(attack, "perturbed")


def _attack_name(attack: str) -> str:
    return {NO_ATTACK: "clean", NOISE: "noise"}.get(attack, attack)
