"""What the dashboard can start and resume, taken from the parsed commands themselves."""

import inspect
import itertools
import os
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import typer

from lsap_cli.commands.arguments import completed_names, seconds
from lsap_cli.commands.checking import ChecksPassed, checks_alone
from lsap_cli.commands.completion import path_completions, takes_files, value_completions
from lsap_cli.commands.help import with_names
from lsap_cli.commands.resuming import RESUMABLE, as_parameters, resume_words, setting_texts
from lsap_cli.dashboard.forms import DashboardCommands, FieldKind, Form, FormField
from lsap_cli.errors import LsapError
from lsap_cli.plugins import set_format_names
from lsap_cli.runs.reading import RunSnapshot
from lsap_cli.spec_completion import Completion

STARTABLE = ("demo", "generate", "apply", "defend", "train", "harden", "study")
LONGEST_PATH = 4096
MOST_COMPLETIONS = 200
DURATIONS = ("time_budget", "timeout")  # kept in seconds, typed with a unit
NEW_NAMES = {"generate": "r.safetensors", "apply": "perturbed", "train": "trained", "harden": "hardened"}  # of --out
# the dashboard gives them itself, or they make no sense in a form
HIDDEN = ("run", "dry_run", "open_report", "as_json", "quiet", "dashboard", "resume", "help")


def dashboard_commands(group: Any) -> DashboardCommands:  # Typer's parsed group: its class is no public name of Typer
    """The commands that the dashboard can start and resume.

    Args:
        group: of all commands, as `typer.main.get_command` parses it.
    """
    startable = [name for name in STARTABLE if name in group.commands]
    parsers: dict[str, Any] = {name: group.commands[name] for name in dict.fromkeys((*startable, *RESUMABLE))}

    def check(name: str, words: Sequence[str]) -> str | None:
        try:
            context = parsers[name].make_context(name, list(words))
            check_output(context.params)
            with checks_alone():
                parsers[name].invoke(context)
        except ChecksPassed:
            return None
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

    def values(run: RunSnapshot) -> dict[str, str]:
        if run.command not in startable:
            raise LsapError(f"{run.command or 'this run'} cannot be started from here; {', '.join(startable)} can")
        return _values(parsers[run.command].params, run)

    def complete(name: str, field: str, typed: str) -> list[tuple[str, str]]:
        parameter = next(one for one in parsers[name].params if one.name == field)
        found = [*itertools.islice(value_completions(parameter, typed), MOST_COMPLETIONS)]
        is_path = completed_names(parameter) is None or takes_files(parameter)
        if not found and is_path:
            found = [*itertools.islice(path_completions(typed), MOST_COMPLETIONS)]  # as a shell does by itself
        if is_path:
            found += _folder_above(typed)
        return [(one.text, one.about) for one in found]

    return DashboardCommands(
        lambda: [_form(name, parsers[name]) for name in startable], check, resume, values, complete
    )


def _folder_above(typed: str) -> list[Completion]:
    """The way up, for who has no keyboard at hand."""
    return [Completion(f"{typed}../", "the folder above")] if not typed or typed.endswith("/") else []


def check_output(values: Mapping[str, Any]) -> None:  # any option's value
    """Refuses a file that exists already, where nothing says that it may be replaced.

    Raises:
        LsapError: naming it.
    """
    out = values.get("out")
    if isinstance(out, Path) and out.is_file() and "overwrite" in values and not values["overwrite"]:
        raise LsapError(f"--out {out} exists already; give another name, or --overwrite to replace it")


def _values(parameters: Sequence[Any], run: RunSnapshot) -> dict[str, str]:
    """What a form says that starts a run again: paths from here, and a new name for what it writes."""
    known = {one.name: one for one in parameters if one.name not in HIDDEN}
    settings = as_parameters(run.command, _from_here(run))
    unknown = sorted(set(settings) - set(known))
    if unknown:
        raise LsapError(f"run.json has settings that this version of lsap does not know: {', '.join(unknown)}")
    values = {}
    for name, value in settings.items():
        texts = setting_texts(known[name], value)
        if texts and getattr(known[name], "is_flag", False):
            values[name] = "true"
        elif texts and known[name].multiple:
            values[name] = shlex.join(texts)
        elif texts and isinstance(value, float) and name in DURATIONS:
            values[name] = f"{value:g}s"
        elif texts:
            values[name] = texts[0]
    if "out" in values:
        values["out"] = _new_name(Path(values["out"]))
    return {name: text for name, text in values.items() if not _is_default(known[name], text)}


def _is_default(parameter: Any, text: str) -> bool:
    default = "" if parameter.default is None else str(parameter.default)
    if parameter.name in DURATIONS and default:
        return seconds(text, parameter.name) == seconds(default, parameter.name)
    return text == default


def _new_name(path: Path) -> str:
    """A path that nothing has yet: `r.safetensors`, `r-2.safetensors`, ..."""
    stem = re.sub(r"-\d+$", "", path.stem)
    names = [path, *(path.with_name(f"{stem}-{number}{path.suffix}") for number in range(2, 1000))]
    return str(next((one for one in names if not os.path.lexists(one)), path))


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
    return Form(name, (inspect.getdoc(parser.callback) or "").split("\n")[0], tuple(_fields(name, parser)))


def _fields(name: str, parser: Any) -> Iterator[FormField]:
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
            getattr(parameter, "rich_help_panel", None) or "",
            completed_names(parameter) is not None,
            _new_name(Path(NEW_NAMES[name])) if parameter.name == "out" and name in NEW_NAMES else "",
        )


def _kind(parameter: Any, annotation: Any) -> FieldKind:
    if getattr(parameter, "is_flag", False):
        return "switch"
    if parameter.multiple:
        return "list"
    kinds = {annotation, *get_args(annotation)} - {get_origin(annotation)}
    return "path" if Path in kinds or parameter.name == "model" else "text"
