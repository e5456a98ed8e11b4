"""`lsap generate`: its command line."""

import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, get_args

import typer

from lsap_cli.commands import arguments
from lsap_cli.commands.checking import end_of_checks
from lsap_cli.commands.dashboard import run_in_dashboard
from lsap_cli.commands.options import (
    DEFAULT_TIMEOUT_TEXT,
    SPEED,
    Batch,
    Cluster,
    Device,
    Download,
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
    Storage,
    TaskTimeout,
    fetch_models,
    keep_memory_limit,
    print_json,
    print_plan,
    require_run_folder,
    run_folder_of,
    running,
    text_of,
)
from lsap_cli.errors import LsapError
from lsap_cli.learning.settings import DEFAULT_STEPS, DEFAULT_TARGETED_STEPS, Combine, GenerateSettings, LearnFrom
from lsap_cli.limits import MOST_CLIPS, MOST_DRAWS, MOST_STEPS

DEFAULT = GenerateSettings  # its class attributes are the defaults
LEARN_FROM: tuple[str, ...] = get_args(LearnFrom)
COMBINE: tuple[str, ...] = get_args(Combine)
PRECISIONS = ("fp32", "bf16", "fp16")
METHOD, CONTROL = "Method", "Controls and repetitions"


def command(
    context: typer.Context,
    videos: Annotated[
        Path, typer.Argument(callback=arguments.source, help="a folder of videos, a list, or FORMAT:PATH ({sets})")
    ],
    model: Annotated[
        list[str],
        typer.Option(
            "--model",
            "-m",
            callback=arguments.models,
            help="a model card (model.toml), or one of: {models}; more of them: one perturbation against all of them",
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            "-o",
            callback=arguments.output_file("--out", ".safetensors"),
            help="the perturbation file to write (.safetensors)",
        ),
    ],
    attack: Annotated[
        str,
        typer.Option(
            "--attack",
            "-a",
            callback=arguments.attack,
            help="{attacks}; with settings as in lsap:shared_class=0.3",
            rich_help_panel=METHOD,
        ),
    ] = DEFAULT.attack,
    norm: Annotated[str, typer.Option(callback=arguments.norm, help="linf, or l2 (root mean square)")] = DEFAULT.norm,
    epsilon: Annotated[
        str, typer.Option("--epsilon", "-e", callback=arguments.epsilon, help="the budget in pixel units of [0, 1]")
    ] = DEFAULT.epsilon,
    binding: Annotated[
        str | None,
        typer.Option(
            callback=arguments.binding,
            help="{bindings}; all but constant with a number of slots, as in cyclic:4 (default: the attack's)",
        ),
    ] = None,
    target: Annotated[
        str | None, typer.Option(help="a label that every video should get (default: any wrong one)")
    ] = None,
    only: Annotated[
        str | None, typer.Option(help="fool only videos of this label, leave all others as they are")
    ] = None,
    learn_from: Annotated[
        str,
        typer.Option(
            "--from",
            callback=arguments.word("--from", *LEARN_FROM),
            help="any, one-video, target-class or random-class: the videos to learn from",
            rich_help_panel=METHOD,
        ),
    ] = DEFAULT.learn_from,
    pool: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=MOST_CLIPS,
            help="learn from this many fixed clips of each video (LSAP: 40)",
            rich_help_panel=METHOD,
        ),
    ] = None,
    sampler: Annotated[
        list[str] | None,
        typer.Option(
            "--sampler",
            "-s",
            callback=arguments.samplers,
            help="{samplers}: to learn through; repeat for several (default: five)",
        ),
    ] = None,
    through: Annotated[
        list[str] | None,
        typer.Option(
            "--through",
            "-d",
            callback=arguments.defenses,
            help="defense to learn through, such as jpeg:quality=75; repeat for several (h264:crf=23 brought nothing: "
            "docs/learning.md)",
        ),
    ] = None,
    combine: Annotated[
        str,
        typer.Option(
            callback=arguments.word("--combine", *COMBINE),
            help="with several --model: mean or max of their losses",
            rich_help_panel=METHOD,
        ),
    ] = DEFAULT.combine,
    update: Annotated[
        str | None,
        typer.Option(
            callback=arguments.update, help="update of delta, an attack's setting: {updates}", rich_help_panel=METHOD
        ),
    ] = None,
    coherence: Annotated[
        str | None,
        typer.Option(
            callback=arguments.coherence,
            help="temporal coherence, an attack's setting: {coherences}",
            rich_help_panel=METHOD,
        ),
    ] = None,
    layer: Annotated[
        str | None,
        typer.Option(
            callback=arguments.not_empty("--layer"),
            help="module whose output gives frame features (default: searched for)",
            rich_help_panel=METHOD,
        ),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(
            "--steps",
            "-n",
            min=1,
            max=MOST_STEPS,
            help="learning steps (default without a time budget: "
            f"{DEFAULT_STEPS}, with --target {DEFAULT_TARGETED_STEPS})",
        ),
    ] = None,
    queries: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=MOST_STEPS * MOST_CLIPS,
            help="clips that the attack may ask the network about in its steps: a budget for black boxes",
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
    seeds: Annotated[
        int, typer.Option(min=1, max=MOST_DRAWS, help="learn this many, report their spread", rich_help_panel=CONTROL)
    ] = DEFAULT.seeds,
    matrix: Annotated[
        bool,
        typer.Option(
            "--matrix", help="also learn through each sampler alone: the sampler matrix", rich_help_panel=CONTROL
        ),
    ] = False,
    controls: Annotated[
        bool,
        typer.Option("--controls", help="judge permuted and flipped patterns beside noise", rich_help_panel=CONTROL),
    ] = False,
    batch: Batch = DEFAULT.batch,
    micro_batch: Annotated[
        int | None,
        typer.Option(
            min=1, max=MOST_CLIPS, help="clips in the network at a time (default: --batch)", rich_help_panel=SPEED
        ),
    ] = None,
    precision: Annotated[
        str,
        typer.Option(
            callback=arguments.word("--precision", *PRECISIONS), help="fp32, bf16 or fp16", rich_help_panel=SPEED
        ),
    ] = DEFAULT.precision,
    compiled: Annotated[
        bool, typer.Option("--compile", help="send the network through torch.compile", rich_help_panel=SPEED)
    ] = False,
    memory: FrameMemory = DEFAULT.memory / 2**30,
    resume: ResumeRun = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="replace --out if it exists")] = False,
    cluster: Cluster = None,
    storage: Storage = None,
    timeout: TaskTimeout = DEFAULT_TIMEOUT_TEXT,
    root: Root = None,
    fps: Fps = None,
    labels: LabelNames = None,
    memory_limit: MemoryLimit = None,
    device: Device = "auto",
    seed: Seed = 0,
    run: RunFolder = None,
    as_json: Json = False,
    quiet: Quiet = False,
    download: Download = False,
    dry_run: DryRun = False,
    dashboard: OpenDashboard = False,
) -> None:
    """Learn one perturbation that makes the model wrong on any video, whichever frames it looks at.

    Example: lsap generate videos/ --model model.toml --epsilon 8/255 --time-budget 180s --out r.safetensors
    """
    started = time.monotonic()
    if dashboard and run_in_dashboard(context, run, as_json, quiet):
        return
    budget = arguments.seconds(time_budget, "--time-budget")
    if out.exists() and not overwrite and not resume:  # a run that was killed at its very end has written it
        raise LsapError(f"--out {out} exists already; give another name, or --overwrite to replace it")
    require_run_folder(resume, run)
    for spec in model:
        arguments.check_labels(spec, target=target, only=only)

    from lsap_cli.reports.tables import results_table
    from lsap_cli.results.left_out import left_out_of
    from lsap_cli.results.summary import way_sentence
    from lsap_cli.runs.resuming import check_same_settings

    settings = GenerateSettings(
        videos=str(videos), model=model[0] if len(model) == 1 else tuple(model), out=str(out),
        norm=norm, epsilon=epsilon, binding=binding, target=target,
        only=only, attack=_with_settings(attack, update=update, coherence=coherence),
        learn_from=learn_from,  # type: ignore[arg-type]  # checked when it was parsed
        combine=combine,  # type: ignore[arg-type]  # likewise
        pool=pool, sampler=tuple(sampler or ()), through=tuple(through or ()), steps=steps,
        queries=queries, time_budget=budget, seeds=seeds, matrix=matrix, controls=controls,
        layer=layer, batch=batch, micro_batch=micro_batch,
        precision=precision, compiled=compiled, memory=int(memory * 2**30), device=device, seed=seed,
        root=text_of(root), fps=fps, labels=text_of(labels),
        cluster=cluster, storage=text_of(storage), timeout=arguments.seconds(timeout, "--timeout") or 0.0,
    )  # fmt: skip
    _ = settings.models, settings.cluster_settings  # options that do not fit together are refused
    end_of_checks()
    if dry_run:
        from lsap_cli.jobs.dry_runs import plan_of_generate

        print_plan("generate", plan_of_generate(settings, run_folder_of(run, "generate")), as_json)
        return
    from lsap_cli.jobs.generate import generate
    from lsap_cli.learning.task import parts_without_model
    from lsap_cli.specs import check_specs

    check_specs(attacks=[settings.attack], samplers=settings.sampler, defenses=settings.through)
    parts_without_model(settings)
    if resume and run is not None:
        check_same_settings(run, asdict(settings))
    fetch_models(download, *model, quiet=quiet)
    keep_memory_limit(memory_limit)
    with running("generate", run, asdict(settings), quiet, resume) as (work, screen):
        results = generate(settings, work, resume, started)
        if results is not None:
            tables = [results_table(one) for one in results.by_model()]
            screen.result(*tables, *filter(None, [way_sentence(results)]), as_json=as_json)
            asked = f" and {results.queries:,} queries" if results.queries else ""
            left_out = left_out_of(results)
            screen.say(
                f"wrote {out} after {results.steps} steps{asked}; "
                f"{left_out and f'{left_out}; '}the run is in {work.folder}"
            )
    if results is None:
        return
    if as_json:
        print_json(results)
    if results.skipped:
        raise typer.Exit(1)


def _with_settings(attack: str, **settings: str | None) -> str:
    """An attack's spec with options of the command line put into it."""
    given = [f"{name}={value}" for name, value in settings.items() if value is not None]
    if not given:
        return attack
    return f"{attack}{',' if ':' in attack else ':'}{','.join(given)}"
