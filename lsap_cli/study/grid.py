"""The points of grids: every combination of the values of their axes."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from lsap_cli.study.axes import ALL, AXES, NONE, ONLY, OWN, SAME, AxisValue, parse_goal, parts_of, text_of_value

EACH, OTHERS, LEAVE_ONE_OUT = "@each", "@others", "@leave-one-out"
PLACES = (EACH, OTHERS, LEAVE_ONE_OUT)
"""Places of a grid that `--model` fills: each network; those not learned on (victim); all but one at once (model)."""
OF_NETWORKS = ("model", "victim")


@dataclass(frozen=True)
class StudyGrid:
    """A grid as it is written.

    Attributes:
        name: by which tables can ask for it; may be empty.
        axes: the values of those that it names.
        unseen_victims: whether only networks judge that were not learned on.
    """

    name: str
    axes: Mapping[str, tuple[AxisValue, ...]]
    unseen_victims: bool = False

    @property
    def needs_models(self) -> bool:
        """Whether it leaves its networks to the command line."""
        return any(text_of_value(one) in PLACES for axis in OF_NETWORKS for one in self.axes.get(axis, ()))

    @property
    def size(self) -> int:
        """How many points it has, at most."""
        return math.prod(map(len, self.axes.values()))

    def with_models(self, models: Sequence[str]) -> "StudyGrid":
        """The same on other networks: in the places that it leaves to them, or else in place of all.

        Args:
            models: specs, each once.
        """
        several = [*itertools.combinations(models, max(1, len(models) - 1))]
        left_out = tuple(one[0] if len(one) == 1 else one for one in several)
        meant: dict[str, tuple[AxisValue, ...]] = {EACH: tuple(models), OTHERS: tuple(models), LEAVE_ONE_OUT: left_out}
        axes, places = dict(self.axes), self.needs_models
        for axis in OF_NETWORKS:
            if places and axis in axes:
                axes[axis] = tuple(one for value in axes[axis] for one in meant.get(text_of_value(value), (value,)))
            elif axis in axes or axis == "model":
                axes[axis] = tuple(models)
        unseen = any(text_of_value(one) == OTHERS for one in self.axes.get("victim", ()))
        return replace(self, axes=axes, unseen_victims=unseen)


@dataclass(frozen=True)
class StudyPoint:
    """One combination of values.

    Attributes:
        values: of every axis.
        grids: names of the grids that have it.
    """

    values: Mapping[str, AxisValue]
    grids: tuple[str, ...] = field(default=(), compare=False)

    def text(self, axis: str) -> str:
        """The value of an axis as text."""
        return text_of_value(self.values[axis])

    def parts(self, axis: str) -> tuple[str, ...]:
        """The value of an axis with lists."""
        return parts_of(self.values[axis])

    @property
    def key(self) -> tuple[str, ...]:
        """All values as text."""
        return tuple(map(self.text, AXES))

    @property
    def attack(self) -> str:
        """The spec of the attack, with its update."""
        spec, update = self.text("attack"), self.text("update")
        if update == OWN:
            return spec
        return f"{spec}{',' if ':' in spec else ':'}update={update}"

    @property
    def victim(self) -> str:
        """The spec of the network that is judged."""
        victim = self.text("victim")
        return self.text("model") if victim == SAME else victim

    def problem(self) -> str:
        """Why these values cannot go together; empty where they can."""
        if len(self.parts("model")) > 1 and self.text("victim") == SAME:
            return (
                f"learned on several networks ({self.text('model')}): name the one that is judged with victim = [...]"
            )
        if self.text("from") == "target-class" and parse_goal(self.text("goal"))[0] != "target":
            return f'from = "target-class" needs a target, and goal is {self.text("goal")} at that point'
        if self.text("from") == "one-video" and self.text("detector") != NONE:
            return 'detector compares videos of one perturbation, and from = "one-video" has one for each'
        return "" if self.text("ladder") == NONE else self._problem_of_ladder()

    def _problem_of_ladder(self) -> str:
        if self.text("from") == "one-video":
            return 'ladder learns for all videos, and from = "one-video" has a perturbation for each'
        for axis, needed in (("frames", ALL), ("file", NONE), ("detector", NONE)):
            if self.text(axis) != needed:
                ladder, other = self.text("ladder"), self.text(axis)
                return (
                    f'ladder = "{ladder}" and {axis} = "{other}" do not go together: attackers of a ladder need '
                    f'{axis} = "{needed}"; write them as two [[grid]]'
                )
        if parse_goal(self.text("goal"))[0] == ONLY:
            return f"ladder has untargeted and targeted attackers, and goal is {self.text('goal')} at that point"
        return ""


def expand_grids(grids: Sequence[StudyGrid]) -> list[StudyPoint]:
    """All points of all grids, each once, in the order of the axes."""
    found: dict[tuple[str, ...], StudyPoint] = {}
    for grid in grids:
        values = [grid.axes.get(name, (axis.usual,)) for name, axis in AXES.items()]
        for combination in itertools.product(*values):
            point = StudyPoint(dict(zip(AXES, combination, strict=True)), (grid.name,) if grid.name else ())
            if grid.unseen_victims and point.victim in point.parts("model"):
                continue
            known = found.get(point.key)
            found[point.key] = point if known is None else replace(known, grids=(*known.grids, *point.grids))
    return list(found.values())
