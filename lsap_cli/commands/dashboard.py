"""`lsap dashboard`: its command line; and `--dashboard`, which opens it on the run that another command starts."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from lsap_cli.errors import LsapError


def command(
    context: typer.Context,
    runs: Annotated[Path, typer.Argument(help="a folder with runs in it, or one run")] = Path("runs"),
) -> None:
    """Watch runs live, look at what a perturbation does, compare runs, start new ones. Needs a terminal, no mouse.

    Example: lsap dashboard runs
    """
    if runs.exists() and not runs.is_dir():
        raise LsapError(f"{runs} is a file; give a folder with runs in it, or a run's own folder")
    if not _on_a_terminal():
        raise LsapError("the dashboard needs a terminal; without one, use lsap report RUN, or read the run folder")
    one_run = any((runs / name).exists() for name in ("run.json", "events.jsonl"))
    _show(context, runs.parent if one_run else runs, runs if one_run else None)


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


def _show(context: typer.Context, root: Path, opened: Path | None) -> None:
    from lsap_cli.commands.forms import dashboard_commands
    from lsap_cli.dashboard.app import Dashboard
    from lsap_cli.dashboard.remembered import DashboardMemory, state_file
    from lsap_cli.dashboard.terminal import end_with

    end_with(sys.stdin.fileno())
    memory = DashboardMemory(state_file(), root)
    app = Dashboard(root, dashboard_commands(context.find_root().command), opened, memory)
    app.run()
    if app.return_code:
        raise LsapError("the dashboard broke down, as printed above; the runs are not touched by that", 1)


def _on_a_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()
