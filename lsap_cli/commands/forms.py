"""What the dashboard can start and resume, taken from the parsed commands themselves."""

import inspect
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import typer

from lsap_cli.commands.help import with_names
from lsap_cli.commands.resuming import RESUMABLE, resume_words
from lsap_cli.dashboard.forms import DashboardCommands, FieldKind, Form, FormField
from lsap_cli.errors import LsapError
from lsap_cli.plugins import set_format_names
from lsap_cli.runs.reading import RunSnapshot

STARTABLE = ("demo", "generate", "apply", "defend")
LONGEST_PATH = 4096
# the dashboard gives them itself, or they make no sense in a form
HIDDEN = ("run", "as_json", "quiet", "dashboard", "resume", "help")


def dashboard_commands(group: Any) -> DashboardCommands:  # Typer's parsed group: its class is no public name of Typer
    """The commands that the dashboard can start and resume.

    Args:
        group: of all commands, as `typer.main.get_command` parses it.
    """
    parsers: dict[str, Any] = {name: group.commands[name] for name in dict.fromkeys((*STARTABLE, *RESUMABLE))}

    def check(name: str, words: Sequence[str]) -> str | None:
        try:
            parsers[name].make_context(name, list(words))
        except typer.BadParameter as error:
            return error.format_message()
        except (typer.TyperException, LsapError) as error:
            return str(error)
        return None

    def resume(run: RunSnapshot) -> list[str]:
        if run.command not in RESUMABLE:
            raise LsapError(f"only {', '.join(RESUMABLE)} can be resumed")
        overwrite = run.facts is not None and "--overwrite" in run.facts.command_line
        parameters = parsers[run.command].params
        words = resume_words(parameters, run.command, run.settings, overwrite)
        checked = resume_words(parameters, run.command, _from_here(run), overwrite)
        wrong = check(checked[0], checked[1:])
        if wrong:
            raise LsapError(f"the settings in run.json make no valid command: {wrong}")
        return words

    return DashboardCommands(lambda: [_form(name, parsers[name]) for name in STARTABLE], check, resume)


def _from_here(run: RunSnapshot) -> dict[str, Any]:  # any settings
    """A run's settings with paths that hold from here, not from where the run was started; for checks alone."""
    where = Path((run.facts.working_folder if run.facts else None) or ".")

    def absolute(value: object) -> object:
        if isinstance(value, list):
            return [absolute(one) for one in value]
        if isinstance(value, str) and "\0" not in value and len(value) < LONGEST_PATH and (where / value).exists():
            return str(where / value)
        if isinstance(value, str) and value.partition(":")[0] in set_format_names():
            name, _, path = value.partition(":")
            return f"{name}:{where / path}"
        return value

    return {name: absolute(value) for name, value in run.settings.items()}


def _form(name: str, parser: Any) -> Form:
    return Form(name, (inspect.getdoc(parser.callback) or "").split("\n")[0], tuple(_fields(parser)))


def _fields(parser: Any) -> Iterator[FormField]:
    """A command's parameters, as something to fill in."""
    hints = get_type_hints(inspect.unwrap(parser.callback))
    for parameter in parser.params:
        if parameter.name in HIDDEN:
            continue
        flag = parameter.opts[0] if parameter.param_type_name == "option" else ""
        unset = parameter.required or parameter.default is None or parameter.default is False
        default = "" if unset else str(parameter.default)
        yield FormField(
            parameter.name,
            flag,
            _kind(parameter, hints[parameter.name]),
            default,
            with_names(parameter.help or ""),
            parameter.required,
        )


def _kind(parameter: Any, annotation: Any) -> FieldKind:
    if getattr(parameter, "is_flag", False):
        return "switch"
    if parameter.multiple:
        return "list"
    kinds = {annotation, *get_args(annotation)} - {get_origin(annotation)}
    return "path" if Path in kinds or parameter.name == "model" else "text"
