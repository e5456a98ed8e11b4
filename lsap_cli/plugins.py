"""The parts that a user can name: lsap's own, and those of installed packages. Listing names needs no torch.

A package adds a part by an entry point, whose name is what a user writes behind --attack, --defense and so on:

    [project.entry-points."lsap.attacks"]
    my-attack = "my_package.attacks:MyAttack"

Own names are read from the source of the table that holds them: importing it would import torch, which takes seconds.
"""

from __future__ import annotations  # entry points are looked up when they are asked for

import ast
import importlib
import importlib.util
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from lsap_cli.errors import LsapError
from lsap_common import UnknownNameError, unknown_name

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from defenses import Defense
    from defenses.certify import Smoothing
    from defenses.detectors import Detector
    from perturbations.attacks import Attack
    from perturbations.samplers import Sampler

Part = TypeVar("Part")


class PartTable(Mapping[str, type[Part]], Generic[Part]):
    """The parts of one kind by name. A part of an installed package is imported when it is asked for.

    Args:
        noun: the kind of part, for sentences: "attack".
        table: where lsap's own are, as "package.module:TABLE": a dict whose keys are written out, or a Literal.
        group: of entry points that add to it; None: it is closed.
        base: what a class of it must inherit from, as "package.module:Class".
    """

    def __init__(self, noun: str, table: str, group: str | None = None, base: str | None = None) -> None:
        self.noun = noun
        self._module, _, self._variable = table.partition(":")
        self._group = group
        self._base = base

    @cached_property
    def own(self) -> tuple[str, ...]:
        """The names of lsap's own parts, in the order of their table."""
        return names_in_source(self._module, self._variable)

    @cached_property
    def added(self) -> dict[str, list[EntryPoint]]:
        """The entry points of installed packages by name; more than one where packages use the same name."""
        return {} if self._group is None else _entry_points(self._group)

    def __iter__(self) -> Iterator[str]:
        yield from self.own
        yield from (name for name in self.added if name not in self.own)

    def __len__(self) -> int:
        return len({*self.own, *self.added})

    def __contains__(self, name: object) -> bool:
        return name in self.own or name in self.added

    def __getitem__(self, name: str) -> type[Part]:
        """The class with a name.

        Raises:
            UnknownNameError: if there is none.
            LsapError: if several packages use the name, or what the entry point names cannot be imported or is no such
                part.
        """
        if name not in self.added:
            if name not in self.own:
                raise UnknownNameError(unknown_name(self.noun, name, self))
            own: Mapping[str, type[Part]] = getattr(importlib.import_module(self._module), self._variable)
            return own[name]
        point = one_of(name, self.noun, self.added[name], name in self.own)
        kind = load(point, self.noun)
        problem = self._problem(kind)
        if problem:
            raise LsapError(f"the {self.noun} '{name}' of {origin(point)} cannot be used: {point.value} is {problem}")
        part: type[Part] = kind
        return part

    def _problem(self, kind: Any) -> str | None:
        if not isinstance(kind, type):
            return "not a class"
        if self._base is not None:
            module, _, name = self._base.partition(":")
            if getattr(importlib.import_module(module), name) not in kind.__mro__:
                return f"not a subclass of {module}.{name}"
        return None if is_dataclass(kind) else "not a dataclass, whose fields are the settings"


ATTACKS: PartTable[Attack] = PartTable(
    "attack", "perturbations.attacks:ATTACKS", "lsap.attacks", "perturbations.attacks:Attack"
)
DEFENSES: PartTable[Defense] = PartTable("defense", "defenses:DEFENSES", "lsap.defenses", "defenses:Defense")
DETECTORS: PartTable[Detector] = PartTable(
    "detector", "defenses.detectors:DETECTORS", "lsap.detectors", "defenses.detectors:Detector"
)
SAMPLERS: PartTable[Sampler] = PartTable("sampler", "perturbations.samplers:SAMPLERS")
SMOOTHINGS: PartTable[Smoothing] = PartTable("smoothing", "defenses.certify:SMOOTHINGS")
SET_FORMATS: PartTable[Any] = PartTable(  # its class lies in a higher layer
    "format of a set", "lsap_cli.datasets.formats:FORMATS", "lsap.datasets", "lsap_cli.datasets.entries:SetFormat"
)
MODELS = "lsap.models"
"""The group of entry points that add models: each names a function without arguments that gives a `Classifier`, or the
path of a model card."""


