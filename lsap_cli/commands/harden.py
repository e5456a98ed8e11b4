"""`lsap harden`: its command line."""

import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, get_args

import typer

from lsap_cli.commands import arguments
from lsap_cli.commands.checking import end_of_checks
from lsap_cli.commands.dashboard import run_in_dashboard
from lsap_cli.commands.options import (
    Batch,
    Device,
    DryRun,
    Fps,
    FrameMemory,
    Json,
    LabelNames,
    MemoryLimit,
    Model,
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
from lsap_cli.limits import MOST_DRAWS, MOST_EPOCHS, MOST_STEPS
from lsap_cli.training.harden_settings import DEFAULT_HARDEN_EPOCHS, HARDEN_RATES, HardenMethod, HardenSettings

DEFAULT = HardenSettings  # its class attributes are the defaults
METHOD, JUDGING = "Method", "Judging"
RATES = ", ".join(f"{rate:g} with {name}" for name, rate in HARDEN_RATES.items())


def command(
    context: typer.Context,
    videos: VideosToTrainOn,
    model: Model,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="the folder that gets model.toml, weights, labels and the pattern")
    ],
    method: Annotated[
        str,
        typer.Option(
            callback=arguments.word("--method", *get_args(HardenMethod)),
            help="universal (patterns for all videos, learned beside the weights), pgd (a pattern of its own for "
            "each clip) or noise (Gaussian noise alone)",
        ),
    ] = DEFAULT.method,
    trained: TrainedLayers = DEFAULT.trained,
    norm: Annotated[str, typer.Option(callback=arguments.norm, help="linf, or l2 (root mean square)")] = DEFAULT.norm,
    epsilon: Annotated[
        str, typer.Option("--epsilon", "-e", callback=arguments.epsilon, help="the budget in pixel units of [0, 1]")
    ] = DEFAULT.epsilon,
    binding: Annotated[
        str | None,
        typer.Option(
            callback=arguments.binding,
            help="constant, cyclic:P or relative:P: which slot of the pattern a frame gets (default: that of --attack "
            "lsap)",
        ),
    ] = None,
    delta_step: Annotated[
        float,
        typer.Option(
            min=0.001, max=2.0, help="step of the pattern a batch, as a part of epsilon", rich_help_panel=METHOD
        ),
    ] = DEFAULT.delta_step,
    delta_momentum: Annotated[
        float,
        typer.Option(
            min=0.0, max=0.999, help="of the pattern's steps, over the gradients of batches", rich_help_panel=METHOD
        ),
    ] = DEFAULT.delta_momentum,
    patterns: Annotated[
        int,
        typer.Option(
            min=1, max=64, help="universal patterns side by side, each in some clips of a batch", rich_help_panel=METHOD
        ),
    ] = DEFAULT.patterns,
    restart: Annotated[
        int,
        typer.Option(
            min=0,
            max=MOST_STEPS,
            help="updates, after which the oldest pattern begins anew at random; 0: never",
            rich_help_panel=METHOD,
        ),
    ] = DEFAULT.restart,
    pgd_steps: Annotated[
        int, typer.Option(min=1, max=1000, help="of --method pgd, for each clip", rich_help_panel=METHOD)
    ] = DEFAULT.pgd_steps,
    clean_share: Annotated[
        float,
        typer.Option(min=0.0, max=1.0, help="of each batch's clips, which get no pattern", rich_help_panel=METHOD),
    ] = DEFAULT.clean_share,
    noise: Annotated[
        float | None,
        typer.Option(
            min=0.001,
            max=2.0,
            help="standard deviation of Gaussian noise on all clips, in pixel units of [0, 1]: for certificates",
        ),
    ] = None,
    sampler: Annotated[
        list[str] | None,
        typer.Option(
            "--sampler",
            "-s",
            callback=arguments.samplers,
            help="{samplers}: to train through; repeat for several (default: five)",
        ),
    ] = None,
    through: Annotated[
        list[str] | None,
        typer.Option(
            callback=arguments.defenses,
            help="defense or codec to train through, beside none, such as h264:crf=23; repeat for several",
        ),
    ] = None,
    defense: Annotated[
        str | None,
        typer.Option(
            callback=arguments.defense_chain,
            help="defense in front of the network, always: it learns to do with what that leaves",
        ),
    ] = None,
    test: Annotated[
        Path | None,
        typer.Option(
            callback=arguments.optional_source,
            help="other labelled videos to measure on, such as held_out.csv of lsap train (default: --held-out)",
        ),
    ] = None,
    held_out: HeldOutShare = DEFAULT.held_out,
    epochs: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=MOST_EPOCHS,
            help=f"passes over the videos (default without a time budget: {DEFAULT_HARDEN_EPOCHS})",
        ),
    ] = None,
    time_budget: Annotated[
        str | None,
        typer.Option(
            "--time-budget",
            "-t",
            callback=arguments.duration_check("--time-budget"),
            help="until the last weights: 180s, 10m; judging comes after it",
        ),
    ] = None,
    patience: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=MOST_EPOCHS,
            help="stop after so many epochs without gain, clean and under attack, on validation videos, a fifth of "
            "those to learn from; keep the best weights",
        ),
    ] = None,
    batch: Batch = DEFAULT.batch,
    optimizer: Optimizer = DEFAULT.optimizer,
    learning_rate: Annotated[
        float | None,
        typer.Option(min=1e-8, max=100.0, help=f"the highest (default: {RATES})", rich_help_panel=SCHEDULE),
    ] = None,
    weight_decay: WeightDecay = DEFAULT.weight_decay,
    label_smoothing: LabelSmoothing = DEFAULT.label_smoothing,
    no_flip: NoFlip = DEFAULT.no_flip,
    precision: TrainingPrecision = DEFAULT.precision,
    judge: Annotated[
        bool,
        typer.Option(
            "--judge/--no-judge",
            help="learn fresh attackers against both networks, and judge both under them",
            rich_help_panel=JUDGING,
        ),
    ] = DEFAULT.judge,
    attack_seeds: Annotated[
        int, typer.Option(min=1, max=MOST_DRAWS, help="attackers that begin at zeros", rich_help_panel=JUDGING)
    ] = DEFAULT.attack_seeds,
    attack_steps: Annotated[
        int, typer.Option(min=1, max=MOST_STEPS, help="that each of them learns", rich_help_panel=JUDGING)
    ] = DEFAULT.attack_steps,
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
    dry_run: DryRun = False,
    dashboard: OpenDashboard = False,
) -> None:
    """Train a network to withstand universal perturbations, and judge it by attackers that it has not met.

    Example: lsap harden victim/fit.csv --model victim --test victim/held_out.csv --out hardened
    """
    started = time.monotonic()
    if dashboard and run_in_dashboard(context, run, as_json, quiet):
        return
    settings = HardenSettings(
        videos=str(videos), model=model, out=str(out),
        method=method,  # type: ignore[arg-type]  # checked when it was parsed, as the next three of its kind
        trained=trained,  # type: ignore[arg-type]
        norm=norm, epsilon=epsilon, binding=binding, delta_step=delta_step, delta_momentum=delta_momentum,
        patterns=patterns, restart=restart, pgd_steps=pgd_steps,
        clean_share=clean_share, noise=noise, sampler=tuple(sampler or ()), through=tuple(through or ()),
        defense=defense, test=text_of(test), held_out=held_out, epochs=epochs,
        time_budget=arguments.seconds(time_budget, "--time-budget"), patience=patience, batch=batch,
        optimizer=optimizer,  # type: ignore[arg-type]
        learning_rate=learning_rate, weight_decay=weight_decay, label_smoothing=label_smoothing, no_flip=no_flip,
        precision=precision,  # type: ignore[arg-type]
        judge=judge, attack_seeds=attack_seeds, attack_steps=attack_steps,
        memory=int(memory * 2**30), device=device, seed=seed,
        root=text_of(root), fps=fps, labels=text_of(labels),
    )  # fmt: skip
    settings.check()
    require_run_folder(resume, run)
    from lsap_cli.training.out_folder import check_can_be_hardened, check_out_folder

    check_out_folder(out, overwrite, resume)
    check_can_be_hardened(model, out)
    end_of_checks()
    if dry_run:
        from lsap_cli.jobs.dry_runs import plan_of_harden

        print_plan("harden", plan_of_harden(settings, run_folder_of(run, "harden")), as_json)
        return

    from lsap_cli.jobs.harden import harden_classifier
    from lsap_cli.reports.hardening import hardening_table
    from lsap_cli.results.hardening_words import hardening_sentences, ladder_command
    from lsap_cli.results.left_out import left_out_of
    from lsap_cli.runs.resuming import check_same_settings
    from lsap_cli.specs import check_specs

    check_specs(samplers=settings.sampler, defenses=[*settings.through, *filter(None, [settings.defense])])
    if resume and run is not None:
        check_same_settings(run, asdict(settings))
    keep_memory_limit(memory_limit)
    with running("harden", run, asdict(settings), quiet, resume) as (work, screen):
        results = harden_classifier(settings, work, resume, started)
        if results is not None:
            screen.result(hardening_table(results), *hardening_sentences(results), as_json=as_json)
            left_out = left_out_of(results)
            screen.say(
                f"wrote {out} after {results.steps} steps (ended by: {results.ended_by}); "
                f"{left_out and f'{left_out}; '}the run is in {work.folder}"
            )
            ladder = ladder_command(results, str(work.folder))
            if ladder:
                screen.say(f"attackers that know more: {ladder}")
    if results is None:
        return
    if as_json:
        print_json(results)
    if results.skipped:
        raise typer.Exit(1)
