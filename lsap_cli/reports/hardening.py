"""What `lsap harden` made: on the terminal, and as an HTML page with its tables."""

from pathlib import Path

from rich import box
from rich.table import Table
from rich.text import Text

from lsap_cli.errors import LsapError
from lsap_cli.reports.grid import Grid, figure_cell, write_grids
from lsap_cli.reports.html import environment
from lsap_cli.reports.run_folder import read_run, read_run_results
from lsap_cli.results.files import RESULTS_FILE, write_atomically
from lsap_cli.results.hardening import HardenResults
from lsap_cli.results.hardening_words import hardening_sentences, ladder_command
from lsap_cli.results.printable_result import printable_result
from lsap_cli.results.rates import Paired, Rate
from lsap_cli.results.records import NO_ATTACK, NO_DEFENSE
from lsap_cli.results.rows import Row

DASH = "–"
HARDEN = "harden"

RATES = ("accuracy", "fooling rate")


def hardening_table(results: HardenResults) -> Table:
    """Both networks beside each other, on the terminal.

    Args:
        results: as the run wrote them.
    """
    grid = networks_grid(printable_result(results))
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, title_justify="left")
    table.title = Text(grid.title, style="bold")
    for heading in grid.header:
        table.add_column(heading, overflow="fold")
    for line in grid.lines:
        table.add_row(*map(Text, line))
    return table


def networks_grid(results: HardenResults) -> Grid:
    """Clean accuracy, and what the worst attackers leave, before and after."""
    before, after = results.before, results.after
    lines: list[tuple[str, ...]] = [
        (
            "clean accuracy",
            figure_cell(before.clean_accuracy),
            figure_cell(after.clean_accuracy),
            *_pair(results.clean_change),
        )
    ]  # fmt: skip
    for name, first, second, change in (
        ("accuracy, worst attacker", before.robust_accuracy, after.robust_accuracy, results.robust_change),
        ("fooling rate, worst attacker", before.fooling_rate, after.fooling_rate, results.fooled_change),
    ):
        if first is not None and second is not None:
            lines.append((name, figure_cell(first.rate), figure_cell(second.rate), *_pair(change)))
    noise = (before.noise_fooling_rate, after.noise_fooling_rate)
    lines.append(("fooling rate, noise", *map(figure_cell, noise), DASH, DASH))
    behind = f", behind {results.defense}" if results.defense else ""
    return Grid(
        "hardening",
        f"{before.name}, hardened by {results.method}{behind}",
        "On held-out recordings. Gained and lost are videos for which the outcome is true of one network only: "
        "after, and before. p is that of McNemar's exact test.",
        ("", "before", "after", "gained, lost", "p"),
        tuple(lines),
    )


def hardening_attackers_grid(results: HardenResults) -> Grid:
    """Both networks under every attack."""
    spec = results.defense or NO_DEFENSE
    rows = {name: {one.attack: one for one in side.rows if one.defense == spec and one.attack != NO_ATTACK}
            for name, side in (("before", results.before), ("after", results.after))}  # fmt: skip
    begins = {one.attack: one.begins_at for one in results.attackers}
    steps = {one.attack: str(one.steps) for one in results.attackers}
    return Grid(
        "hardening-attackers",
        "Under each attack",
        "Attackers that begin at zeros or at the pattern have learned against each network on the videos to learn "
        "from, with other seeds than training. The pattern is what the network was hardened against.",
        ("attack", "begins at", "steps", *(f"{rate} {when}" for rate in RATES for when in ("before", "after"))),
        tuple(
            (
                attack, begins.get(attack, DASH), steps.get(attack, DASH),
                *(figure_cell(_accuracy(rows[side].get(attack))) for side in rows),
                *(figure_cell(_fooling(rows[side].get(attack))) for side in rows),
            )
            for attack in rows["after"]
        ),
    )  # fmt: skip


def write_hardening_report(run: Path, out: Path | None = None) -> Path:
    """Writes a page about a finished `harden` run, and its tables as CSV, Markdown and LaTeX beside it.

    Args:
        run: the run folder.
        out: the page's path; None: `report.html` in the run folder.

    Returns:
        The page's path.

    Raises:
        LsapError: if the folder does not hold a finished run of harden, or one of its files is broken.
        OSError: if the page or a table cannot be written.
    """
    about = read_run(run, (HARDEN,))
    results = read_run_results(run)
    if not isinstance(results, HardenResults):
        raise LsapError(f"{run / RESULTS_FILE} is of another command; this needs a run of harden")
    tables = [networks_grid(results), *([hardening_attackers_grid(results)] if results.attackers else [])]
    page = environment().get_template("tables.html").render(
        title=f"{results.before.name}, hardened",
        finished=about.finished,
        sentences=hardening_sentences(results),
        command=ladder_command(results, str(run)),
        skipped=results.skipped,
        grids=tables,
    )  # fmt: skip
    path = run / "report.html" if out is None else out
    write_atomically(path, page)
    write_grids(path.parent, tables)
    return path


def _pair(change: Paired | None) -> tuple[str, str]:
    if change is None:
        return DASH, DASH
    return f"{change.gained}, {change.lost} of {change.of}", DASH if change.p is None else f"{change.p:.2g}"


def _accuracy(row: Row | None) -> Rate | None:
    return None if row is None else row.attacked_accuracy


def _fooling(row: Row | None) -> Rate | None:
    return None if row is None else row.fooling_rate
