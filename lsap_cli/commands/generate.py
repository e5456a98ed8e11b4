"""`lsap generate`: its command line."""

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
    seconds,
)
from lsap_cli.errors import LsapError


def command(
    videos: Annotated[Path, typer.Argument(help="a folder of videos, or a CSV list (path,label)")],
    model: Model,
    out: Annotated[Path, typer.Option(help="the perturbation file to write (.safetensors)")],
    norm: Annotated[str, typer.Option(help="linf, or l2 (root mean square)")] = "linf",
    epsilon: Annotated[str, typer.Option(help="the budget in pixel units of [0, 1]")] = "8/255",
    binding: Annotated[
        str, typer.Option(help="constant, cyclic:P, relative:P, or slot:P (comparison only)")
    ] = "cyclic:4",
    target: Annotated[
        str | None, typer.Option(help="a label that every video should get (default: any wrong one)")
    ] = None,
    sampler: Annotated[
        list[str] | None, typer.Option(help="sampler to learn through; repeat for several (default: five)")
    ] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="learning steps (default 600 without a time budget)")] = None,
    time_budget: Annotated[str | None, typer.Option(help="for the whole command: 180s, 10m")] = None,
    batch: Batch = 4,
    memory: Annotated[float, typer.Option(min=0.0, help="GB of frames to hold in memory; more goes to disk")] = 4.0,
    resume: Annotated[bool, typer.Option("--resume", help="go on with the stopped run in --run")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="replace --out if it exists")] = False,
    device: Device = "auto",
    seed: Seed = 0,
    run: RunFolder = None,
    as_json: Json = False,
    quiet: Quiet = False,
    dashboard: OpenDashboard = False,
) -> None:
    """Learn one perturbation that makes the model wrong on any video, whichever frames it looks at.

    Example: lsap generate videos/ --model model.toml --epsilon 8/255 --time-budget 180s --out r.safetensors
    """
    if dashboard and watch("generate", run, as_json, quiet):
        return
    budget = seconds(time_budget, "--time-budget")
    if out.exists() and not overwrite:
        raise LsapError(f"--out {out} exists already; give another name, or --overwrite to replace it")
    if out.is_dir() or not out.name.strip("."):
        raise LsapError(f"--out {out} is not a file name; use a name such as r.safetensors")
    if resume and run is None:
        raise LsapError("--resume needs --run DIR, the folder of the run to go on with")

    from lsap_cli.jobs.generate import Settings, generate
    from lsap_cli.jobs.resuming import check_same_settings
    from lsap_cli.reports.tables import results_table

    settings = Settings(
        videos=str(videos), model=model, out=str(out), norm=norm, epsilon=epsilon, binding=binding, target=target,
        sampler=tuple(sampler or ()), steps=steps, time_budget=budget, batch=batch, memory=int(memory * 2**30),
        device=device, seed=seed,
    )  # fmt: skip
    if resume and run is not None:
        check_same_settings(run, asdict(settings))
    with running("generate", run, asdict(settings), quiet, resume) as (work, screen):
        results = generate(settings, work, resume)
        screen.result(results_table(results), as_json=as_json)
        screen.say(f"wrote {out} after {results['steps']} steps; the run is in {work.folder}")
    if as_json:
        print_json(results)
    if results["skipped"]:
        raise typer.Exit(1)
