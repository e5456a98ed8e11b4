"""Forest plots: a difference with its interval on each line, beside the line of no difference."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator

from lsap_cli.reports.drawing import Drawing
from lsap_cli.reports.plots import CLEAN, FAINT, INK, PERTURBED
from lsap_cli.results.paired_difference import PairedDifference

MOST_LINES = 40
LINE_POINTS, EDGE_POINTS = 20, 46
WIDTH_POINTS, NAMES_SHARE = 640, 0.52
LONGEST_NAME = 58


@dataclass(frozen=True)
class ForestLine:
    """One line of a forest plot.

    Attributes:
        name: what the difference is of.
        difference: with its interval.
        shown: `better` or `worse` where a test shows it; else another word.
    """

    name: str
    difference: PairedDifference
    shown: str


@dataclass(frozen=True)
class ForestPlot:
    """The drawing, and the same in words."""

    name: str
    drawing: Drawing
    description: str

    @property
    def file_name(self) -> str:
        """Of its files."""
        return f"differences-{self.name}"


def forest_plot(name: str, lines: Sequence[ForestLine], measure: str) -> ForestPlot | None:
    """Draws differences; None where there are none.

    Args:
        name: of the run that is compared.
        lines: from the top; those beyond `MOST_LINES` are left to the table.
        measure: of which they are differences.
    """
    shown = lines[:MOST_LINES]
    if not shown:
        return None
    words = [f"{one.name}: {one.difference}, {one.shown}" for one in shown]
    description = f"Differences of {name} in {measure} with 95 % intervals. " + "; ".join(words)
    salt = hashlib.sha256(description.encode(errors="replace")).hexdigest()[:8]
    return ForestPlot(name, Drawing(_figure(shown, measure), salt), description)


def _figure(lines: Sequence[ForestLine], measure: str) -> Figure:
    height = LINE_POINTS * len(lines) + EDGE_POINTS
    with mpl.rc_context({"font.size": 9, "text.color": INK}):
        figure = Figure(figsize=(WIDTH_POINTS / 72, height / 72))
        figure.patch.set_visible(False)
        bottom, top = EDGE_POINTS - 8, 8
        axes = figure.add_axes((NAMES_SHARE, bottom / height, 1 - NAMES_SHARE - 0.02, (height - bottom - top) / height))
        axes.patch.set_visible(False)
        axes.axvline(0, color=INK, linewidth=0.8)
        for place, one in enumerate(lines):
            color = {"better": CLEAN.color, "worse": PERTURBED[0].color}.get(one.shown, INK)
            axes.plot([one.difference.low, one.difference.high], [place, place], color=color, linewidth=1.6)
            axes.plot([one.difference.value], [place], marker="s", markersize=5, color=color)
        axes.set_ylim(len(lines) - 0.5, -0.5)
        axes.set_yticks(range(len(lines)), [_short(one.name) for one in lines])
        lowest, highest = min(one.difference.low for one in lines), max(one.difference.high for one in lines)
        axes.set_xlim(min(lowest, -0.1) - 0.03, max(highest, 0.1) + 0.03)
        axes.xaxis.set_major_locator(MultipleLocator(0.1 if highest - lowest < 0.7 else 0.25))
        axes.set_xlabel(f"difference in {measure} to the base run, 95 % interval", color=INK, fontsize=9)
        axes.grid(axis="x", color=FAINT, linewidth=0.6)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_tick_params(length=0, labelcolor=INK, labelsize=8.5, pad=4)
        for side, spine in axes.spines.items():
            spine.set_visible(side == "bottom")
            spine.set_color(FAINT)
    return figure


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"
