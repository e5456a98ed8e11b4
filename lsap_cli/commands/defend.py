"""`lsap defend`: its command line."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from lsap_cli.commands.dashboard import watch
from lsap_cli.commands.options import (
    Batch,
    Device,
    Json,
    Model,
    OpenDashboard,
    Quiet,
    RunFolder,
    Seed,
    print_json,
    running,
)


def command(
    videos: Annotated[Path, typer.Argument(help="clean videos: a folder (sub-folders named by label) or a CSV list")],
    model: Model,
    perturbed: Annotated[Path | None, typer.Option(help="the folder that lsap apply wrote for these videos")] = None,
    perturbation: Annotated[Path | None, typer.Option(help="a perturbation file, added in memory instead")] = None,
    sampler: Annotated[list[str] | None, typer.Option(help="repeat for several (default: the model's own)")] = None,
    defense: Annotated[
        list[str] | None,
        typer.Option(help='such as "jpeg:quality=50 + temporal-mean"; repeat for several (default: five plain ones)'),
    ] = None,
    detector: Annotated[
        list[str] | None, typer.Option(help='such as "corpus-residual"; repeat for several (default: none)')
    ] = None,
    draws: Annotated[int, typer.Option(min=1, help="how often a random defense is drawn for each video")] = 5,
    corruptions: Annotated[
        bool, typer.Option("--corruptions", help="also clean videos under natural corruptions, at five severities")
    ] = False,
    certify: Annotated[
        list[str] | None,
        typer.Option(help='such as "flicker:sigma=0.1" or "pixels"; repeat for several (default: none)'),
    ] = None,
    target: Annotated[
        str | None, typer.Option(help="label for success rates (default: the perturbation's own)")
    ] = None,
    views: Annotated[int | None, typer.Option(min=1, help="clips a video (default: the model's own)")] = None,
    allow_overlap: Annotated[
        bool, typer.Option("--allow-overlap", help="evaluate on videos that were learned from, and say so")
    ] = False,
    batch: Batch = 8,
    device: Device = "auto",
    seed: Seed = 0,
    run: RunFolder = None,
    as_json: Json = False,
    quiet: Quiet = False,
    dashboard: OpenDashboard = False,
) -> None:
    """Measure a model on clean, noisy and perturbed videos: undefended, and behind each defense.

    Example: lsap defend videos/ --model model.toml --perturbed perturbed/ --defense jpeg:quality=75 --sampler uniform
    """
    if dashboard and watch("defend", run, as_json, quiet):
        return
    from lsap_cli.jobs.defend import Settings, defend
    from lsap_cli.reports.html import write_report
    from lsap_cli.reports.tables import results_table, summary_sentence

    settings = Settings(
        videos=str(videos), model=model, perturbation=_text(perturbation), perturbed=_text(perturbed),
        sampler=tuple(sampler or ()), defense=tuple(defense or ()),
        detector=tuple(detector or ()), draws=draws, corruptions=corruptions, certify=tuple(certify or ()), target=target, views=views,
        allow_overlap=allow_overlap, batch=batch, device=device, seed=seed,
    )  # fmt: skip
    with running("defend", run, asdict(settings), quiet) as (work, screen):
        results = defend(settings, work)
    report = write_report(work.folder)
    screen.result(results_table(results), summary_sentence(results), as_json=as_json)
    screen.say(f"report: {report}")
    if as_json:
        print_json(results)
    if results["skipped"]:
        raise typer.Exit(1)


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)
