"""`lsap study`: its command line."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lsap_cli.commands import arguments
from lsap_cli.commands.checking import end_of_checks
from lsap_cli.commands.dashboard import run_in_dashboard
from lsap_cli.commands.options import (
    DEFAULT_TIMEOUT_TEXT,
    SPEED,
    Cluster,
    Device,
    FrameMemory,
    Json,
    MemoryLimit,
    OpenDashboard,
    Quiet,
    Storage,
    file_errors_explained,
    keep_memory_limit,
    print_json,
    require_run_folder,
    run_place,
    running,
    text_of,
)
from lsap_cli.limits import MOST_FOLDS, MOST_WORKERS
from lsap_cli.study.settings import StudySettings

if TYPE_CHECKING:
    from lsap_cli.study.request import StudyRequest

DEFAULT = StudySettings("")
MOST_SECONDS = 1e8


def command(
    context: typer.Context,
    study: Annotated[
        str,
        typer.Argument(
            metavar="STUDY",
            callback=arguments.study_file,
            help="a study file (STUDY.toml), or one that lsap ships: {studies}",
        ),
    ],
    videos: Annotated[
        Path | None,
        typer.Option(callback=arguments.optional_source, help="in place of the file's: a folder, a list, FORMAT:PATH"),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            "-m",
            callback=arguments.optional_models,
            help="in place of the file's networks: a model card, or one of {models}; repeat for several",
        ),
    ] = None,
    folds: Annotated[
        int | None, typer.Option(min=2, max=MOST_FOLDS, help="of the recordings, in place of the file's")
    ] = None,
    seconds: Annotated[
        float | None,
        typer.Option(min=0.1, max=MOST_SECONDS, help="of learning one perturbation, in place of the file's"),
    ] = None,
    run: Annotated[
        Path | None,
        typer.Option(
            "--run", "--out", "-r", callback=run_place, help="the study's folder (default: runs/<time>-study)"
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="go on in --run: finished cells are kept, failed ones are done again")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="list the cells and what they will take; write nothing")
    ] = False,
    workers: Annotated[
        int,
        typer.Option(
            "--workers", "-w", min=1, max=MOST_WORKERS, help="processes that work on cells", rich_help_panel=SPEED
        ),
    ] = 1,
    cluster: Cluster = None,
    storage: Storage = None,
    timeout: Annotated[
        str,
        typer.Option(
            callback=arguments.duration_check("--timeout"),
            help="a cell is given up on after so long without any news of it, with --workers and --cluster",
            rich_help_panel=SPEED,
        ),
    ] = DEFAULT_TIMEOUT_TEXT,
    memory: FrameMemory = DEFAULT.memory / 2**30,
    memory_limit: MemoryLimit = None,
    device: Device = "auto",
    as_json: Json = False,
    quiet: Quiet = False,
    dashboard: OpenDashboard = False,
) -> None:
    """Fill a grid of models, attacks, budgets, defenses and more from one file, and make tables of it.

    Example: lsap study paper:overall --videos videos/ --model victim/model.toml --workers 2 --run runs/overall
    """
    if dashboard and run_in_dashboard(context, run, as_json, quiet):
        return
    patience = arguments.seconds(timeout, "--timeout")
    assert patience is not None  # a text was given
    settings = StudySettings(
        study=study, videos=text_of(videos), model=tuple(model or ()), folds=folds, seconds=seconds, workers=workers,
        device=device,
        memory=int(memory * 2**30), cluster=cluster, storage=text_of(storage), timeout=patience,
    )  # fmt: skip
    _ = settings.cluster_settings  # options that do not fit together are refused
    require_run_folder(resume, run)
    from lsap_cli.study.study_file import read_study

    request = read_study(settings.study, settings.model, settings.videos, folds, seconds)
    end_of_checks()
    keep_memory_limit(memory_limit)
    if dry_run:
        _say_estimate(request, settings, run, quiet, as_json)
        return
    from lsap_cli.jobs.study import fill_grid
    from lsap_cli.reports.study_page import write_study_report
    from lsap_cli.reports.study_tables import study_lines, study_tables

    with running("study", run, asdict(settings), quiet, resume) as (work, screen):
        results = fill_grid(request, settings, work)
    with file_errors_explained(f"lsap report {work.folder} writes it again"):
        report = write_study_report(work.folder)
    screen.result(*study_tables(results), *study_lines(results), as_json=as_json)
    screen.say(f"report: {report}")
    if as_json:
        print_json(results)
    if results.count("done") < len(results.cells) or results.skipped:
        raise typer.Exit(1)


def _say_estimate(
    request: "StudyRequest", settings: StudySettings, run: Path | None, quiet: bool, as_json: bool
) -> None:
    """The cells that are left, and what they will take; nothing is written."""
    from lsap_cli.commands.screen import Screen
    from lsap_cli.jobs.study import estimate_grid
    from lsap_cli.reports.study_tables import dry_run_lines
    from lsap_cli.runs.worker_run import WorkerRun

    folder = run or Path("runs")
    with Screen(quiet) as screen:
        found = estimate_grid(request, settings, folder, WorkerRun(folder, screen.show))
    screen.result(*dry_run_lines(found), as_json=as_json)
    if as_json:
        print_json(found)
