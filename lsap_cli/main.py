"""The `lsap` program: registers the commands, and turns mistakes into one sentence and an exit code."""

import gc
import os
import sys
from contextlib import suppress
from typing import Annotated, Any, NoReturn

import typer

from lsap_cli.starting import refuse_what_cannot_run

refuse_what_cannot_run()  # before packages are imported that somebody else's may hide
gc.disable()  # what is imported stays: nothing is to be collected meanwhile

from lsap_cli.commands import (  # noqa: E402
    apply,
    completion,
    dashboard,
    datasets,
    defend,
    demo,
    generate,
    harden,
    listing,
    models,
    report,
    study,
    train,
)
from lsap_cli.commands.help import NamingCommand  # noqa: E402
from lsap_cli.errors import LsapError, file_error  # noqa: E402
from lsap_cli.results.text import printable  # noqa: E402

gc.enable()

USAGE_ERROR: Any = typer.BadParameter.__base__  # of unknown commands and options; Typer keeps the class to itself

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
app.command("train", cls=NamingCommand)(train.command)
app.command("harden", cls=NamingCommand)(harden.command)
app.command("study", cls=NamingCommand)(study.command)
app.command("demo", cls=NamingCommand)(demo.command)
app.command("dashboard", cls=NamingCommand)(dashboard.command)
app.command("report", cls=NamingCommand)(report.command)
app.command("list", cls=NamingCommand)(listing.command)
app.command("completion", cls=NamingCommand)(completion.command)
app.add_typer(models.app, name="models")
app.add_typer(datasets.app, name="datasets")


def run() -> NoReturn:
    """The entry point: exit codes 0 done, 1 failed or partly failed, 2 wrong usage."""
    if completion.SHELL in os.environ:
        _complete()
    debug = "--debug" in sys.argv  # before or behind the command's name
    if debug:
        sys.argv.remove("--debug")
    if sys.argv[1:] == ["--version"]:
        from importlib.metadata import version  # as long as the rest of a start

        print(f"lsap {version('lsap')}")
        sys.exit(0)
    try:
        code = app(standalone_mode=len(sys.argv) == 1)  # without any word: the help
    except LsapError as error:
        if debug:
            raise
        _quit(str(error), error.exit_code)
    except USAGE_ERROR as error:
        _quit(f"{_begun(error.format_message())} lsap --help and lsap COMMAND --help say what there is", 2)
    except typer.Abort:
        sys.exit(1)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:  # the last line of defense: a sentence instead of a traceback
        if debug:
            raise
        refused = file_error(error, "a run goes on with --resume") if isinstance(error, OSError) else None
        if refused is not None:
            _quit(str(refused), refused.exit_code)
        _quit(
            f"{type(error).__name__}: {error} (a fault of lsap: run again with --debug and report what it prints)",
            1,
        )
    sys.exit(code if isinstance(code, int) else 0)


def _complete() -> NoReturn:
    """Answers a shell; whatever goes wrong, nothing is printed into the line that somebody is typing."""
    with suppress(Exception):
        for line in completion.completion_lines(typer.main.get_command(app), os.environ):
            print(line)
    sys.exit(0)


def _begun(text: str) -> str:
    """A parser's sentences as the beginning of one: `No such command 'lits'. Did you mean 'list'?`."""
    text = " ".join(text.split()).rstrip(".").replace(". Did you", "; did you").replace(" Did you", "; did you")
    return text[:1].lower() + text[1:] + ("" if text.endswith("?") else ";")


def _quit(message: str, code: int) -> NoReturn:
    print(f"lsap: {printable(' '.join(message.split()))}", file=sys.stderr)
    sys.exit(code)
