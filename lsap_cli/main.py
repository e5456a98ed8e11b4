"""The `lsap` program: registers the commands, and turns mistakes into one sentence and an exit code."""

import errno
import importlib.metadata
import os
import sys
from typing import Annotated, NoReturn

import typer

from lsap_cli.commands import apply, dashboard, defend, demo, generate, models, report
from lsap_cli.commands.help import NamingCommand
from lsap_cli.errors import LsapError
from lsap_cli.results.text import printable

FULL_DISK = (errno.ENOSPC, errno.EDQUOT)
OF_THE_PLACE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR, errno.EIO)

app = typer.Typer(
    name="lsap",
    epilog="Begin with: lsap demo",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


@app.callback()
def options(
    version: Annotated[bool, typer.Option("--version", help="print the version and stop")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="show a traceback where something fails")] = False,
) -> None:
    """Robustness evaluation for video classifiers.

    Learn one small pattern that fools a model on any video, put it into videos, and measure defenses against it.

    For testing models that you own.
    """


app.command("generate", cls=NamingCommand)(generate.command)
app.command("apply", cls=NamingCommand)(apply.command)
app.command("defend", cls=NamingCommand)(defend.command)
app.command("demo")(demo.command)
app.command("dashboard")(dashboard.command)
app.command("report")(report.command)
app.add_typer(models.app, name="models")


def run() -> NoReturn:
    """The entry point: exit codes 0 done, 1 failed or partly failed, 2 wrong usage."""
    debug = "--debug" in sys.argv  # before or behind the command's name
    if debug:
        sys.argv.remove("--debug")
    if sys.argv[1:] == ["--version"]:
        print(f"lsap {importlib.metadata.version('lsap')}")
        sys.exit(0)
    try:
        app()
    except LsapError as error:
        if debug:
            raise
        _quit(str(error), error.exit_code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:  # the last line of defense: a sentence instead of a traceback
        if debug:
            raise
        if isinstance(error, OSError) and error.errno in FULL_DISK:
            _quit(f"the disk is full{_file_of(error)}: free some; a run goes on with --resume", 1)
        if isinstance(error, OSError) and error.errno in OF_THE_PLACE and error.filename is not None:
            _quit(f"{os.fsdecode(error.filename)} cannot be read or written ({error.strerror})", 1)
        _quit(
            f"{type(error).__name__}: {error} (a fault of lsap: run again with --debug and report what it prints)",
            1,
        )
    sys.exit(0)


def _file_of(error: OSError) -> str:
    return "" if error.filename is None else f" ({os.fsdecode(error.filename)} cannot be written)"


def _quit(message: str, code: int) -> NoReturn:
    print(f"lsap: {printable(' '.join(message.split()))}", file=sys.stderr)
    sys.exit(code)
