"""`lsap dashboard`: its command line; and `--dashboard`, which opens it on the run that another command starts."""

import gc
import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from lsap_cli.errors import LsapError

PICTURES = ("auto", "blocks", "kitty", "sixel")


def command(
    context: typer.Context,
    runs: Annotated[Path, typer.Argument(help="a folder with runs in it, or one run")] = Path("runs"),
    pictures: Annotated[
        str, typer.Option(help="how pictures are drawn: blocks, kitty, sixel, or auto: by the terminal's name")
    ] = "auto",
    web: Annotated[bool, typer.Option("--web", help="serve it to a browser on this machine (extra web)")] = False,
    port: Annotated[int, typer.Option(min=0, max=65535, help="of --web; 0: a free one")] = 0,
) -> None:
    """Watch runs live, look at what a perturbation does, compare runs, start new ones. Needs a terminal, no mouse.

    Example: lsap dashboard runs
    """
    if runs.exists() and not runs.is_dir():
        raise LsapError(f"{runs} is a file; give a folder with runs in it, or a run's own folder")
    if pictures not in PICTURES:
        raise LsapError(f"--pictures {pictures}: give one of {', '.join(PICTURES)}")
    if pictures in ("kitty", "sixel") and find_spec("textual_image") is None:
        raise LsapError(f"--pictures {pictures} needs textual-image: pip install 'lsap[pictures]'", 1)
    if web:
        _serve(runs, port)
        return
    if not _on_a_terminal() and not _in_a_page():
        raise LsapError(
            "the dashboard needs a terminal; without one, use lsap dashboard --web, lsap report RUN, or read the run "
            "folder"
        )
    one_run = any((runs / name).exists() for name in ("run.json", "events.jsonl"))
    _show(context, runs.parent if one_run else runs, runs if one_run else None, pictures)


def run_in_dashboard(context: typer.Context, folder: Path | None, as_json: bool, quiet: bool) -> bool:
    """Starts the command that was typed as a process of its own, and the dashboard on its run.

    Args:
        context: of the command that was typed.
        folder: that was asked for with `--run`.
        as_json: whether `--json` was given, which wants stdout for itself.
        quiet: whether `--quiet` was given.

    Returns:
        Whether that was done; without a terminal it is not, and the command works as ever.

    Raises:
        LsapError: if the options exclude each other, or the folder cannot be made.
    """
    if as_json or quiet:
        raise LsapError("--dashboard shows the run on the terminal; leave out --json and --quiet")
    if not _on_a_terminal():
        print("lsap: --dashboard needs a terminal; plain lines follow", file=sys.stderr)
        return False
    from lsap_cli.dashboard.launching import start, without_options
    from lsap_cli.runs.reading import read_snapshot
    from lsap_cli.runs.run import default_folder

    where = folder or default_folder(context.info_name or "run")
    if (where / "run.json").exists() and "--resume" not in sys.argv:
        raise LsapError(f"the run folder {where} holds a run already; give another with --run")
    try:
        words = without_options(sys.argv[1:])
        process = start([*words, "--resume"] if "--resume" in sys.argv else words, where)
    except OSError as error:
        raise LsapError(
            f"the run folder {where} cannot be made ({error.strerror}); give another with --run", 1
        ) from None
    _show(context, where.parent, where)
    code = process.poll()
    if code is None:
        print(f"the run goes on by itself: lsap dashboard {where}", file=sys.stderr)
        return True
    started = read_snapshot(where)
    print(f"the run is {started.state}: lsap dashboard {where}", file=sys.stderr)
    if code:
        raise LsapError(started.error or f"the run ended with exit code {code}; see {where}", 1)
    return True


def _serve(runs: Path, port: int) -> None:
    """Serves the dashboard until Ctrl+C; each page runs `lsap dashboard` of its own."""
    if find_spec("textual_serve") is None:
        raise LsapError("--web needs textual-serve: pip install 'lsap[web]'", 1)
    from lsap_cli.dashboard.serving import serve

    try:
        serve(runs, port, ["--pictures", "blocks"])
    except OSError as error:
        raise LsapError(f"--port {port} cannot be used ({error.strerror or error}); give another, or none", 1) from None


def _in_a_page() -> bool:
    """Whether this process draws for a page of --web: textual-serve chooses another driver for it."""
    return "web_driver" in os.environ.get("TEXTUAL_DRIVER", "")


def _show(context: typer.Context, root: Path, opened: Path | None, pictures: str = "auto") -> None:
    gc.disable()  # the application enables it when it has started: looking for garbage took a tenth of the start
    from lsap_cli.commands.forms import dashboard_commands
    from lsap_cli.dashboard.app import Dashboard
    from lsap_cli.dashboard.picture_kinds import picture_kind
    from lsap_cli.dashboard.remembered import DashboardMemory, state_file
    from lsap_cli.dashboard.terminal import end_with

    end_with(sys.stdin.fileno())
    memory = DashboardMemory(state_file(), root)
    app = Dashboard(root, dashboard_commands(context.find_root().command), opened, memory)
    app.pictures = picture_kind(pictures, os.environ)
    app.run()
    if app.return_code:
        raise LsapError("the dashboard broke down, as printed above; the runs are not touched by that", 1)


def _on_a_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()
