"""`lsap datasets`: the formats of a set of videos, and what one set holds."""

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from lsap_cli.commands import arguments
from lsap_cli.commands.help import NamingCommand
from lsap_cli.commands.options import Download, Fps, Json, LabelNames, Root, Seed, fetch_models, print_json, text_of
from lsap_cli.set_sources import SetSource

SECONDS = 7.0  # that show takes; the reading of headers ends then

app = typer.Typer(
    help="Sets of videos: list the formats that are read, show what one set holds.", invoke_without_command=True
)


@app.callback()
def list_formats(context: typer.Context, as_json: Json = False) -> None:
    """List the formats of a set of videos.

    Example: lsap datasets show list:val.txt --root videos/
    """
    if context.invoked_subcommand is not None:
        return
    from lsap_cli.datasets.formats import about_formats

    formats = about_formats()
    if as_json:
        known = [{"name": name, "about": about} for name, about in formats]
        print_json({"schema": "lsap.formats/1", "formats": known})
        return
    for name, about in formats:
        print(f"{name + ':PATH':18} {about}")


@app.command("show", cls=NamingCommand)
def show_set_command(
    videos: Annotated[
        Path, typer.Argument(callback=arguments.source, help="a folder of videos, a list, or FORMAT:PATH ({sets})")
    ],
    model: Annotated[
        str | None,
        typer.Option(callback=arguments.optional_model, help="match labels with those of a model: {models}"),
    ] = None,
    root: Root = None,
    fps: Fps = None,
    labels: LabelNames = None,
    whole: Annotated[bool, typer.Option("--all", help="read the headers of all videos, not for seconds only")] = False,
    preview: Annotated[
        Path | None,
        typer.Option(
            callback=arguments.output_file("--preview", ".png"), help="a picture to draw of some of the videos (.png)"
        ),
    ] = None,
    seed: Seed = 0,
    as_json: Json = False,
    download: Download = False,
) -> None:
    """Show what a set of videos holds, what would be left out, and how generate would split it. Nothing is decoded.

    Example: lsap datasets show videos/ --model model.toml
    """
    deadline = None if whole else time.monotonic() + SECONDS
    from lsap_cli.commands.screen import print_parts
    from lsap_cli.jobs.show_set import show_set
    from lsap_cli.reports.set_tables import set_parts

    source = SetSource.parse(videos, text_of(root), fps, text_of(labels))
    fetch_models(download, *([] if model is None else [model]))
    facts = show_set(source, model, seed, deadline, preview)
    if preview is not None:
        print(f"wrote {preview}", file=sys.stderr)
    if as_json:
        print_json(facts)
    else:
        print_parts(*set_parts(facts))
    if facts.left_out:
        raise typer.Exit(1)
