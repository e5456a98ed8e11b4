"""Every name that a spec can hold, with its settings, read from a committed table: no torch, no import of a part.

`known_parts.json` is made from the classes by `python -m lsap_cli.jobs.parts_table`; a test compares them. Parts of
installed packages have names here, but no settings: those are known when the package is imported.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

from lsap_cli import plugins
from lsap_cli.errors import LsapError
from lsap_cli.known_models import known_models
from lsap_cli.spec_text import PLUS, SettingText, listed_specs, split_spec
from lsap_common import LARGEST_SETTING, did_you_mean, parse_fraction, unknown_name

TABLE = Path(__file__).with_name("known_parts.json")
PartKind = Literal[
    "attacks", "defenses", "detectors", "samplers", "smoothings", "codecs", "segments", "families", "formats"
]
ListKind = Literal[PartKind, "models"]
PART_KINDS: tuple[PartKind, ...] = get_args(PartKind)
LIST_KINDS: tuple[ListKind, ...] = (*PART_KINDS, "models")
NOUNS: dict[PartKind, str] = {
    "attacks": "attack",
    "defenses": "defense",
    "detectors": "detector",
    "samplers": "sampler",
    "smoothings": "smoothing",
    "codecs": "codec",
    "segments": "segment",
    "families": "family",
    "formats": "format of a set",
}
ADDED: dict[PartKind, plugins.PartTable[Any]] = {
    "attacks": plugins.ATTACKS,
    "defenses": plugins.DEFENSES,
    "detectors": plugins.DETECTORS,
    "formats": plugins.SET_FORMATS,
}
"""The kinds of parts that installed packages can add to."""


@dataclass(frozen=True)
class KnownSetting:
    """One setting of a part.

    Attributes:
        name: as it is written.
        kind: of its values: `specs` is a list of defenses in brackets.
        default: as it is written.
        about: one line of the part's documentation, or nothing.
        choices: the words it takes; none: any.
        least: the smallest number; None: there is none.
        most: the largest number; None: there is none.
        above: whether `least` itself is refused.
        below: whether `most` itself is refused.
        odd: whether it takes odd numbers only.
        also: single numbers outside of that range.
        other_names: that earlier versions had for it.
    """

    name: str
    kind: Literal["whole", "number", "fraction", "switch", "text", "specs"]
    default: str
    about: str = ""
    choices: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None
    above: bool = False
    below: bool = False
    odd: bool = False
    also: tuple[int, ...] = ()
    other_names: tuple[str, ...] = ()

    @property
    def allowed(self) -> str:
        """What it takes, in words: `a whole number from 1 to 100`."""
        if self.choices:
            return " or ".join(filter(None, [", ".join(self.choices[:-1]), self.choices[-1]]))
        if self.kind in ("switch", "text", "specs"):
            words = {"switch": "true or false", "text": "text"}
            return words.get(self.kind, "a list of defenses such as [bit-depth:bits=4 | jpeg]")
        whole = " whole" if self.kind == "whole" else ""
        return " ".join([f"{'an odd' if self.odd else 'a'}{whole} number", *self._range_words()])

    def _range_words(self) -> list[str]:
        least, most = (None if abs(end or 0) == LARGEST_SETTING else end for end in (self.least, self.most))
        low = [] if least is None else [f"{'above' if self.above else 'from'} {_shown(least)}"]
        if most is None:
            high = []
        elif low and not self.above and not self.below:
            high = [f"to {_shown(most)}"]
        else:
            high = [f"{'and ' if low else ''}{'below' if self.below else 'at most'} {_shown(most)}"]
        return low + high + [f"or {one}" for one in self.also]

    def check(self, text: str) -> None:
        """Refuses a value that the part would refuse.

        Args:
            text: as it was typed.

        Raises:
            ValueError: if it is none of those.
            LsapError: if it is a list of defenses with a wrong one in it.
        """
        if self.kind == "switch" and text not in ("true", "false"):
            raise ValueError(text)
        if self.choices and text not in self.choices:
            raise ValueError(text)
        if self.kind == "specs":
            for spec in listed_specs(text):
                check_spec("defenses", spec)
        if self.kind in ("whole", "number", "fraction"):
            self._check_number(_NUMBERS[self.kind](text))

    def _check_number(self, value: float | Fraction) -> None:
        if value in self.also:
            return
        too_small = self.least is not None and (value < self.least or (self.above and value == self.least))
        too_large = self.most is not None and (value > self.most or (self.below and value == self.most))
        if too_small or too_large or (self.odd and value % 2 == 0):
            raise ValueError(str(value))


@dataclass(frozen=True)
class KnownPart:
    """A name and what it stands for.

    Attributes:
        name: as it is written.
        about: what it is, in a line.
        settings: in the order of its documentation; None: of an installed package, which tells them when imported.
    """

    name: str
    about: str
    settings: tuple[KnownSetting, ...] | None = ()

    @property
    def written(self) -> str:
        """The name with all settings at their defaults."""
        settings = ",".join(f"{one.name}={one.default}" for one in self.settings or ())
        return f"{self.name}:{settings}" if settings else self.name

    def setting(self, name: str) -> KnownSetting | None:
        """The setting of a name, which can be one that it had in an earlier version; None: there is no such one."""
        return next((one for one in self.settings or () if name in (one.name, *one.other_names)), None)


def known_parts(kind: PartKind) -> dict[str, KnownPart]:
    """The parts of one kind by name, those of installed packages behind lsap's own."""
    parts = dict(_own_parts()[kind])
    if kind in ADDED:
        for name, points in ADDED[kind].added.items():
            where = " and of ".join(map(plugins.origin, points))
            parts.setdefault(name, KnownPart(name, f"of {where}", None))
    return parts


