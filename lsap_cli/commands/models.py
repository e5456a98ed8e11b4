"""`lsap models`: list, show, check."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from lsap_cli.commands import arguments
from lsap_cli.commands.help import NamingCommand
from lsap_cli.commands.options import (
    Device,
    Download,
    Fps,
    Json,
    LabelNames,
    MemoryLimit,
    Quiet,
    Root,
    RunFolder,
    Seed,
    check_run_folder,
    fetch_models,
    keep_memory_limit,
    print_json,
    running,
    text_of,
)
from lsap_cli.errors import LsapError
from lsap_cli.results.text import printable
from lsap_cli.set_sources import SetSource

app = typer.Typer(
    help="The classifiers that lsap can use: list them, explain one, check one.", invoke_without_command=True
)
Spec = Annotated[str, typer.Argument(callback=arguments.model, help="a model card, or one of: {models}")]


@app.callback()
def list_models(context: typer.Context, as_json: Json = False) -> None:
    """List the classifiers that need no file; a model card brings any other.

    Example: lsap models check model.toml videos/
    """
    if context.invoked_subcommand is not None:
        return
    from lsap_cli.known_models import known_models

    models = known_models()
    if as_json:
        print_json({"schema": "lsap.models/1", "models": [{"spec": spec, "about": about} for spec, about in models]})
        return
    for spec, about in models:
        print(f"{spec:26} {about}")
    print(f"{'path/to/model.toml':26} your own network: see docs/model-card.md")


@app.command("show", cls=NamingCommand)
def show(
    spec: Spec,
    as_json: Json = False,
    card: Annotated[bool, typer.Option("--card", help="print a model card that says the same")] = False,
    download: Download = False,
) -> None:
    """Explain one classifier: what it takes, how it samples, its classes.

    Example: lsap models show torchvision:r3d_18:weights=r3d_18.pth
    """
    from lsap_cli.classifiers.card_text import card_text
    from lsap_cli.classifiers.resolve import load_classifier
    from lsap_cli.evaluation.model_check import describe_model

    _say_that_a_card_is_code(spec)
    fetch_models(download, spec)
    classifier = load_classifier(spec)
    if card:
        print(card_text(spec, classifier), end="")
        return
    facts = describe_model(classifier)
    if as_json:
        print_json(facts)
        return
    for name, value in ((name, value) for name, value in facts.items() if value):
        text = (
            ", ".join(value[:8]) + (f", … ({len(value)} in all)" if len(value) > 8 else "")
            if isinstance(value, list)
            else value
        )
        print(f"{name:14} {text}")


@app.command("check", cls=NamingCommand)
def check(
    spec: Spec,
    videos: Annotated[
        Path | None, typer.Argument(callback=arguments.optional_source, help="labelled videos, for top-1 and top-5")
    ] = None,
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
) -> None:
    """Load a classifier and test what an attack relies on; with videos, its accuracy.

    Example: lsap models check model.toml videos/
    """
    check_run_folder(False, run)
    from lsap_cli.classifiers.devices import choose_device
    from lsap_cli.classifiers.resolve import load_classifier
    from lsap_cli.evaluation.model_check import check_model
    from lsap_cli.evaluation.protocol import Evaluation, own_protocol
    from lsap_cli.reports.tables import check_table

    source = None if videos is None else SetSource.parse(videos, text_of(root), fps, text_of(labels))
    chosen = choose_device(device)
    if not quiet:
        _say_that_a_card_is_code(spec)
    fetch_models(download, spec, quiet=quiet)
    classifier = load_classifier(spec).to(chosen)
    settings = {"model": spec, "videos": None if videos is None else str(videos), "device": device, "seed": seed}
    keep_memory_limit(memory_limit)
    with running("models check", run, settings, quiet) as (work, screen):
        evaluation = Evaluation(own_protocol(classifier, seed, chosen), work, [])
        document = check_model(evaluation, source)
    for note in classifier.notes:
        screen.say(note)
    if as_json:
        print_json(document)
    else:
        screen.result(check_table(document))
    failed = any(one.verdict == "FAIL" for one in document.findings)
    if failed or (document.accuracy and document.accuracy.skipped):
        raise typer.Exit(1)


@app.command("predict", cls=NamingCommand)
def predict_command(
    spec: Spec,
    videos: Annotated[
        Path, typer.Argument(callback=arguments.source, help="a folder of videos, a list, or FORMAT:PATH ({sets})")
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            "-o",
            callback=arguments.output_file("--out", ".csv"),
            help="the table to write (.csv): a line a video",
        ),
    ],
    root: Root = None,
    fps: Fps = None,
    labels: LabelNames = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="replace --out if it exists")] = False,
    memory_limit: MemoryLimit = None,
    device: Device = "auto",
    seed: Seed = 0,
    run: RunFolder = None,
    as_json: Json = False,
    quiet: Quiet = False,
    download: Download = False,
) -> None:
    """Write what a classifier says of every video: its five likeliest classes.

    Example: lsap models predict model.toml videos/ --out predictions.csv
    """
    if out.exists() and not overwrite:
        raise LsapError(f"--out {out} exists already; give another name, or --overwrite to replace it")
    check_run_folder(False, run)
    from lsap_cli.classifiers.devices import choose_device
    from lsap_cli.classifiers.resolve import load_classifier
    from lsap_cli.evaluation.protocol import Evaluation, own_protocol
    from lsap_cli.jobs.predict import predict_set
    from lsap_cli.reports.tables import accuracy_figures
    from lsap_cli.results.left_out import left_out_words

    source = SetSource.parse(videos, text_of(root), fps, text_of(labels))
    chosen = choose_device(device)
    fetch_models(download, spec, quiet=quiet)
    classifier = load_classifier(spec).to(chosen)
    settings = {"model": spec, "videos": str(videos), "out": str(out), "device": device, "seed": seed}
    keep_memory_limit(memory_limit)
    with running("models predict", run, settings, quiet) as (work, screen):
        results = predict_set(Evaluation(own_protocol(classifier, seed, chosen), work, []), source, out)
        left_out = left_out_words(results.videos, results.skipped)
        figures = accuracy_figures(results.top1, results.top5, results.two_class)
        text = ", ".join(f"{name} {figure}" for name, figure in figures)
        screen.say(f"wrote {results.videos} predictions to {out}; {text}{left_out and f'; {left_out}'}")
    if as_json:
        print_json(results)
    if results.skipped:
        raise typer.Exit(1)


def _say_that_a_card_is_code(spec: str) -> None:
    """Names, before it runs, the code that a model card names."""
    from lsap_cli.classifiers.card_fields import read_card
    from lsap_cli.classifiers.spec_checks import card_path

    path = card_path(spec)
    card = None if path is None else read_card(path)
    if card is not None and (card.factory or card.command):
        code = f"{card.factory} called" if card.factory else f"the command '{card.command}' run"
        text = f"a card is code: {path} has {code}; use only cards that you trust"
        print(f"lsap: {printable(text)}", file=sys.stderr)
