"""Tables of names: a name that is not in one is answered with those that are."""

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import NoReturn, TypeVar

Value = TypeVar("Value")


class UnknownNameError(KeyError):
    """A name that a table does not have, in one sentence."""

    def __str__(self) -> str:
        return str(self.args[0])  # a KeyError shows its argument in quotes


class NamedParts(dict[str, Value]):
    """A dict from the name that a user writes to a class or a function.

    Args:
        noun: what the table holds, in the singular, for the sentence: "attack".
        parts: by name, with the names written out, so that they can be listed without an import.
    """

    def __init__(self, noun: str, parts: Mapping[str, Value]) -> None:
        super().__init__(parts)
        self.noun = noun

    def __missing__(self, name: object) -> NoReturn:
        """Answers an unknown name.

        Raises:
            UnknownNameError: naming those that exist, and the nearest.
        """
        raise UnknownNameError(unknown_name(self.noun, name, self))


def unknown_name(noun: str, name: object, names: Iterable[str], described: Iterable[str] | None = None) -> str:
    """The sentence about a name that is not known.

    Args:
        noun: the kind of thing: "attack".
        name: as it was given.
        names: those that exist.
        described: how each of them is written, where that is more than the name.
    """
    known = list(names)
    sentence = f"the {noun} '{name}' is unknown; use one of: {', '.join(known if described is None else described)}"
    hint = did_you_mean(str(name).partition(":")[0], known)
    return f"{sentence}.{hint.replace('; did', ' Did')}" if hint else sentence


def did_you_mean(name: str, names: Iterable[str], separator: str = "-") -> str:
    """`; did you mean NAME?` with the nearest of some names, or nothing where none is near.

    Args:
        name: as it was given.
        names: those that exist.
        separator: of the words in them: "-" or "_".
    """
    plain = re.sub(r"[-_ ]", separator, name.strip().lower())
    by_plain = {name.lower(): name for name in reversed(list(names))}
    close = difflib.get_close_matches(plain, list(by_plain)[::-1], n=1)
    return f"; did you mean {by_plain[close[0]]}?" if close else ""
