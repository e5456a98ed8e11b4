"""The tables of a run of any command."""

from collections.abc import Iterable

from lsap_cli.reports.class_tables import class_grids
from lsap_cli.reports.grid import Grid
from lsap_cli.reports.grids import grids, rates_grid, sampler_grid
from lsap_cli.results.documents import ApplyResults, DefendResults, GenerateResults
from lsap_cli.results.records import Record

Tabled = DefendResults | GenerateResults | ApplyResults


def export_tables(results: Tabled, records: Iterable[Record]) -> tuple[Grid, ...]:
    """Every table that has a line.

    Args:
        results: of a run.
        records: of the same run; looked at for `defend` alone.
    """
    if isinstance(results, DefendResults):
        return (*grids(results), *class_grids(results, records))
    if isinstance(results, GenerateResults):
        made = [rates_grid(results), sampler_grid(results)]
    else:
        made = [_file_grid(results)]
    return tuple(grid for grid in (*made, _skipped_grid(results)) if grid.lines)


def _file_grid(results: ApplyResults) -> Grid:
    lines = [
        (
            one.source, one.output, str(one.frames), f"{one.width} x {one.height}", f"{one.linf:g}",
            f"{one.l2_rms:.3f}", f"{one.map:.3f}", "–" if one.psnr is None else f"{one.psnr:.2f}",
            "yes" if one.exact else "no", "yes" if one.over_budget else "no",
        )
        for one in results.files
    ]  # fmt: skip
    header = ("source", "output", "frames", "size", "linf", "l2 (RMS)", "mean", "PSNR", "exact", "over budget")
    note = "Measured in the written files, in levels of 0-255; PSNR in dB."
    return Grid("files", "Perturbed files", note, header, tuple(lines))


def _skipped_grid(results: GenerateResults | ApplyResults) -> Grid:
    lines = tuple((one.path, one.reason) for one in results.skipped)
    return Grid("skipped", "What was left out", "No figure counts these videos.", ("video", "reason"), lines)
