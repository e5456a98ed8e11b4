"""Help texts whose lists of names are made from the tables, when somebody reads them.

A help text holds `{attacks}`, `{defenses}` and so on. Nothing is read before a command's own --help is asked for.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any

from typer.core import TyperCommand

from lsap_cli import plugins
from lsap_cli.commands import arguments
from lsap_cli.known_models import MODEL_FORMATS

TABLES: dict[str, Callable[[], Iterable[str]]] = {
    "models": lambda: (
        "demo",
        *(one.spec for one in MODEL_FORMATS.values() if not one.is_service),
        *plugins.added_models(),
    ),
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
}
PLACE = re.compile(r"\{(" + "|".join(TABLES) + r")\}")


def with_names(text: str) -> str:
    """A help text with the names of the tables in it."""
    return PLACE.sub(lambda match: ", ".join(TABLES[match.group(1)]()), text)


class NamingCommand(TyperCommand):
    """A command whose help text names what is there, that of installed packages included."""

    def format_help(self, ctx: Any, formatter: Any) -> None:  # typer keeps the classes of both to itself
        for parameter in self.params:
            text = getattr(parameter, "help", None)
            if text:
                parameter.help = with_names(text)  # type: ignore[attr-defined]  # options have one, as was just read
        super().format_help(ctx, formatter)
