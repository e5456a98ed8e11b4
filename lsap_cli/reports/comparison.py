"""Several `defend` runs beside each other: one HTML page that needs nothing outside itself."""

from collections.abc import Sequence
from pathlib import Path

from lsap_cli.errors import LsapError
from lsap_cli.reports.grid import Grid, figure_cell
from lsap_cli.reports.html import environment
from lsap_cli.reports.run_folder import read_defend_results, read_run
from lsap_cli.results.documents import DefendResults, Protocol
from lsap_cli.results.files import write_atomically
from lsap_cli.results.records import NO_ATTACK, NOISE
from lsap_cli.results.rows import Row, Rows
from lsap_cli.results.summary import summary_sentence
from lsap_cli.results.text import printable

SAME = ("classifier", "classes", "videos", "frames", "views", "crops", "norm", "epsilon", "target", "seed")


def write_comparison(runs: Sequence[Path], out: Path) -> Path:
    """Writes the page.

    Args:
        runs: folders of finished `defend` runs, at least two.
        out: the page's path.

    Raises:
        LsapError: if a folder does not hold a finished run, or the page cannot be written.
    """
    documents = [(printable(run.resolve().name), read_run(run), read_defend_results(run)) for run in runs]
    page = (
        environment()
        .get_template("comparison.html")
        .render(
            runs=[
                {"name": name, "finished": about.finished, "says": summary_sentence(results)}
                for name, about, results in documents
            ],
            differences=_differences([results.protocol for _, _, results in documents]),
            grid=comparison_grid([(name, results) for name, _, results in documents]),
        )
    )
    try:
        write_atomically(out, page)
    except OSError as error:
        raise LsapError(f"--out {out} cannot be written ({error.strerror or error}); give another path", 1) from None
    return out


def comparison_grid(runs: Sequence[tuple[str, DefendResults]]) -> Grid:
    """A line for each defense and sampler that any run has, a column for each run and measure.

    Args:
        runs: name and results of each.
    """
    tables = [(name, Rows.of_every_defense(results.rows), results) for name, results in runs]
    cells = dict.fromkeys((row.defense, row.sampler) for _, rows, _ in tables for row in rows.rows)
    header = ["defense", "sampler"]
    header += [f"{name}: {measure}" for name, _, _ in tables for measure in ("clean", "noise", "perturbed", "worst")]
    lines = []
    for defense, sampler in cells:
        line = [defense, sampler]
        for _, rows, results in tables:
            baselines = [rows.find(attack, defense, sampler) for attack in (NO_ATTACK, NOISE)]
            attacked = [one for name in rows.perturbations if (one := rows.find(name, defense, sampler))]
            line += [_shown(one) for one in (*baselines, attacked[0] if attacked else None)]
            line.append(_worst(results, defense, sampler))
        lines.append(tuple(line))
    note = (
        "Accuracy, or the fooling rate where videos have no labels (count, 95 % interval). Worst: the minimum over the "
        "adaptive ladder, where a run has one."
    )
    return Grid("comparison", "Defense by defense", note, tuple(header), tuple(lines))


def _shown(row: Row | None) -> str:
    return figure_cell(row.accuracy or row.fooling_rate if row else None)


def _worst(results: DefendResults, defense: str, sampler: str) -> str:
    for ladder in results.ladder:
        for one in ladder.robust:
            if (ladder.defense, one.sampler) == (defense, sampler):
                return f"{one.accuracy or one.fooling_rate or '–'} {one.rung}"
    return "–"


def _differences(protocols: Sequence[Protocol | None]) -> list[tuple[str, list[str]]]:
    """What the runs do not have in common, so that nobody compares what cannot be."""
    differences = []
    for key in SAME:
        values = ["–" if protocol is None else str(getattr(protocol, key)) for protocol in protocols]
        if len(set(values)) > 1:
            differences.append((key, values))
    return differences
