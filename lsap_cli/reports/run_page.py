"""The report of a `generate` or `apply` run: one HTML page that needs nothing outside itself, and its tables."""

import hashlib
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lsap_cli.reports.contents_list import PLACE, with_contents
from lsap_cli.reports.drawing import Drawing, write_figures
from lsap_cli.reports.exports.contents import RunContents, read_contents
from lsap_cli.reports.exports.curves import Curves, Point
from lsap_cli.reports.grid import Grid, write_grids
from lsap_cli.reports.html import environment, themed
from lsap_cli.reports.plots import FAINT, INK, PERTURBED
from lsap_cli.reports.run_folder import read_run
from lsap_cli.reports.run_pictures import RunPictures
from lsap_cli.results.files import write_atomically
from lsap_cli.results.run_facts import RunFacts

COMMANDS = ("generate", "apply")
SHOWN = ("learning", "verification", "files")  # first words of the curves that a page shows
LOW, HIGH = " low", " high"  # how the ends of a curve's intervals are named
SHARES = ("rate", "accuracy", "cosine", "energy kept")  # in names of curves from 0 to 1
MOST_CURVES = 12
MOST_PICTURES = 12


@dataclass(frozen=True)
class RunCurve:
    """One curve of a run: its name, the drawing, the same in words."""

    name: str
    drawing: Drawing
    description: str

    @property
    def file_name(self) -> str:
        """Of its files."""
        return self.name

    @property
    def title(self) -> str:
        """Above it: `verification: fooling rate, random`."""
        kind, _, what = self.name.partition("/")
        return f"{kind}: {what.replace('/', ', ')}"


@dataclass(frozen=True)
class RunPage:
    """What the page of a run shows.

    Attributes:
        title: above it.
        summary: what came of the run, in sentences.
        curves: drawings.
        grids: tables.
        settings: names and values.
        facts: likewise.
        pictures: names, and the pictures as data.
        warnings: sentences.
    """

    title: str
    summary: str
    curves: Sequence[RunCurve]
    grids: Sequence[Grid]
    settings: Mapping[str, str]
    facts: Mapping[str, str]
    pictures: Sequence[tuple[str, str]] = ()
    warnings: Sequence[str] = ()

    def write(self, run: Path, about: RunFacts, out: Path | None) -> Path:
        """Writes it, with `tables/` and `figures/` beside it.

        Args:
            run: the run folder.
            about: its run.json.
            out: the page's path; None: `report.html` in the run folder.

        Returns:
            The page's path.

        Raises:
            OSError: if the page, a table or a figure cannot be written.
        """
        page = with_contents(
            environment()
            .get_template("run.html")
            .render(
                contents=Markup(PLACE),
                run={"name": run.resolve().name, "command": about.command},
                title=self.title,
                summary=self.summary,
                warnings=self.warnings,
                curves=[(plot, Markup(themed(plot.drawing.svg))) for plot in self.curves],
                grids=self.grids,
                pictures=self.pictures,
                settings=[*self.settings.items()],
                facts=[*self.facts.items()],
                command_line_text=shlex.join(about.command_line or ()),
                finished=(about.finished or "")[:16].replace("T", " "),
            )
        )
        path = run / "report.html" if out is None else out
        write_atomically(path, page)
        write_grids(path.parent, self.grids)
        write_figures(path.parent, self.curves)
        return path


def write_run_report(run: Path, out: Path | None, say: Callable[[str], None]) -> Path:
    """Writes the page of a finished run, with `tables/` and `figures/` beside it.

    Args:
        run: the folder of a `generate` or `apply` run.
        out: the page's path; None: `report.html` in the run folder.
        say: gets a sentence on what of the folder is not on the page.

    Returns:
        The page's path.

    Raises:
        LsapError: if the folder does not hold such a run, or a file of it is damaged.
        OSError: if the page, a table or a figure cannot be written.
    """
    about, contents, pictures = read_run(run, COMMANDS), read_contents(run), RunPictures(run)
    shown = [(name, pictures.uri(name)) for name in list(contents.pictures)[:MOST_PICTURES]]
    page = RunPage(
        {"generate": "One pattern for every video", "apply": "Perturbed files"}[contents.command],
        contents.summary,
        run_curves(contents),
        contents.tables,
        contents.settings,
        contents.facts,
        [(name, uri) for name, uri in shown if uri is not None],
    )
    path = page.write(run, about, out)
    for note in (*contents.notes, *pictures.notes()):
        say(note)
    return path


def run_curves(contents: RunContents) -> Sequence[RunCurve]:
    """The first curves of a run."""
    return drawn_curves(contents.curves)


def drawn_curves(curves: Curves) -> list[RunCurve]:
    """The first curves of learning and of files with at least two points; a rate with its interval around it."""
    shown = [
        (name, points)
        for name, points in curves.items()
        if name.split("/")[0].split(" ")[0] in SHOWN and len(points) > 1 and not name.endswith((LOW, HIGH))
    ]
    return [
        _drawn_curve(name, points, (curves.get(name + LOW, ()), curves.get(name + HIGH, ())))
        for name, points in shown[:MOST_CURVES]
    ]


def _drawn_curve(name: str, points: Sequence[Point], ends: tuple[Sequence[Point], Sequence[Point]]) -> RunCurve:
    first, last = points[0], points[-1]
    description = f"{name}: {first.value:.4g} at {first.step}, {last.value:.4g} at {last.step}, {len(points)} points"
    salt = hashlib.sha256(description.encode(errors="replace")).hexdigest()[:8]
    with mpl.rc_context({"font.size": 10, "text.color": INK}):
        figure = Figure(figsize=(280 / 72, 190 / 72))
        figure.patch.set_visible(False)
        axes = figure.add_axes((0.17, 0.2, 0.79, 0.74))
        axes.patch.set_visible(False)
        axes.plot([one.step for one in points], [one.value for one in points], color=PERTURBED[0].color, linewidth=1.5)
        low, high = ([one.value for one in points_of] for points_of in ends)
        if len(low) == len(high) == len(points):
            axes.fill_between(
                [one.step for one in points], low, high, color=PERTURBED[0].color, alpha=0.18, linewidth=0
            )
        if any(word in name for word in SHARES):
            axes.set_ylim(-0.03, 1.03)
        axes.set_xlabel("file" if name.startswith("files") else "step", color=INK, fontsize=9)
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.grid(color=FAINT, linewidth=0.6)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_tick_params(length=0, labelcolor=INK, labelsize=9, pad=4)
        for spine in axes.spines.values():
            spine.set_color(FAINT)
    return RunCurve(name, Drawing(figure, salt), description)
