"""`lsap defend`: its command line."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lsap_cli.commands import arguments
from lsap_cli.commands.checking import end_of_checks
from lsap_cli.commands.dashboard import run_in_dashboard
from lsap_cli.commands.options import (
    DEFAULT_TIMEOUT_TEXT,
    Batch,
    Cluster,
    Device,
    Download,
    DryRun,
    Fps,
    Json,
    LabelNames,
    MemoryLimit,
    OpenDashboard,
    OpenReport,
    Quiet,
    ResumeRun,
    Root,
    RunFolder,
    Seed,
    Storage,
    TaskTimeout,
    fetch_models,
    file_errors_explained,
    keep_memory_limit,
    print_json,
    print_plan,
    require_run_folder,
    run_folder_of,
    running,
    show_report,
    text_of,
)
from lsap_cli.limits import MOST_CLIPS, MOST_DRAWS, MOST_STEPS
from lsap_cli.results.shown_videos import SHOWN_VIDEOS

if TYPE_CHECKING:
    from lsap_cli.jobs.defend_settings import DefendSettings

LEARN = "Attackers that learn in this run"


def command(
    context: typer.Context,
    videos: Annotated[
        Path,
        typer.Argument(
            callback=arguments.source,
            help="clean videos: a folder (sub-folders named by label), a list, or FORMAT:PATH ({sets})",
        ),
    ],
    model: Annotated[
        list[str],
        typer.Option(
            "--model",
            "-m",
            callback=arguments.models,
            help="a model card, or one of: {models}; more of them: the transfer matrix",
        ),
    ],
    perturbed: Annotated[
        Path | None,
        typer.Option(callback=arguments.perturbed, help="the folder that lsap apply wrote for these videos"),
    ] = None,
    perturbation: Annotated[
        list[Path] | None,
        typer.Option(
            "--perturbation",
            "-p",
            callback=arguments.perturbations,
            help="a perturbation file, or gallery:NAME ({gallery}), added in memory instead; more of other seeds: the "
            "spread over seeds",
        ),
    ] = None,
    sampler: Annotated[
        list[str] | None,
        typer.Option(
            "--sampler",
            "-s",
            callback=arguments.samplers,
            help="{samplers}; repeat for several (default: the model's own)",
        ),
    ] = None,
    defense: Annotated[
        list[str] | None,
        typer.Option(
            "--defense",
            "-d",
            callback=arguments.defenses,
            help='{defenses} (with settings and in a row, as in "jpeg:quality=50 + temporal-mean"); '
            "repeat for several; none for no defense (default: five plain ones)",
        ),
    ] = None,
    detector: Annotated[
        list[str] | None,
        typer.Option(callback=arguments.detectors, help="{detectors}; repeat for several (default: none)"),
    ] = None,
    draws: Annotated[
        int, typer.Option(min=1, max=MOST_DRAWS, help="how often a random defense is drawn for each video")
    ] = 5,
    corruptions: Annotated[
        bool, typer.Option("--corruptions", help="also clean videos under natural corruptions, at five severities")
    ] = False,
    certify: Annotated[
        list[str] | None,
        typer.Option(
            callback=arguments.smoothings,
            help="{smoothings}; with settings as in flicker:sigma=0.1; repeat for several (default: none)",
        ),
    ] = None,
    adaptive: Annotated[
        bool,
        typer.Option(
            "--adaptive",
            help="attack each defense and each detector by attackers that know it, and check them",
            rich_help_panel=LEARN,
        ),
    ] = False,
    fit: Annotated[
        Path | None,
        typer.Option(
            callback=arguments.optional_source,
            help="videos that attackers of this run learn from",
            rich_help_panel=LEARN,
        ),
    ] = None,
    steps: Annotated[
        int,
        typer.Option(
            "--steps", "-n", min=1, max=MOST_STEPS, help="learning steps of an attacker", rich_help_panel=LEARN
        ),
    ] = 300,
    ladder: Annotated[
        str,
        typer.Option(
            callback=arguments.word("--ladder", "fast", "full"),
            help="fast: attackers race, and only the best learns to the end; full: every attacker takes all --steps",
            rich_help_panel=LEARN,
        ),
    ] = "fast",
    time_budget: Annotated[
        str | None,
        typer.Option(
            "--time-budget",
            "-t",
            callback=arguments.duration_check("--time-budget"),
            help="time that all attackers together may learn, such as 90s, 10m or 2h (default: no limit)",
            rich_help_panel=LEARN,
        ),
    ] = None,
    estimate: Annotated[
        bool,
        typer.Option(
            "--estimate",
            help="say what the attackers will take, from a few timed steps, and end",
            rich_help_panel=LEARN,
        ),
    ] = False,
    epsilons: Annotated[
        str | None,
        typer.Option(
            callback=arguments.epsilons, help="budget curve, such as 2/255,4/255,16/255", rich_help_panel=LEARN
        ),
    ] = None,
    learning_draws: Annotated[
        str,
        typer.Option(
            callback=arguments.whole_numbers("--learning-draws"),
            help="draws of a random defense for each clip of a step",
            rich_help_panel=LEARN,
        ),
    ] = "2,8",
    pictures: Annotated[
        int,
        typer.Option(min=0, max=64, help="videos that are drawn before and after, of several labels, fooled and not"),
    ] = SHOWN_VIDEOS,
    target: Annotated[
        str | None, typer.Option(help="label for success rates (default: the perturbation's own)")
    ] = None,
    views: Annotated[
        int | None, typer.Option(min=1, max=MOST_CLIPS, help="clips a video (default: the model's own)")
    ] = None,
    allow_overlap: Annotated[
        bool, typer.Option("--allow-overlap", help="evaluate on videos that were learned from, and say so")
    ] = False,
    resume: ResumeRun = False,
    cluster: Cluster = None,
    storage: Storage = None,
    timeout: TaskTimeout = DEFAULT_TIMEOUT_TEXT,
    root: Root = None,
    fps: Fps = None,
    labels: LabelNames = None,
    batch: Batch = 8,
    memory_limit: MemoryLimit = None,
    device: Device = "auto",
    seed: Seed = 0,
    run: RunFolder = None,
    as_json: Json = False,
    quiet: Quiet = False,
    download: Download = False,
    open_report: OpenReport = False,
    dry_run: DryRun = False,
    dashboard: OpenDashboard = False,
) -> None:
    """Measure a model on clean, noisy and perturbed videos: undefended, and behind each defense.

    Example: lsap defend videos/ --model model.toml --perturbed perturbed/ --defense jpeg:quality=75 --sampler uniform
    """
    if dashboard and run_in_dashboard(context, run, as_json, quiet):
        return
    require_run_folder(resume, run)
    arguments.check_labels(model[0], target=target)
    from lsap_cli.jobs.defend_settings import DefendSettings, check_defend_settings, ladder_kind

    settings = DefendSettings(
        videos=str(videos), model=model[0], also=tuple(model[1:]),
        perturbation=text_of(next(iter(perturbation or ()), None)),
        seeds=tuple(map(str, (perturbation or ())[1:])), perturbed=text_of(perturbed),
        sampler=tuple(sampler or ()), defense=tuple(defense or ()),
        detector=tuple(detector or ()), draws=draws, corruptions=corruptions, target=target, views=views,
        allow_overlap=allow_overlap, pictures=pictures, batch=batch, device=device, seed=seed, fit=text_of(fit),
        adaptive=adaptive, epsilons=_parts(epsilons), root=text_of(root), fps=fps, labels=text_of(labels),
        steps=steps, ladder=ladder_kind(ladder), time_budget=arguments.seconds(time_budget, "--time-budget"),
        estimate=estimate, learning_draws=arguments.numbers_of(learning_draws, "--learning-draws"),
        certify=tuple(certify or ()),
        cluster=cluster, storage=text_of(storage), timeout=arguments.seconds(timeout, "--timeout") or 0.0,
    )  # fmt: skip
    check_defend_settings(settings)
    end_of_checks()
    if dry_run:
        from lsap_cli.jobs.dry_runs import plan_of_defend

        print_plan("defend", plan_of_defend(settings, run_folder_of(run, "defend")), as_json)
        return

    from lsap_cli.jobs.defend import defend
    from lsap_cli.reports.html import write_report
    from lsap_cli.reports.tables import (
        attackers_table,
        check_lines,
        detector_ladder_table,
        ladder_table,
        results_table,
        two_class_table,
    )
    from lsap_cli.results.summary import summary_sentence
    from lsap_cli.runs.resuming import check_same_settings
    from lsap_cli.specs import check_specs

    check_specs(
        samplers=settings.sampler, defenses=settings.defense, detectors=settings.detector, smoothings=settings.certify
    )
    if resume and run is not None:
        check_same_settings(run, asdict(settings))
    fetch_models(download, *model, quiet=quiet)
    keep_memory_limit(memory_limit)
    if estimate:
        print_estimate(settings, run, quiet, as_json)
        return
    with running("defend", run, asdict(settings), quiet, resume) as (work, screen):
        results = defend(settings, work, resume)
    with file_errors_explained(f"lsap report {work.folder} writes it again"):
        report = write_report(work.folder)
    ladders = [make(results) for make in (two_class_table, ladder_table, detector_ladder_table, attackers_table)]
    tables = [results_table(results)] + [table for table in ladders if table is not None]
    screen.result(*tables, *check_lines(results), summary_sentence(results), as_json=as_json)
    screen.place("report: ", report)
    show_report(report, open_report)
    if as_json:
        print_json(results)
    if results.skipped:
        raise typer.Exit(1)


def print_estimate(settings: "DefendSettings", run: Path | None, quiet: bool, as_json: bool) -> None:
    """What the attackers of a run will take; nothing is learned."""
    from lsap_cli.jobs.defend_estimate import estimate_defend
    from lsap_cli.reports.tables import estimate_table

    with running("defend", run, asdict(settings), quiet) as (work, screen):
        found = estimate_defend(settings, work)
    screen.result(estimate_table(found), as_json=as_json)
    if as_json:
        print_json(found)


def _parts(text: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",")) if text else ()
