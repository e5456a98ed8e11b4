"""`lsap train`: its command line."""

import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from lsap_cli.commands import arguments
from lsap_cli.commands.checking import end_of_checks
from lsap_cli.commands.dashboard import run_in_dashboard
from lsap_cli.commands.options import (
    SPEED,
    Batch,
    Device,
    DryRun,
    Fps,
    FrameMemory,
    Json,
    LabelNames,
    MemoryLimit,
    OpenDashboard,
    Quiet,
    ResumeRun,
    Root,
    RunFolder,
    Seed,
    keep_memory_limit,
    print_json,
    print_plan,
    require_run_folder,
    run_folder_of,
    running,
    text_of,
)
from lsap_cli.commands.training_options import (
    SCHEDULE,
    HeldOutShare,
    LabelSmoothing,
    NoFlip,
    Optimizer,
    Overwrite,
    TrainedLayers,
    TrainingPrecision,
    VideosToTrainOn,
    WeightDecay,
)
from lsap_cli.limits import MOST_EPOCHS
from lsap_cli.training.settings import (
    DEFAULT_EPOCHS,
    DEFAULT_FRAMES,
    DEFAULT_SIZE,
    LEARNING_RATES,
    TrainSettings,
)

DEFAULT = TrainSettings  # its class attributes are the defaults
NETWORK = "Network"
RATES = ", ".join(f"{rate:g} with {name}" for name, rate in LEARNING_RATES.items())