def known_names(kind: ListKind) -> tuple[str, ...]:
    """The names of one kind, as they are written; of models those that need no file."""
    if kind == "models":
        return tuple(spec for spec, _ in known_models() if " " not in spec and spec == spec.lower())
    return (*known_parts(kind),)


def check_spec(kind: PartKind, spec: str) -> None:
    """Refuses a name, a setting or a value that no part of a kind has, as `specs.build` does, but without torch.

    Settings of installed packages' parts are left to `specs.build`.

    Args:
        kind: of parts.
        spec: as it was typed: one part, no chain.

    Raises:
        LsapError: naming what is wrong, what would work, and the nearest name.
    """
    noun, parts = NOUNS[kind], known_parts(kind)
    name, settings = split_spec(spec)
    if name not in parts:
        raise LsapError(unknown_name(noun, spec, parts))
    part = parts[name]
    if part.settings is None:
        return
    given: set[str] = set()
    for text in settings:
        setting = part.setting(text.key)
        if setting is None or text.value is None:
            raise LsapError(no_such_setting(noun, spec, text, part.written, [one.name for one in part.settings]))
        if setting.name in given:
            raise LsapError(f"the {noun} '{spec}' gives {setting.name} twice; give it once")
        given.add(setting.name)
        try:
            setting.check(text.value)
        except ValueError:
            sentence = f"the {noun} '{spec}': {setting.name} is {text.value or 'empty'}; use {setting.allowed}"
            if len(text.value) >= len(str(LARGEST_SETTING)) and setting.most == LARGEST_SETTING:
                sentence += f", of at most {LARGEST_SETTING}"
            raise LsapError(sentence + did_you_mean(text.value, setting.choices)) from None


def check_chain(kind: PartKind, spec: str) -> None:
    """The same for several parts in a row, ` + ` between them.

    Raises:
        LsapError: see `check_spec`.
    """
    for part in PLUS.split(spec):
        check_spec(kind, part)


def no_such_setting(noun: str, spec: str, text: SettingText, written: str, names: Sequence[str]) -> str:
    """The sentence about a setting that a part does not have."""
    what = f"has no setting '{text.whole}'" if text.key not in names else f"gives {text.key} no value"
    hint = "" if text.key in names else did_you_mean(text.key, names, "_")
    return f"the {noun} '{spec}' {what}; write it as {written}{hint}"


def setting_of_facts(facts: Mapping[str, Any]) -> KnownSetting:
    """A setting as the table holds it: the fields of `KnownSetting`, with lists for tuples."""
    values: dict[str, Any] = {name: tuple(one) if isinstance(one, list) else one for name, one in facts.items()}
    return KnownSetting(**values)


def _shown(value: float) -> str:
    return f"{value:.0f}" if value == int(value) and abs(value) < 1e15 else f"{value:g}"


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


_NUMBERS: Mapping[str, Callable[[str], float | Fraction]] = {
    "whole": int,
    "number": _finite,
    "fraction": parse_fraction,
}


@cache
def _own_parts() -> dict[PartKind, dict[str, KnownPart]]:
    table = json.loads(TABLE.read_text(encoding="utf-8"))
    return {
        kind: {
            name: KnownPart(name, about["about"], tuple(setting_of_facts(one) for one in about["settings"]))
            for name, about in table[kind].items()
        }
        for kind in PART_KINDS
    }