def codec_names() -> tuple[str, ...]:
    """The codecs of `lsap apply`."""
    return names_in_source("lsap_cli.video.codecs", "CODECS")


def segment_names() -> tuple[str, ...]:
    """Which frames `lsap apply` can change alone."""
    return names_in_source("lsap_cli.applying.adding", "SEGMENTS")


def binding_names() -> tuple[str, ...]:
    """The kinds of bindings."""
    return names_in_source("perturbations.bindings", "BindingKind")


def set_format_names() -> tuple[str, ...]:
    """The formats of a set of videos."""
    return (*SET_FORMATS,)


def update_names() -> tuple[str, ...]:
    """The updates that attacks such as lsap can take."""
    return names_in_source("perturbations.updates", "UPDATES")


def coherence_names() -> tuple[str, ...]:
    """What attacks such as lsap can do to temporal coherence."""
    return names_in_source("perturbations.coherence", "Coherence")


def added_models() -> dict[str, list[EntryPoint]]:
    """The models of installed packages by name."""
    return _entry_points(MODELS)


def one_of(name: str, noun: str, points: list[EntryPoint], own: bool = False) -> EntryPoint:
    """The one entry point with a name.

    Raises:
        LsapError: if there is another, or lsap has a part of that name.
    """
    if own or len(points) > 1:
        owners = (["lsap itself"] if own else []) + [origin(point) for point in points]
        raise LsapError(
            f"the {noun} '{name}' is given by {' and by '.join(owners)}; uninstall one, or let it use another name"
        )
    return points[0]


def load(point: EntryPoint, noun: str) -> Any:
    """What an entry point names.

    Raises:
        LsapError: if it cannot be imported.
    """
    try:
        return point.load()
    except Exception as error:  # importing a stranger's code can raise anything
        raise LsapError(
            f"the {noun} '{point.name}' of {origin(point)} cannot be loaded: {type(error).__name__}: {error}"
        ) from error


def origin(point: EntryPoint) -> str:
    """The package of an entry point, in words."""
    return "an installed package" if point.dist is None else f"the package {point.dist.name} {point.dist.version}"


def names_in_source(module: str, variable: str) -> tuple[str, ...]:
    """The keys of a module's dict, or the words of its Literal, without importing the module or its package.

    Args:
        module: such as "perturbations.attacks".
        variable: what the module calls it; the keys must be written out as text.

    Raises:
        LookupError: if the module has no such variable, or its keys are not written out.
    """
    package, *rest = module.split(".")
    module_spec = importlib.util.find_spec(package)
    if module_spec is None or not module_spec.submodule_search_locations:
        raise LookupError(f"there is no package {package}")
    base = Path(module_spec.submodule_search_locations[0]).joinpath(*rest)
    path = base / "__init__.py" if base.is_dir() else base.with_suffix(".py")
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        if any(isinstance(target, ast.Name) and target.id == variable for target in targets):
            value = node.value  # type: ignore[attr-defined]  # an assignment, as its targets say
            if isinstance(value, ast.Call) and value.args:  # NamedParts("attack", {...})
                value = value.args[-1]
            keys = value.keys if isinstance(value, ast.Dict) else getattr(getattr(value, "slice", None), "elts", [])
            names = tuple(str(key.value) for key in keys if isinstance(key, ast.Constant))
            if names and len(names) == len(keys):
                return names
    raise LookupError(f"{path} has no {variable} whose names are written out")


def _entry_points(group: str) -> dict[str, list[EntryPoint]]:
    """The entry points of a group by name, in the order of their names; a package that is found twice counts once."""
    from importlib.metadata import entry_points  # a fifth of the time that a start takes

    points = {(point.name, point.value, origin(point)): point for point in entry_points(group=group)}
    by_name: dict[str, list[EntryPoint]] = {}
    for (name, _, _), point in sorted(points.items(), key=lambda item: item[0]):
        by_name.setdefault(name, []).append(point)
    return by_name
