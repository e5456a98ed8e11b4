"""Several `defend` runs beside each other: one HTML page that needs nothing outside itself, its tables and figures."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from lsap_cli.errors import LsapError
from lsap_cli.reports.contents_list import PLACE, with_contents
from lsap_cli.reports.drawing import write_figures
from lsap_cli.reports.forest import ForestLine, ForestPlot, forest_plot
from lsap_cli.reports.grid import NONE, Grid, difference_cell, figure_cell, write_grids
from lsap_cli.reports.html import environment, themed
from lsap_cli.reports.run_folder import read_defend_results, read_run
from lsap_cli.results.documents import DefendResults, Protocol
from lsap_cli.results.files import write_atomically
from lsap_cli.results.records import NO_ATTACK, NOISE, defense_name
from lsap_cli.results.rows import Row, Rows
from lsap_cli.results.run_facts import RunFacts
from lsap_cli.results.summary import summary_sentence
from lsap_cli.results.text import printable
from lsap_cli.runs.comparing import ComparedCell, ComparedRun, compare_cells, compared_run, read_records

SAME = ("classifier", "classes", "videos", "frames", "views", "crops", "norm", "epsilon", "target", "seed")


@dataclass(frozen=True)
class _Document:
    """One run that is compared."""

    name: str
    about: RunFacts
    results: DefendResults
    compared: ComparedRun


def write_comparison(runs: Sequence[Path], out: Path) -> Path:
    """Writes the page; its tables and figures go into a folder of its name beside it.

    Args:
        runs: folders of finished `defend` runs, at least two; the first is the base of the differences.
        out: the page's path.

    Raises:
        LsapError: if a folder does not hold a finished run, or the page cannot be written.
    """
    documents = [*map(_read, runs)]
    grids = [comparison_grid([(one.name, one.results) for one in documents])]
    plots: list[ForestPlot] = []
    for number, one in enumerate(documents[1:], 1):
        cells = compare_cells(documents[0].compared, one.compared)
        grids.append(difference_grid(documents[0].name, one.name, cells, number))
        plot = forest_plot(one.name, _forest_lines(cells), _measure(cells))
        plots += [] if plot is None else [plot]
    page = with_contents(
        environment()
        .get_template("comparison.html")
        .render(
            contents=Markup(PLACE),
            runs=[
                {"name": one.name, "finished": one.about.finished, "says": summary_sentence(one.results)}
                for one in documents
            ],
            differences=_different([one.results.protocol for one in documents], SAME),
            settings=_different_settings([one.about for one in documents]),
            grids=grids,
            plots=[(plot, Markup(themed(plot.drawing.svg))) for plot in plots],
            files=_beside(out).name,
        )
    )
    try:
        write_atomically(out, page)
        beside = _beside(out)
        beside.mkdir(exist_ok=True)
        write_grids(beside, grids)
        write_figures(beside, plots)
    except OSError as error:
        raise LsapError(f"--out {out} cannot be written ({error.strerror or error}); give another path", 1) from None
    return out


def comparison_grid(runs: Sequence[tuple[str, DefendResults]]) -> Grid:
    """A line for each defense, sampler and run.

    Args:
        runs: name and results of each.
    """
    tables = [(name, Rows.of_every_defense(results.rows), results) for name, results in runs]
    cells = dict.fromkeys((row.defense, row.sampler) for _, rows, _ in tables for row in rows.rows)
    lines = []
    for defense, sampler in cells:
        for name, rows, results in tables:
            baselines = [rows.find(attack, defense, sampler) for attack in (NO_ATTACK, NOISE)]
            attacked = [one for attack in rows.perturbations if (one := rows.find(attack, defense, sampler))]
            shown = [_shown(one) for one in (*baselines, attacked[0] if attacked else None)]
            lines.append((defense, sampler, name, *shown, *_worst(results, defense, sampler)))
    note = (
        "Accuracy, or the fooling rate where videos have no labels (count, 95 % interval). Worst: the minimum over the "
        "adaptive ladder, where a run has one, and its rung."
    )
    header = ("defense", "sampler", "run", "clean", "noise", "perturbed", "worst", "rung")
    return Grid("comparison", "Defense by defense", note, header, tuple(lines))


def difference_grid(base: str, name: str, cells: Sequence[ComparedCell], number: int = 1) -> Grid:
    """A line for each cell that two runs have in common: both rates, their difference with its interval, the test.

    Args:
        base: the name of the first run.
        name: of the second.
        cells: of both.
        number: of the second run among those that are compared.
    """
    lines = [
        (
            one.key[0], one.key[1], one.key[2], one.metric, figure_cell(one.first), figure_cell(one.second),
            difference_cell(one.difference), NONE if one.p is None else f"{one.p:.3g}", one.verdict,
        )
        for one in cells
    ]  # fmt: skip
    note = (
        f"{name} less {base}, over the videos that both judged: the difference, its 95 % interval (Newcombe), and p of "
        "McNemar's exact test, corrected for the lines of this table (Holm). Better and worse, for the model, stand "
        "where p is at most 0.05; alike: no video differs; open: the test does not show it."
    )
    header = ("attack", "defense", "sampler", "measure", base, name, "difference", "p", "shown")
    return Grid(f"differences-{number}", f"Differences: {name}", note, header, tuple(lines))


def _beside(out: Path) -> Path:
    """The folder of a page's tables and figures."""
    return out.with_suffix("") if out.suffix else out.with_name(f"{out.name}-files")


def _read(run: Path) -> _Document:
    name, results = printable(run.resolve().name), read_defend_results(run)
    compared = compared_run(name, Rows.of_every_defense(results.rows), results, read_records(run))
    return _Document(name, read_run(run), results, compared)


def _forest_lines(cells: Sequence[ComparedCell]) -> list[ForestLine]:
    several = len({one.metric for one in cells}) > 1
    return [
        ForestLine(
            " · ".join([one.key[0], defense_name(one.key[1]), one.key[2], *([one.metric] if several else [])]),
            one.difference,
            one.verdict,
        )
        for one in cells
        if one.difference is not None
    ]


def _measure(cells: Sequence[ComparedCell]) -> str:
    return " or ".join(dict.fromkeys(one.metric for one in cells))


def _shown(row: Row | None) -> str:
    return figure_cell(row.accuracy or row.fooling_rate if row else None)


def _worst(results: DefendResults, defense: str, sampler: str) -> tuple[str, str]:
    for ladder in results.ladder:
        for one in ladder.robust:
            if (ladder.defense, one.sampler) == (defense, sampler):
                return figure_cell(one.accuracy or one.fooling_rate), one.rung
    return NONE, NONE


def _different(protocols: Sequence[Protocol | None], keys: Sequence[str]) -> list[tuple[str, list[str]]]:
    """What the runs do not have in common, so that nobody compares what cannot be."""
    return [*_unequal(keys, lambda number, key: getattr(protocols[number], key, None), len(protocols))]


def _different_settings(runs: Sequence[RunFacts]) -> list[tuple[str, list[str]]]:
    """Settings that are not the same in all runs."""
    keys = dict.fromkeys(key for one in runs for key in one.settings)
    return [*_unequal([*keys], lambda number, key: runs[number].settings.get(key), len(runs))]


def _unequal(keys: Sequence[str], value: Callable[[int, str], object], runs: int) -> Iterator[tuple[str, list[str]]]:
    for key in keys:
        values = [_words(value(number, key)) for number in range(runs)]
        if len(set(values)) > 1:
            yield key, values


def _words(value: object) -> str:
    if value is None or value in ([], ()):
        return NONE
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
