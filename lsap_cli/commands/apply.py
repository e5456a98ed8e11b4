"""`lsap apply`: its command line."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lsap_cli.commands import arguments
from lsap_cli.commands.checking import end_of_checks
from lsap_cli.commands.dashboard import run_in_dashboard
from lsap_cli.commands.options import (
    Cluster,
    DryRun,
    Fps,
    Json,
    MemoryLimit,
    OpenDashboard,
    Quiet,
    Root,
    RunFolder,
    Storage,
    check_run_folder,
    keep_memory_limit,
    print_json,
    print_plan,
    run_folder_of,
    running,
    text_of,
)
from lsap_cli.limits import MOST_WORKERS

if TYPE_CHECKING:
    from lsap_cli.commands.screen import Screen
    from lsap_cli.results.documents import ApplyResults


def command(
    context: typer.Context,
    perturbation: Annotated[
        Path,
        typer.Argument(callback=arguments.perturbation, help="a file from lsap generate, or gallery:NAME ({gallery})"),
    ],
    videos: Annotated[
        Path, typer.Argument(callback=arguments.source, help="a folder of videos, a list, or FORMAT:PATH ({sets})")
    ],
    out: Annotated[
        Path, typer.Argument(callback=arguments.new_folder, help="a new folder; the videos' tree is mirrored in it")
    ],
    codec: Annotated[
        str,
        typer.Option(
            "--codec",
            "-c",
            callback=arguments.codec,
            help="{codecs}, with settings as in h264:crf=23; ffv1, x264rgb and png are lossless",
        ),
    ] = "ffv1",
    workers: Annotated[
        int, typer.Option("--workers", "-w", min=1, max=MOST_WORKERS, help="files written at a time")
    ] = 1,
    resume: Annotated[bool, typer.Option("--resume", help="go on in a folder that was begun")] = False,
    segment: Annotated[
        str | None,
        typer.Option(
            callback=arguments.segment, help="change some frames only: begin, middle or end, as in middle:frames=16"
        ),
    ] = None,
    strength: Annotated[
        float, typer.Option(callback=arguments.strength, help="multiply the perturbation, within its budget")
    ] = 1.0,
    preview: Annotated[int, typer.Option(min=0, help="pictures and a film of so many files, in the run")] = 0,
    timeout: Annotated[
        str,
        typer.Option(
            callback=arguments.duration_check("--timeout"),
            help="a file is given up on after so long without any progress",
        ),
    ] = "2m",
    threads: Annotated[
        str,
        typer.Option(
            callback=arguments.word("--threads", "auto", "one", "many"),
            help="of each file's decoder: one, many, or auto (by --workers)",
        ),
    ] = "auto",
    ssim: Annotated[
        str,
        typer.Option(
            callback=arguments.word("--ssim", "sample", "all"),
            help="measure structural similarity on every eighth frame (sample) or on all",
        ),
    ] = "sample",
    cluster: Cluster = None,
    storage: Storage = None,
    root: Root = None,
    fps: Fps = None,
    memory_limit: MemoryLimit = None,
    run: RunFolder = None,
    as_json: Json = False,
    quiet: Quiet = False,
    dry_run: DryRun = False,
    dashboard: OpenDashboard = False,
) -> None:
    """Add a perturbation to every video of a folder, and check in the written files that it is there.

    Example: lsap apply r.safetensors videos/ perturbed/ --codec ffv1 --workers 2
    """
    if dashboard and run_in_dashboard(context, run, as_json, quiet):
        return
    check_run_folder(resume, run)
    patience = arguments.seconds(timeout, "--timeout")
    assert patience is not None  # a text was given
    from lsap_cli.applying.settings import ApplySettings

    settings = ApplySettings(
        str(perturbation),
        str(videos),
        str(out),
        codec,
        workers,
        segment,
        strength,
        preview,
        patience,
        threads,
        resume,
        text_of(root),
        fps,
        ssim,
        cluster,
        text_of(storage),
    )
    _ = settings.cluster_settings  # options that do not fit together are refused
    end_of_checks()
    if dry_run:
        from lsap_cli.jobs.dry_runs import plan_of_apply

        print_plan("apply", plan_of_apply(settings, run_folder_of(run, "apply")), as_json)
        return
    from lsap_cli.jobs.apply import apply

    keep_memory_limit(memory_limit)
    with running("apply", run, asdict(settings), quiet, resume) as (work, screen):
        results = apply(settings, work)
        _say(screen, results, out)
    if as_json:
        print_json(results)
    if results.skipped or results.not_exact:
        raise typer.Exit(1)


def _say(screen: "Screen", results: "ApplyResults", out: Path) -> None:
    from lsap_cli.results.left_out import left_out_words

    effective = results.effective
    assert effective is not None  # there is a file
    kept = f" ({len(results.resumed)} of them were there already)" if results.resumed else ""
    left_out = left_out_words(len(results.files), results.skipped)
    kept += f" ({left_out})" if left_out else ""
    screen.say(
        f"wrote {len(results.files)} files to {out}{kept}: largest change {effective.linf:.0f}/255, "
        f"root mean square {effective.l2_rms:.2f}/255, mean {effective.map:.2f}/255, measured in the written files"
    )
    if results.lossless and not results.not_exact:
        screen.say("each file was decoded again: every frame is its source plus the rounded perturbation, exactly")
    elif effective.cosine is not None:
        screen.say(
            f"of the perturbation, {effective.energy_kept:.0%} is left in the files; "
            f"the cosine between it and all changes is {effective.cosine:.2f}"
        )
    if results.over_budget:
        budget = results.budget
        screen.say(
            f"over budget: {len(results.over_budget)} files: the codec moved values by more than "
            f"{budget.norm} {budget.epsilon} (such as {results.over_budget[0]}); use a lossless codec to keep it"
        )
