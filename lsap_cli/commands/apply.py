"""`lsap apply`: its command line."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from lsap_cli.commands.dashboard import watch
from lsap_cli.commands.options import Json, OpenDashboard, Quiet, RunFolder, print_json, running


def command(
    perturbation: Annotated[Path, typer.Argument(help="a perturbation file from lsap generate")],
    videos: Annotated[Path, typer.Argument(help="a folder of videos, or a CSV list")],
    out: Annotated[Path, typer.Argument(help="a new folder; the videos' tree is mirrored in it")],
    codec: Annotated[str, typer.Option(help="ffv1 and x264rgb are lossless; h264:crf=23 is not")] = "ffv1",
    workers: Annotated[int, typer.Option(min=1, max=256, help="files written at a time")] = 1,
    run: RunFolder = None,
    as_json: Json = False,
    quiet: Quiet = False,
    dashboard: OpenDashboard = False,
) -> None:
    """Add a perturbation to every video of a folder, and check in the written files that it is there.

    Example: lsap apply r.safetensors videos/ perturbed/ --codec ffv1
    """
    if dashboard and watch("apply", run, as_json, quiet):
        return
    from lsap_cli.jobs.apply import Settings, apply

    settings = Settings(str(perturbation), str(videos), str(out), codec, workers)
    with running("apply", run, asdict(settings), quiet) as (work, screen):
        results = apply(settings, work)
        effective = results["effective"]
        screen.say(
            f"wrote {len(results['files'])} files to {out}: largest change {effective['linf']:.0f}/255, "
            f"root mean square {effective['l2_rms']:.2f}/255, mean {effective['map']:.2f}/255, measured in the written files"
        )
        if results["lossless"] and not results["not_exact"]:
            screen.say("each file was decoded again: every frame is its source plus the rounded perturbation, exactly")
        if results["over_budget"]:
            budget = results["budget"]
            screen.say(
                f"over budget: {len(results['over_budget'])} files: the codec moved values by more than "
                f"{budget['norm']} {budget['epsilon']} (such as {results['over_budget'][0]}); use a lossless codec to keep it"
            )
    if as_json:
        print_json(results)
    if results["skipped"] or results["not_exact"]:
        raise typer.Exit(1)
