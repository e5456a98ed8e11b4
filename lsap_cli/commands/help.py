"""Help texts whose lists of names are made from the tables, when somebody reads them.

A help text holds `{attacks}`, `{defenses}` and so on. Nothing is read before a command's own --help is asked for.
"""

import inspect
import math
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, get_args

import typer
from typer.core import TyperCommand

from lsap_cli import plugins
from lsap_cli.commands import arguments
from lsap_cli.errors import LsapError, file_error
from lsap_cli.gallery import gallery_names
from lsap_cli.known_models import FAMILIES, MODEL_FORMATS

TABLES: dict[str, Callable[[], Iterable[str]]] = {
    "models": lambda: (
        "demo",
        *(one.spec for one in MODEL_FORMATS.values() if not one.is_service),
        *plugins.added_models(),
    ),
    "families": lambda: FAMILIES,
    "attacks": lambda: plugins.ATTACKS,
    "defenses": lambda: plugins.DEFENSES,
    "detectors": lambda: plugins.DETECTORS,
    "samplers": lambda: plugins.SAMPLERS,
    "smoothings": lambda: plugins.SMOOTHINGS,
    "sets": plugins.set_format_names,
    "codecs": plugins.codec_names,
    "bindings": plugins.binding_names,
    "updates": plugins.update_names,
    "coherences": plugins.coherence_names,
    "targets": arguments.target_names,
    "studies": arguments.study_names,
    "gallery": gallery_names,
}
PLACE = re.compile(r"\{(" + "|".join(TABLES) + r")\}")


def with_names(text: str) -> str:
    """A help text with the names of the tables in it."""
    return PLACE.sub(lambda match: ", ".join(TABLES[match.group(1)]()), text)


class NamingCommand(TyperCommand):
    """A command whose help text names what is there, that of installed packages included.

    Its numbers are finite, those without a range, too. No value is an empty text, such as a shell makes of a variable
    that is not set: as a path it would be the folder that one is in. The system can look for its paths: one that it
    refuses is wrong usage, before any run begins.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # typer keeps the class of the first to itself
        given = [*args]
        try:
            self._refuse_empty_values(ctx, given)
            rest = super().parse_args(ctx, args)
            for parameter in self.params:
                _look_for_paths(ctx.params.get(parameter.name))
        except typer.BadParameter as error:
            missing = self._missing(ctx, given)
            if error.param in missing:
                raise LsapError(self._what_is_missing(ctx, missing)) from None
            if error.param is None:
                raise
            raise LsapError(self._what_is_wrong(ctx, given, error)) from None
        except OSError as error:
            raise LsapError(str(file_error(error) or error)) from None
        for parameter in self.params:
            value = ctx.params.get(parameter.name)
            if isinstance(value, float) and not math.isfinite(value):
                raise LsapError(f"{parameter.opts[0]} {value} is not a finite number; use {_taken_by(parameter)}")
        return rest

    def _refuse_empty_values(self, ctx: Any, args: list[str]) -> None:
        found, _, _ = self.make_parser(ctx).parse_args(args=[*args])
        for parameter in self.params:
            value = found.get(str(parameter.name))
            if "" in (value if isinstance(value, list | tuple) else (value,)):
                raise LsapError(f"{_name_of(parameter)} is empty; give a value, or leave it out")

    def _what_is_wrong(self, ctx: Any, args: list[str], error: typer.BadParameter) -> str:
        """One sentence on a value that is none of those that an option or argument takes."""
        parameter: Any = error.param
        found, _, _ = self.make_parser(ctx).parse_args(args=[*args])
        value = found.get(str(parameter.name))
        text = value[-1] if isinstance(value, list | tuple) and value else value
        name, taken = _name_of(parameter), _taken_by(parameter)
        return f"{name} '{text}' is not taken; use {taken}" if taken else f"{name} '{text}': {error.message}"

    def _missing(self, ctx: Any, args: list[str]) -> list[Any]:
        """All options and arguments that must be given and were not, in the order of `--help`."""
        given, _, _ = self.make_parser(ctx).parse_args(args=[*args])
        return [one for one in self.params if one.required and not _is_given(given.get(str(one.name)))]

    def _what_is_missing(self, ctx: Any, missing: list[Any]) -> str:
        names = [one.opts[0] if one.param_type_name == "option" else str(one.name).upper() for one in missing]
        needed = " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
        example = re.search(r"Example: (.+)", inspect.getdoc(self.callback) or "")
        return f"{_command_of(ctx)} needs {needed}" + (f", as in: {example.group(1)}" if example else "")

    def format_help(self, ctx: Any, formatter: Any) -> None:  # typer keeps the classes of both to itself
        for parameter in self.params:
            text = getattr(parameter, "help", None)
            if text:
                parameter.help = with_names(text)  # type: ignore[attr-defined]  # options have one, as was just read
        super().format_help(ctx, formatter)


def _name_of(parameter: Any) -> str:
    """As `--help` shows it: `--run`, `VIDEOS`."""
    return max(parameter.opts, key=len) if parameter.param_type_name == "option" else str(parameter.name).upper()


def _taken_by(parameter: Any) -> str:
    """The numbers that a parameter takes, in words; empty: it takes no numbers."""
    kinds = {*_kinds(parameter.type_descriptor.annotation)}
    if not kinds & {int, float}:
        return ""
    noun = "a number" if float in kinds else "a whole number"
    least, most = parameter.min, parameter.max
    low = "" if least is None else f" from {least:,}"
    return noun + low + ("" if most is None else f" to {most:,}" if low else f" of at most {most:,}")


def _kinds(annotation: Any) -> Iterable[Any]:
    return get_args(annotation) or (annotation,)


def _look_for_paths(value: object) -> None:
    """Raises OSError for a path that no file can have, such as one that is too long; nothing needs to be there."""
    for path in value if isinstance(value, list) else [value]:
        if isinstance(path, Path):
            path.exists()


def _command_of(context: Any) -> str:
    """The command's name without the program's, which is of several words where Python was told the module."""
    names: list[str] = []
    while context.parent is not None:
        names.insert(0, str(context.info_name))
        context = context.parent
    return " ".join(names) or str(context.info_name)  # a form's line has no program before it


def _is_given(value: object) -> bool:
    """Whether a parser found a value: it has None, a sentinel of its own or nothing in a list where there is none."""
    return isinstance(value, str) or (isinstance(value, list | tuple) and len(value) > 0)