def command(
    context: typer.Context,
    videos: VideosToTrainOn,
    family: Annotated[
        str,
        typer.Option(callback=arguments.family, help="{families}; with settings as in tsm:shift=4"),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="the folder that gets model.toml, weights and labels")],
    backbone: Annotated[
        str | None,
        typer.Option(
            callback=arguments.backbone,
            help="an image network of torchvision (resnet18, mobilenet_v3_small, ...) or timm:NAME; none for c3d",
        ),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            callback=arguments.initial_weights,
            help="to begin with: a file of the image network or of the whole, or imagenet, from torch's cache "
            "(default: drawn)",
        ),
    ] = None,
    trained: TrainedLayers = DEFAULT.trained,
    frames: Annotated[
        int | None,
        typer.Option(min=1, max=256, help=f"of a clip (default: {DEFAULT_FRAMES}; c3d: 16)", rich_help_panel=NETWORK),
    ] = None,
    size: Annotated[
        int | None,
        typer.Option(
            min=8,
            max=1024,
            help=f"height and width of a clip (default: {DEFAULT_SIZE}; c3d: 112)",
            rich_help_panel=NETWORK,
        ),
    ] = None,
    sampler: Annotated[
        str,
        typer.Option(
            "--sampler",
            "-s",
            callback=arguments.sampler,
            help="{samplers}: of the card's protocol; training draws from it (with uniform: a frame of each segment)",
            rich_help_panel=NETWORK,
        ),
    ] = DEFAULT.sampler,
    epochs: Annotated[
        int | None,
        typer.Option(
            min=1, max=MOST_EPOCHS, help=f"passes over the videos (default without a time budget: {DEFAULT_EPOCHS})"
        ),
    ] = None,
    time_budget: Annotated[
        str | None,
        typer.Option(
            "--time-budget",
            "-t",
            callback=arguments.duration_check("--time-budget"),
            help="for the whole command: 180s, 10m",
        ),
    ] = None,
    patience: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=MOST_EPOCHS,
            help="stop after so many epochs without gain on validation videos, a fifth of those to learn from; keep "
            "the best weights",
        ),
    ] = None,
    held_out: HeldOutShare = DEFAULT.held_out,
    batch: Batch = DEFAULT.batch,
    optimizer: Optimizer = DEFAULT.optimizer,
    learning_rate: Annotated[
        float | None,
        typer.Option(
            min=1e-8,
            max=100.0,
            help=f"the highest (default: {RATES}); a tenth of it for layers with weights of a file",
            rich_help_panel=SCHEDULE,
        ),
    ] = None,
    weight_decay: WeightDecay = DEFAULT.weight_decay,
    label_smoothing: LabelSmoothing = DEFAULT.label_smoothing,
    no_flip: NoFlip = DEFAULT.no_flip,
    smallest_crop: Annotated[
        float,
        typer.Option(
            min=0.05,
            max=1.0,
            help="least share of a frame's area that a clip is cut out of; higher where what matters is small or at "
            "the edge",
            rich_help_panel=SCHEDULE,
        ),
    ] = DEFAULT.smallest_crop,
    precision: TrainingPrecision = DEFAULT.precision,
    workers: Annotated[
        int,
        typer.Option(
            "--workers",
            "-w",
            min=0,
            max=64,
            help="processes that make clips; 0: the command's own",
            rich_help_panel=SPEED,
        ),
    ] = DEFAULT.workers,
    memory: FrameMemory = DEFAULT.memory / 2**30,
    resume: ResumeRun = False,
    overwrite: Overwrite = False,
    root: Root = None,
    fps: Fps = None,
    labels: LabelNames = None,
    memory_limit: MemoryLimit = None,
    device: Device = "auto",
    seed: Seed = 0,
    run: RunFolder = None,
    as_json: Json = False,
    quiet: Quiet = False,
    download: Annotated[
        bool, typer.Option("--download", help="fetch --weights imagenet into torch's cache first, once")
    ] = False,
    dry_run: DryRun = False,
    dashboard: OpenDashboard = False,
) -> None:
    """Train a video classifier of a family on labelled videos, and measure it on recordings that it has not seen.

    Example: lsap train videos/ --family tsn --backbone mobilenet_v3_small --weights imagenet --out victim
    """
    started = time.monotonic()
    if dashboard and run_in_dashboard(context, run, as_json, quiet):
        return
    settings = TrainSettings(
        videos=str(videos), family=family, out=str(out), backbone=backbone, weights=weights,
        trained=trained,  # type: ignore[arg-type]  # checked when it was parsed, as the next two of its kind
        frames=frames, size=size, sampler=sampler, epochs=epochs,
        time_budget=arguments.seconds(time_budget, "--time-budget"), patience=patience, held_out=held_out, batch=batch,
        optimizer=optimizer,  # type: ignore[arg-type]
        learning_rate=learning_rate, weight_decay=weight_decay, label_smoothing=label_smoothing, no_flip=no_flip,
        smallest_crop=smallest_crop,
        precision=precision,  # type: ignore[arg-type]
        workers=workers, memory=int(memory * 2**30), device=device, seed=seed,
        root=text_of(root), fps=fps, labels=text_of(labels), download=download,
    )  # fmt: skip
    settings.check()
    require_run_folder(resume, run)
    from lsap_cli.training.out_folder import check_out_folder

    check_out_folder(out, overwrite, resume)
    end_of_checks()
    if dry_run:
        from lsap_cli.jobs.dry_runs import plan_of_train

        print_plan("train", plan_of_train(settings, run_folder_of(run, "train")), as_json)
        return

    from lsap_cli.jobs.train import train_classifier
    from lsap_cli.reports.tables import train_table
    from lsap_cli.results.left_out import left_out_of
    from lsap_cli.runs.resuming import check_same_settings
    from lsap_cli.specs import check_specs

    check_specs(samplers=[sampler])
    if resume and run is not None:
        check_same_settings(run, asdict(settings))
    keep_memory_limit(memory_limit)
    with running("train", run, asdict(settings), quiet, resume) as (work, screen):
        results = train_classifier(settings, work, resume, started)
        if results is not None:
            screen.result(train_table(results), as_json=as_json)
            left_out = left_out_of(results)
            screen.say(
                f"wrote {out} after {results.steps} steps (ended by: {results.ended_by}); "
                f"{left_out and f'{left_out}; '}the run is in {work.folder}"
            )
    if results is None:
        return
    if as_json:
        print_json(results)
    if results.skipped:
        raise typer.Exit(1)
