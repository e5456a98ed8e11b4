"""The report of a study: one HTML page that needs nothing outside itself, and its tables as files."""

import shlex
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup
from msgspec.structs import replace

from lsap_cli.errors import LsapError
from lsap_cli.reports.contents_list import PLACE, with_contents
from lsap_cli.reports.drawing import write_figures
from lsap_cli.reports.grid import write_grids
from lsap_cli.reports.html import environment, themed
from lsap_cli.reports.plots import RocPlot, roc_plot
from lsap_cli.reports.run_folder import read_run, read_run_results
from lsap_cli.reports.study_grids import failures_of, study_grids, study_page_grids
from lsap_cli.results.files import RESULTS_FILE, write_atomically
from lsap_cli.results.study import StudyResults

STUDY = "study"
MOST_CURVES = 4  # in one plot


@dataclass(frozen=True)
class _Fact:
    name: str
    value: str


def write_study_report(run: Path, out: Path | None = None) -> Path:
    """Writes the page of a finished `study`, its tables into `tables/` and its curves into `figures/` beside it.

    Args:
        run: the run folder.
        out: the page's path; None: `report.html` in the run folder.

    Returns:
        The page's path.

    Raises:
        LsapError: if the folder does not hold a finished study.
        OSError: if the page or a table cannot be written.
    """
    about = read_run(run, (STUDY,))
    results = read_run_results(run)
    if not isinstance(results, StudyResults):
        raise LsapError(f"{run / RESULTS_FILE} is of another command than run.json; run lsap study again", 1)
    grids, curves = study_grids(results), detector_plots(results)
    page = with_contents(
        environment()
        .get_template("study.html")
        .render(
            contents=Markup(PLACE),
            command_line_text=shlex.join(about.command_line or ()),
            results=results,
            run_name=run.resolve().name,
            run=about,
            failures=failures_of(results),
            failed=results.count("failed"),
            missing=results.count("missing"),
            done=results.count("done"),
            grids=study_page_grids(results),
            roc_plots=[(plot, Markup(themed(plot.drawing.svg))) for plot in curves],
            facts=_facts(results, about.versions, about.platform),
        )
    )
    path = run / "report.html" if out is None else out
    write_atomically(path, page)
    write_grids(path.parent, grids)
    write_figures(path.parent, curves)
    return path


def detector_plots(results: StudyResults) -> list[RocPlot]:
    """ROC curves of the detectors, a few in a plot; each is called after what distinguishes its point of the grid."""
    points = results.detectors
    varied = [axis for axis in (points[0].axes if points else ()) if len({one.axes[axis] for one in points}) > 1]
    rows = [
        replace(one.figures, detector=", ".join(one.axes[axis] for axis in varied) or one.figures.detector)
        for one in points
    ]
    return [roc_plot("perturbed", rows[start : start + MOST_CURVES]) for start in range(0, len(rows), MOST_CURVES)]


def _facts(results: StudyResults, versions: dict[str, str], platform: str) -> list[_Fact]:
    models = [
        _Fact("model", f"{one.name} ({one.spec}){': ' + one.problem if one.problem else ''}") for one in results.models
    ]
    return [*models, _Fact("platform", platform), *(_Fact(name, version) for name, version in versions.items())]
