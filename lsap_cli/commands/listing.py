"""`lsap list`: every name that a spec can hold, its settings, their defaults and ranges. lsap's own need no torch."""

import shutil
import sys
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from typing import Annotated, Any

import typer

from lsap_cli.commands.arguments import completes
from lsap_cli.commands.options import Json, print_json
from lsap_cli.errors import LsapError
from lsap_cli.known_models import known_models
from lsap_cli.known_parts import (
    ADDED,
    LIST_KINDS,
    KnownPart,
    KnownSetting,
    PartKind,
    known_names,
    known_parts,
    setting_of_facts,
)
from lsap_cli.results.text import printable
from lsap_common import unknown_name

FLAGS = {
    "attacks": "lsap generate --attack",
    "defenses": "lsap defend --defense, lsap generate --through, both of lsap harden",
    "detectors": "lsap defend --detector",
    "samplers": "--sampler of generate, defend, train and harden",
    "smoothings": "lsap defend --certify",
    "codecs": "lsap apply --codec",
    "segments": "lsap apply --segment",
    "models": "--model",
    "families": "lsap train --family, and cards",
    "formats": "a set of videos, as FORMAT:PATH",
}
WIDEST = 120
INDENT = "    "


@completes(lambda: LIST_KINDS)
def _kind(text: str | None) -> str | None:
    if text is not None and text not in LIST_KINDS:
        raise LsapError(unknown_name("kind", text, LIST_KINDS))
    return text


def command(
    kind: Annotated[
        str | None, typer.Argument(callback=_kind, metavar="[KIND]", help=f"{', '.join(LIST_KINDS)}; none: all names")
    ] = None,
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="one of them")] = None,
    as_json: Json = False,
) -> None:
    """List what can be named: attacks, defenses, samplers and so on, with their settings, defaults and ranges.

    Example: lsap list defenses jpeg
    """
    if kind is None:
        _print_kinds(as_json)
        return
    parts = _parts(kind)
    if name is not None:
        chosen = [part for part in parts if name in (part.name, part.name.partition(":")[0])]
        if not chosen:
            raise LsapError(unknown_name(kind.removesuffix("s"), name, [part.name for part in parts]))
        parts = chosen
    if as_json:
        print_json({"schema": "lsap.list/1", "kind": kind, "parts": [_facts(part) for part in parts]})
        return
    for part in parts:
        print("\n".join(_lines(part)))


def _print_kinds(as_json: bool) -> None:
    names = {kind: known_names(kind) for kind in LIST_KINDS}
    if as_json:
        print_json({"schema": "lsap.list/1", "names": names})
        return
    for kind, known in names.items():
        print(f"{kind} ({FLAGS[kind]})")
        print("\n".join(_wrapped(", ".join(known))))
    print("lsap list KIND shows what they are and their settings", file=sys.stderr)


def _parts(kind: str) -> list[KnownPart]:
    if kind == "models":
        return [KnownPart(spec, about) for spec, about in known_models()]
    return [_with_settings(kind, part) for part in known_parts(kind).values()]  # type: ignore[arg-type]  # checked


def _with_settings(kind: PartKind, part: KnownPart) -> KnownPart:
    """A part of an installed package with the settings of its class, which is imported for that."""
    if part.settings is not None:
        return part
    from lsap_cli.jobs.parts_table import about_part, settings_of_class

    try:
        made = ADDED[kind][part.name]
    except LsapError as error:
        return replace(part, about=f"cannot be used: {error}", settings=())
    settings = tuple(setting_of_facts(facts) for facts in settings_of_class(made))
    return replace(part, about=f"{about_part(kind, part.name, made)} ({part.about})", settings=settings)


def _facts(part: KnownPart) -> dict[str, Any]:
    settings = [asdict(one) | {"allowed": one.allowed} for one in part.settings or ()]
    return {"name": part.name, "about": part.about, "written": part.written, "settings": settings}


def _lines(part: KnownPart) -> Iterator[str]:
    yield part.name
    yield from _wrapped(part.about)
    for setting in part.settings or ():
        yield from _wrapped(_about_setting(setting), INDENT * 2)


def _about_setting(setting: KnownSetting) -> str:
    about = f"; {setting.about}" if setting.about else ""
    return f"{setting.name}={setting.default}   {setting.allowed}{about}"


def _wrapped(text: str, more: str = INDENT) -> Sequence[str]:
    """Lines for the terminal's width; where stdout is no terminal, one line, for grep."""
    text = printable(text)
    if not sys.stdout.isatty():
        return [INDENT + text]
    width = min(shutil.get_terminal_size().columns, WIDEST)
    return textwrap.wrap(text, width, initial_indent=INDENT, subsequent_indent=more, break_on_hyphens=False)
