"""Words of the command line to objects: `name:key=value,key=value` names a plug-in and its settings.

uniform      dense:stride=4      jpeg:quality=50      h264:crf=23,preset=fast

Defenses can be chained, `jpeg:quality=75 + temporal-median:window=3`: the first one sees the video. A setting that is a
list of defenses stands in brackets, with bars between them: `feature-squeezing:squeezers=[bit-depth:bits=4 | jpeg]`.
"""

import math
import types
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import MISSING, Field, fields
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from defenses import Chain, Defense
from defenses.certify import Smoothing
from defenses.detectors import Detector
from lsap_cli.errors import LsapError
from lsap_cli.plugins import ATTACKS, DEFENSES, DETECTORS, SAMPLERS, SMOOTHINGS
from lsap_cli.spec_text import PLUS, listed_specs, split_spec
from lsap_common import did_you_mean, kind_in_words, parse_fraction, unknown_name
from perturbations import Perturbation
from perturbations.attacks import Attack
from perturbations.samplers import Sampler

Thing = TypeVar("Thing")


def below_one_level(epsilon: str) -> str:
    """The warning about a budget of which rounding leaves nothing."""
    return (
        f"epsilon {epsilon} is less than one of the 255 levels of a pixel: in whole levels, as videos hold them, the "
        "perturbation changes nothing"
    )


def build(spec: str, table: Mapping[str, type[Thing]], what: str) -> Thing:
    """The object that a spec describes.

    Args:
        spec: as typed by the user.
        table: the names that are known, each with a dataclass.
        what: the kind of thing, for error sentences: "sampler", "defense", "codec".

    Raises:
        LsapError: if the name, a key or a value is not known.
    """
    name, given = split_spec(spec)
    if name not in table:
        raise LsapError(unknown_name(what, spec, table, describe(table)))
    kind = table[name]
    hints = get_type_hints(kind)
    settings: dict[str, Any] = {}
    old_settings: Mapping[str, str] = getattr(kind, "old_settings", {})
    known = {field.name: hints[field.name] for field in _fields(kind)}
    for one in given:
        key, text = old_settings.get(one.key, one.key), one.value
        if text is None or key not in known:
            hint = "" if key in known else did_you_mean(key, known, "_")
            written = describe({name: kind})[0]
            raise LsapError(f"the {what} '{spec}' has no setting '{one.whole}'; write it as {written}{hint}")
        if key in settings:
            raise LsapError(f"the {what} '{spec}' gives {key} twice; give it once")
        try:
            settings[key] = _value(text, known[key])
        except ValueError:
            raise LsapError(
                f"the {what} '{spec}': {key} is '{text}', which is not {_written_kind(known[key])}"
            ) from None
    try:
        return kind(**settings)
    except ValueError as error:
        raise LsapError(f"the {what} '{spec}': {error}") from None


def build_attack(spec: str) -> Attack:
    """An attack, which can be of an installed package.

    Raises:
        LsapError: see `build`.
    """
    return build(spec, ATTACKS, "attack")


def build_defense(spec: str) -> Defense:
    """A defense, or several in a row with ` + ` between them.

    Raises:
        LsapError: see `build`; also if they cannot be put in that order.
    """
    members = [build(part, DEFENSES, "defense") for part in PLUS.split(spec)]
    if len(members) == 1:
        return members[0]
    try:
        return Chain(tuple(members))
    except ValueError as error:
        raise LsapError(f"the defense '{spec}': {error}") from None


def build_detector(spec: str) -> Detector:
    """A detector.

    Raises:
        LsapError: see `build`.
    """
    return build(spec, DETECTORS, "detector")


def build_smoothing(spec: str) -> Smoothing:
    """A kind of randomized smoothing.

    Raises:
        LsapError: see `build`.
    """
    return build(spec, SMOOTHINGS, "smoothing")


def describe(table: Mapping[str, type[Any]]) -> list[str]:
    """How each name of a table is written with its default settings."""
    return [_described(name, table) for name in table]


def _described(name: str, table: Mapping[str, type[Any]]) -> str:
    try:
        settings = ",".join(f"{field.name}={written_value(field.default)}" for field in _fields(table[name]))
    except LsapError:  # of an installed package, and broken: the others are listed all the same
        return f"{name} (cannot be used)"
    return f"{name}:{settings}" if settings else name


def _fields(kind: type[Any]) -> list[Field[Any]]:
    """A user's settings: those that a plug-in gets from code alone (a draw's seed, an estimate) are keyword-only."""
    return [field for field in fields(kind) if field.default is not MISSING and not field.kw_only]


def written_value(value: Any) -> str:
    """A setting's value as a user writes it."""
    if isinstance(value, tuple):
        return f"[{' | '.join(map(written_value, value))}]"
    if isinstance(value, Chain):
        return " + ".join(map(written_value, value.members))
    if isinstance(value, Defense):
        name = _name_of(type(value))
        settings = ",".join(f"{field.name}={getattr(value, field.name)}" for field in _fields(type(value)))
        return f"{name}:{settings}" if settings else name
    return str(value)


def _name_of(kind: type[Defense]) -> str:
    for name in DEFENSES:
        with suppress(LsapError):
            if DEFENSES[name] is kind:
                return name
    return kind.__name__  # a class of one's own that no table lists


def _value(text: str, kind: Any) -> Any:
    if kind is bool:
        if text not in ("true", "false"):
            raise ValueError(text)
        return text == "true"
    if get_origin(kind) is Literal:  # the class itself checks the allowed words
        kind = str
    if get_origin(kind) is tuple and Defense in get_args(kind):
        return tuple(build_defense(part) for part in listed_specs(text))
    if isinstance(kind, types.UnionType):
        kind = next(part for part in kind.__args__ if part is not types.NoneType)
    value = parse_fraction(text) if kind is Fraction else kind(text)
    if kind is float and not math.isfinite(value):
        raise ValueError(text)
    return value


def _written_kind(kind: Any) -> str:
    is_list = get_origin(kind) is tuple
    return "a list of defenses such as [bit-depth:bits=4 | jpeg]" if is_list else kind_in_words(kind)


def build_samplers(specs: Sequence[str]) -> dict[str, Sampler]:
    """Samplers by their spec as it was written, in order; equal ones once."""
    samplers: dict[str, Sampler] = {}
    for spec in specs:
        sampler = build(spec, SAMPLERS, "sampler")
        if sampler not in samplers.values():
            samplers[spec] = sampler
    return samplers


def load_perturbation(path: Path) -> Perturbation:
    """The perturbation in a file that a user named.

    Raises:
        LsapError: if the file cannot be read or is damaged.
    """
    if not path.is_file():
        raise LsapError(f"the perturbation {path} does not exist; make one with lsap generate")
    try:
        return Perturbation.load(path)
    except (ValueError, OSError) as error:
        raise LsapError(
            f"the perturbation {error}" if str(path) in str(error) else f"the perturbation {path}: {error}"
        ) from None


def check_specs(
    *,
    attacks: Sequence[str] = (),
    samplers: Sequence[str] = (),
    defenses: Sequence[str] = (),
    detectors: Sequence[str] = (),
    smoothings: Sequence[str] = (),
) -> None:
    """Builds what specs describe, to see that it can be built, before a run begins.

    Raises:
        LsapError: see `build`.
    """
    for make, specs in (
        (build_attack, attacks),
        (build_defense, [spec for spec in defenses if spec.strip() != "none"]),
        (build_detector, detectors),
        (build_smoothing, smoothings),
    ):
        for spec in specs:
            make(spec)
    build_samplers(samplers)
