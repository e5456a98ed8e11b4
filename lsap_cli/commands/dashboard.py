"""`lsap dashboard`: its command line; and `--dashboard`, which opens it on the run that another command starts."""

import inspect
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin, get_type_hints

import typer

from lsap_cli.commands.help import with_names
from lsap_cli.errors import LsapError
from lsap_cli.runs.run import default_folder

if TYPE_CHECKING:
    from lsap_cli.dashboard.app import Commands
    from lsap_cli.dashboard.forms import Field, FieldKind


def command(
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
    _show(runs.parent if one_run else runs, runs if one_run else None)


def watch(name: str, folder: Path | None, as_json: bool, quiet: bool) -> bool:
    """Starts the command that was typed as a process of its own, and the dashboard on its run.

    Args:
        name: of the command.
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
    from lsap_cli.runs.reading import read_facts

    where = folder or default_folder(name)
    if (where / "run.json").exists() and "--resume" not in sys.argv:
        raise LsapError(f"the run folder {where} holds a run already; give another with --run")
    try:
        words = without_options(sys.argv[1:])
        process = start([*words, "--resume"] if "--resume" in sys.argv else words, where)
    except OSError as error:
        raise LsapError(
            f"the run folder {where} cannot be made ({error.strerror}); give another with --run", 1
        ) from None
    _show(where.parent, where)
    code = process.poll()
    if code is None:
        print(f"the run goes on by itself: lsap dashboard {where}", file=sys.stderr)
        return True
    facts = read_facts(where)
    print(f"the run is {facts.state}: lsap dashboard {where}", file=sys.stderr)
    if code:
        raise LsapError(facts.error or f"the run ended with exit code {code}; see {where}", 1)
    return True


def commands() -> "Commands":
    """The forms of the commands that can be started, made of their own options."""
    from lsap_cli.commands import apply, defend, demo, generate
    from lsap_cli.dashboard.app import Commands
    from lsap_cli.dashboard.forms import Form

    app = typer.Typer(add_completion=False)
    modules = {"demo": demo, "generate": generate, "apply": apply, "defend": defend}
    for name, module in modules.items():
        app.command(name)(module.command)
    parsers: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]  # a group: it has several

    def check(name: str, words: Sequence[str]) -> str | None:
        try:
            parsers[name].make_context(name, list(words))
        except typer.BadParameter as error:
            return error.format_message()
        except typer.TyperException as error:
            return str(error)
        return None

    forms = [
        Form(name, (inspect.getdoc(module.command) or "").split("\n")[0], tuple(_fields(module.command)))
        for name, module in modules.items()
    ]
    resumable = [name for name, module in modules.items() if "resume" in inspect.signature(module.command).parameters]
    return Commands(forms, check, resumable)


def _fields(function: Callable[..., None]) -> "Iterator[Field]":
    """A command's parameters, as something to fill in."""
    from lsap_cli.dashboard.forms import HIDDEN, Field

    hints = get_type_hints(function, include_extras=True)
    for name, parameter in inspect.signature(function).parameters.items():
        if name in HIDDEN:
            continue
        kind, info = get_args(hints[name])
        flag = ""
        if isinstance(info, typer.models.OptionInfo):
            flag = next(iter(info.param_decls or ()), f"--{name.replace('_', '-')}")
        default = parameter.default
        required = default is inspect.Parameter.empty
        text = "" if required or default is None or default is False else str(default)
        yield Field(name, flag, _kind(name, kind), text, with_names(info.help or ""), required)


def _kind(name: str, annotation: Any) -> "FieldKind":
    kinds = {annotation, *get_args(annotation)}
    if bool in kinds:
        return "switch"
    if any(get_origin(kind) is list for kind in kinds):
        return "list"
    return "path" if Path in kinds or name == "model" else "text"


def _show(root: Path, opened: Path | None) -> None:
    from lsap_cli.dashboard.app import Dashboard
    from lsap_cli.dashboard.terminal import end_with

    end_with(sys.stdin.fileno())
    app = Dashboard(root, commands(), opened)
    app.run()
    if app.return_code:
        raise LsapError("the dashboard broke down, as printed above; the runs are not touched by that", 1)


def _on_a_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()
