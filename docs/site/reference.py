"""The reference pages of the site, made from the code: commands, tables of names, Python packages."""

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import typer

import defenses
import perturbations
from lsap_cli import api, testing
from lsap_cli.commands.help import with_names
from lsap_cli.commands.listing import FLAGS
from lsap_cli.known_models import known_models
from lsap_cli.known_parts import LIST_KINDS, KnownPart, KnownSetting, known_parts
from lsap_cli.main import app
from lsap_cli.reports.exports.targets import TARGETS, export_of
from perturbations.controls import CONTROLS

MORE: dict[str, str] = {
    "attacks": "[attacks](../attacks.md)",
    "defenses": "[defenses](../defenses.md#defenses)",
    "detectors": "[detectors](../defenses.md#detectors)",
    "smoothings": "[certificates](../defenses.md#certificates)",
    "codecs": "[apply](../apply.md)",
    "segments": "[apply](../apply.md#parts-of-a-video)",
    "models": "[model cards](../model-card.md)",
    "families": "[training](../train.md)",
    "formats": "[videos](../file-formats.md#videos-in)",
}
FUNCTIONS: dict[str, tuple[str, Mapping[str, object]]] = {  # tables of functions
    "Controls": ("lsap generate --controls", CONTROLS),
    "Targets of a report": ("lsap report --to", {name: export_of(name) for name in TARGETS}),
}
PACKAGES = {
    "perturbations": (perturbations, "Attacks on tensors"),
    "defenses": (defenses, "Defenses and detectors on tensors"),
    "lsap_cli.api": (api, "The commands as functions"),
    "lsap_cli.testing": (testing, "Contract checks of parts of your own"),
}
MARKUP = re.compile(r"\[/?(?:bold|dim|italic|cyan|green|yellow|red)\]")


def write_reference(out: Path) -> list[Path]:
    """Writes the reference pages.

    Args:
        out: the folder `reference` of the site's sources.

    Returns:
        The pages.
    """
    out.mkdir(parents=True, exist_ok=True)
    pages = {"commands.md": commands_page(), "names.md": names_page()}
    pages |= {f"{name.replace('.', '-')}.md": package_page(name) for name in PACKAGES}
    for name, text in pages.items():
        (out / name).write_text(text, encoding="utf-8")
    return [out / name for name in pages]


# --- names -----------------------------------------------------------------------------------------------


def names_page() -> str:
    """Every name that a user can write, with its settings, their defaults and what they take."""
    parts = ["# Names", "Made from the tables of names in the code; `lsap list KIND` shows the same in the terminal."]
    for kind in LIST_KINDS:
        known = (
            [KnownPart(spec, about) for spec, about in known_models()]
            if kind == "models"
            else known_parts(kind).values()
        )
        more = f" More: {MORE[kind]}." if kind in MORE else ""
        parts += [f"## {kind.capitalize()}", f"`{FLAGS[kind]}`.{more}", _parts_table(known)]
    for title, (flag, names) in FUNCTIONS.items():
        rows = ((f"`{name}`", first_sentence(one)) for name, one in names.items())
        parts += [f"## {title}", f"`{flag}`.", table_of(("name", "what it is"), rows)]
    return "\n\n".join(parts) + "\n"


def _parts_table(parts: Iterable[KnownPart]) -> str:
    rows = ((f"`{one.name}`", one.about, "<br>".join(map(_setting_words, one.settings or ()))) for one in parts)
    return table_of(("name", "what it is", "settings"), rows)


def _setting_words(setting: KnownSetting) -> str:
    about = f": {setting.about}" if setting.about else ""
    return f"`{setting.name}={setting.default}` ({setting.allowed}){about}"


def first_sentence(part: object) -> str:
    """The first sentence of a docstring."""
    text = " ".join((inspect.getdoc(part) or "").split("\n\n")[0].split())
    return re.split(r"(?<=[.!?])\s", text)[0]


# --- commands --------------------------------------------------------------------------------------------


def commands_page() -> str:
    """Every command with its arguments and options, from the parser that reads them."""
    parts = ["# Commands", "Made from the command line's own parser; `lsap COMMAND --help` says the same."]
    for name, command in commands_of(typer.main.get_command(app)):
        text = MARKUP.sub("", inspect.cleandoc(command.help or ""))
        about, _, example = text.partition("Example:")
        parts += [f"## lsap {name}", about.strip()]
        if example:
            parts.append(f"```console\n{' '.join(example.split())}\n```")
        context = typer.Context(command, info_name=name)
        rows = [_parameter_row(one, context) for one in _parameters(command)]
        parts.append(table_of(("option", "kind", "default", "what it is"), rows))
    return "\n\n".join(parts) + "\n"


def commands_of(group: Any, before: str = "") -> Iterator[tuple[str, Any]]:  # typer keeps the classes to itself
    """The commands below a group by their whole name."""
    for name, command in group.commands.items():
        if getattr(command, "hidden", False):
            continue
        if hasattr(command, "commands"):
            yield from commands_of(command, f"{before}{name} ")
        else:
            yield before + name, command


def _parameters(command: Any) -> list[Any]:
    return [one for one in command.params if one.name != "help" and not getattr(one, "hidden", False)]


def _parameter_row(parameter: Any, context: Any) -> tuple[str, ...]:
    is_option = parameter.param_type_name == "option"
    names = [*parameter.opts, *parameter.secondary_opts] if is_option else [parameter.name.upper()]
    unset = parameter.required or parameter.default in (None, False, (), []) or callable(parameter.default)
    default = "needed" if parameter.required else "" if unset else f"`{parameter.default}`"
    kind = "switch" if getattr(parameter, "is_flag", False) else parameter.display_type(context).strip("<>")
    return ", ".join(f"`{name}`" for name in names), kind, default, with_names(MARKUP.sub("", parameter.help or ""))


# --- packages --------------------------------------------------------------------------------------------


def package_page(name: str) -> str:
    """What a package gives to a Python program: each public name's docstring."""
    package, title = PACKAGES[name]
    parts = [f"# {name}", f"{title}. Made from docstrings.", _introduction(inspect.getdoc(package) or "")]
    return "\n\n".join([*parts, *(f"::: {where}" for where in documented(name))]) + "\n"


def documented(name: str) -> list[str]:
    """The classes and functions of a package's `__all__`, by the module that defines them."""
    package, _ = PACKAGES[name]
    public = [getattr(package, one) for one in package.__all__]
    named = [one for one in public if inspect.isclass(one) or inspect.isfunction(one)]
    return [f"{one.__module__}.{one.__qualname__}" for one in named]


def _introduction(docstring: str) -> str:
    """A module's docstring, whose indented lines are code."""
    blocks = re.split(r"\n\n", docstring)
    return "\n\n".join(
        f"```python\n{inspect.cleandoc(block)}\n```" if block.startswith("    ") else block for block in blocks
    )


def table_of(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = [" | ".join(header), "|".join("---" for _ in header)]
    lines += [" | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) for row in rows]
    return "\n".join(f"| {line} |" for line in lines)
