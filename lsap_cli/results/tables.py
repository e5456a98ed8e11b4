"""The tables of docs/file-formats.md, made from the classes: `python -m lsap_cli.results.tables docs/file-formats.md`.

A line `<!-- fields of rows.Row -->` stands before each table and `<!-- end of fields -->` behind it; what is between
them is written anew. The meaning of a field is what the class's docstring says of it. With `--check` nothing is
written, and the exit code is 1 if the file would change.
"""

import importlib
import re
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec

from lsap_cli.results.base import Count, Result, UnsetType
from lsap_cli.results.events import Event

FIELDS = re.compile(r"(<!-- fields of (\S+) -->\n).*?(<!-- end of fields -->)", re.DOTALL)
EVENTS = "events.Event"
ATTRIBUTE = re.compile(r"^(\w+): (.*)$")


def updated(text: str) -> str:
    """A document with every table of fields made anew."""
    return FIELDS.sub(lambda match: f"{match[1]}\n{_table(match[2])}\n\n{match[3]}", text)


def meanings(kind: type[Result]) -> dict[str, str]:
    """The meaning of each field in a class's docstring, including its bases'."""
    texts: dict[str, str] = {}
    for one in reversed(kind.__mro__):
        _, _, attributes = (one.__doc__ or "").partition("Attributes:\n")
        name = ""
        for line in map(str.strip, attributes.splitlines()):
            begun = ATTRIBUTE.match(line)
            if begun:
                name = begun[1]
                texts[name] = begun[2]
            elif line and name:
                texts[name] += f" {line}"
    return texts


def summary(kind: type[Result]) -> str:
    """The first sentence of a class's docstring."""
    return (kind.__doc__ or "").split("\n\n")[0].replace("\n", " ").strip()


def type_words(kind: Any) -> str:  # any annotation
    """A field's type in the words of JSON."""
    if get_origin(kind) in (Union, types.UnionType):
        parts = [one for one in get_args(kind) if one is not UnsetType]
        return " or ".join(type_words(one) for one in parts)
    if get_origin(kind) is Annotated or kind is Count:
        return type_words(get_args(kind)[0])
    if get_origin(kind) is Literal:
        return ", ".join(f"`{one}`" for one in get_args(kind))
    if get_origin(kind) is tuple:
        return f"list of {type_words(get_args(kind)[0])}"
    if get_origin(kind) is dict:
        return f"object of {type_words(get_args(kind)[1])}"
    if isinstance(kind, type) and issubclass(kind, Result):
        return kind.__name__
    words = {
        str: "text",
        int: "whole number",
        float: "number",
        bool: "true or false",
        type(None): "null",
        Any: "any value",
    }
    return words[kind]


def _table(name: str) -> str:
    if name == EVENTS:
        return "\n".join(_event_lines())
    module, _, kind_name = name.rpartition(".")
    kind = getattr(importlib.import_module(f"lsap_cli.results.{module}"), kind_name)
    return "\n".join(_field_lines(kind))


def _field_lines(kind: type[Result]) -> Iterator[str]:
    yield "| key | value | meaning |"
    yield "|---|---|---|"
    tag = kind.__struct_config__
    if tag.tag_field:
        yield f"| `{tag.tag_field}` | text | `{tag.tag}` |"
    texts = meanings(kind)
    for field in msgspec.structs.fields(kind):
        yield f"| `{field.encode_name}` | {_cell(type_words(field.type))} | {_cell(texts[field.name])} |"


def _event_lines() -> Iterator[str]:
    yield "| kind | when | fields |"
    yield "|---|---|---|"
    for kind in get_args(Event):
        texts = meanings(kind)
        names = [field.name for field in msgspec.structs.fields(kind) if field.name != "time"]
        fields = "; ".join(f"`{name}`: {texts[name].rstrip('.')}" for name in names)
        yield f"| `{kind.__struct_config__.tag}` | {_cell(summary(kind))} | {_cell(fields)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main(arguments: list[str]) -> int:
    """Writes or checks the files that are named."""
    changed = 0
    for name in arguments:
        path = Path(name)
        if name != "--check" and (new := updated(old := path.read_text(encoding="utf-8"))) != old:
            changed = 1
            if "--check" not in arguments:
                path.write_text(new, encoding="utf-8")
            print(f"{path}: {'would change' if '--check' in arguments else 'written'}")
    return changed if "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
