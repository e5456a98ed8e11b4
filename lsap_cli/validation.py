"""Data that users write, checked by a class; what is wrong with it becomes one sentence.

The class is a `msgspec.Struct` whose fields say in their `Meta.description` what would work.
"""

import re
from collections.abc import Mapping
from typing import Any, TypeVar, get_args, get_origin

import msgspec

from lsap_cli.errors import LsapError

Checked = TypeVar("Checked", bound=msgspec.Struct)
PLACE = re.compile(r" - at `\$(?P<path>[^`]*)`$")
WORD = re.compile(r"[^.\[\]]+")


def checked(data: Mapping[str, Any], kind: type[Checked], what: str) -> Checked:
    """The object of a class that some data describes.

    Args:
        data: as a TOML or JSON reader gives it.
        kind: the class; its fields that are structs are tables of the file.
        what: whose data it is, for the sentence: "the model card model.toml".

    Raises:
        LsapError: naming the field, what it was and what it must be.
    """
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        raise LsapError(f"{what} {_sentence(str(error), data, kind)}") from None


def _sentence(error: str, data: Mapping[str, Any], kind: type[msgspec.Struct]) -> str:
    """Msgspec's message, with the field's value and description."""
    match = PLACE.search(error)
    cause = PLACE.sub("", error)
    path = WORD.findall(match.group("path")) if match else []
    tables: list[str] = []
    value: Any = data
    described = kind
    for number, name in enumerate(path):
        value = value[name]
        inner = _struct_of(described, name)
        if inner is None or not isinstance(value, Mapping):  # a field, of which a part can be wrong
            return _about_field(name, tables, value, described)
        tables, described = path[: number + 1], inner
    where = f" in [{'.'.join(tables)}]" if tables else ""
    named = re.search(r"`([^`]*)`$", cause)
    if named and "missing required field" in cause:
        return f"lacks {named.group(1)}{where}; it is {_description(described, named.group(1))}"
    if named and "unknown field" in cause:
        known = ", ".join(described.__struct_fields__)
        return f"has an unknown field '{named.group(1)}'{where}; known: {known}"
    return f"cannot be used{where}: {cause}"


def _about_field(name: str, tables: list[str], value: Any, kind: type[msgspec.Struct]) -> str:
    where = f" in [{'.'.join(tables)}]" if tables else ""
    return f"has {name}{where} = {value!r}; it must be {_description(kind, name)}"


def _description(kind: type[msgspec.Struct], name: str) -> str:
    """The `Meta.description` of a field's type; a field that is a struct is a table."""
    field = next(one for one in msgspec.structs.fields(kind) if one.name == name)
    texts = [one.description for one in get_args(field.type)[1:] if isinstance(one, msgspec.Meta) and one.description]
    return texts[0] if texts else f"a table [{name}]"


def _struct_of(kind: type[msgspec.Struct], name: str) -> type[msgspec.Struct] | None:
    """The struct that a field holds, where it holds one."""
    types = [one.type for one in msgspec.structs.fields(kind) if one.name == name]
    for one in types:
        inner = get_args(one)[0] if get_origin(one) is not None and get_args(one) else one
        if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
            return inner
    return None
