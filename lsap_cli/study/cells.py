"""Cells, and the hash by which each is found again: of all that determines its outcomes, and of nothing else."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lsap_cli.errors import LsapError
from lsap_cli.learning.settings import DEFAULT_STEPS, DEFAULT_TARGETED_STEPS
from lsap_cli.study.axes import AXES, JUDGED, LEARNED, TARGET, USUAL, parse_goal
from lsap_cli.study.grid import StudyPoint

HASH_LENGTH = 32  # hexadecimal digits
OF_PLACE = ("model", "victim", "goal", "steps")  # axes whose text does not say what they are; the key says it otherwise
Key = Mapping[str, Any]  # of JSON values


@dataclass(frozen=True)
class StudyVideo:
    """A video as cells depend on it.

    Attributes:
        name: in the set; random draws depend on it.
        sha256: of its content.
        group: its recording, where equal videos have one.
        label: as the set calls it; empty: none.
    """

    name: str
    sha256: str
    group: str
    label: str = ""

    @property
    def key(self) -> list[str]:
        """What a hash takes of it."""
        return [self.name, self.sha256, self.group, self.label]


@dataclass(frozen=True)
class StudyContext:
    """What all cells of a study have in common.

    Attributes:
        networks: of each model's spec: hashes of weights, labels and files; of one that cannot be loaded, the reason.
        names: of each model's spec, as tables show it.
        folds: the videos of each fold.
        drawn_label: of goals without a label; empty: the videos have none.
        protocol: batch, views, threads, seconds and seeds.
        environment: versions of packages and the kind of device.
        code: the version of the code that matters.
    """

    networks: Mapping[str, Mapping[str, str]]
    names: Mapping[str, str]
    folds: Sequence[Sequence[StudyVideo]]
    drawn_label: str
    protocol: Mapping[str, int | float | str | None]
    environment: Mapping[str, str]
    code: str

    def others(self, fold: int) -> list[StudyVideo]:
        """The videos that a perturbation of a fold is learned from."""
        return [video for number, videos in enumerate(self.folds) if number != fold for video in videos]


@dataclass(frozen=True)
class PlannedCell:
    """A cell: a point of the grid, and a fold.

    Attributes:
        point: of the grid.
        fold: from 0.
        hash: by which it is found again.
        pattern: the hash of what determines the perturbation, which several cells can share.
        axes: all values as text, with names of models and drawn labels, for records and tables.
    """

    point: StudyPoint
    fold: int
    hash: str
    pattern: str
    axes: Mapping[str, str]

    @property
    def title(self) -> str:
        """For people: what is not usual about it, and its fold."""
        told = [self.axes[name] for name, axis in AXES.items() if self.point.values[name] != axis.usual]
        return ", ".join([*told, f"fold {self.fold + 1}"])


def plan_cells(points: Sequence[StudyPoint], context: StudyContext) -> list[PlannedCell]:
    """All cells of all points, in the order of the grid. Two points that are one and the same give equal hashes.

    Raises:
        LsapError: if a goal draws a label, and the videos have none.
    """
    found: list[PlannedCell] = []
    for point in points:
        axes = resolved_axes(point, context)
        for fold in range(len(context.folds)):
            pattern = pattern_key(point, fold, context)
            cell = hash_of({"pattern": pattern, "judged": judged_key(point, fold, context)})
            found.append(PlannedCell(point, fold, cell, hash_of(pattern), axes))
    return found


def each_once(cells: Sequence[PlannedCell]) -> list[PlannedCell]:
    """Cells by their hash, each once, in their order."""
    return list({cell.hash: cell for cell in reversed(cells)}.values())[::-1]


def resolved_axes(point: StudyPoint, context: StudyContext) -> dict[str, str]:
    """The values of a point as records hold them."""
    axes = {name: point.text(name) for name in AXES}
    axes["model"] = " & ".join(context.names[spec] for spec in point.parts("model"))
    axes["victim"] = context.names.get(point.victim, point.victim)
    axes["goal"] = goal_of(point, context)
    axes["steps"] = str(steps_of(point))
    return axes


def goal_of(point: StudyPoint, context: StudyContext) -> str:
    """The goal with its label.

    Raises:
        LsapError: if it draws one, and the videos have none.
    """
    kind, label = parse_goal(point.text("goal"))
    if label is None and kind != "untargeted":
        if not context.drawn_label:
            raise LsapError(f'goal = "{kind}" draws a label of the videos, and none has one; write {kind}:LABEL')
        label = context.drawn_label
    return kind if label is None else f"{kind}:{label}"


def steps_of(point: StudyPoint) -> int:
    """Steps of learning."""
    if point.text("steps") != USUAL:
        return int(point.text("steps"))
    return DEFAULT_TARGETED_STEPS if parse_goal(point.text("goal"))[0] == TARGET else DEFAULT_STEPS


def pattern_key(point: StudyPoint, fold: int, context: StudyContext, video: StudyVideo | None = None) -> Key:
    """What determines a perturbation.

    Args:
        point: of the grid.
        fold: that it is not learned from.
        context: of the study.
        video: with `from = "one-video"`, the one that it is learned from; None: all videos of the fold, one by one.
    """
    if point.text("from") == "one-video":
        learned_from = [video] if video is not None else list(context.folds[fold])
    else:
        learned_from = context.others(fold)
    protocol = ("batch", "seconds", "threads", "seed")
    return {
        "axes": {name: point.text(name) for name in LEARNED if name not in OF_PLACE},
        "goal": goal_of(point, context),
        "steps": steps_of(point),
        "networks": [_identity(context.networks[spec]) for spec in point.parts("model")],
        "videos": sorted(one.key for one in learned_from),
        "protocol": {name: context.protocol[name] for name in protocol},
        "environment": dict(context.environment),
        "code": context.code,
    }


def judged_key(point: StudyPoint, fold: int, context: StudyContext) -> Key:
    """What determines the outcomes beside the perturbation."""
    return {
        "axes": {name: point.text(name) for name in JUDGED if name not in OF_PLACE},
        "network": _identity(context.networks[point.victim]),
        "videos": sorted(one.key for one in context.folds[fold]),
        "others": sorted(one.key for one in context.others(fold)) if point.text("ladder") != "none" else [],
        "protocol": dict(context.protocol),
    }


def hash_of(key: Key) -> str:
    """The hash of a key; the order of its keys does not change it."""
    text = json.dumps(key, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:HASH_LENGTH]


def specs_of(points: Sequence[StudyPoint]) -> list[str]:
    """The specs of all networks that are learned on or judged, each once."""
    return list(dict.fromkeys(spec for point in points for spec in (*point.parts("model"), point.victim)))


def units(cells: Sequence[PlannedCell]) -> Iterator[list[PlannedCell]]:
    """Cells of one perturbation, which are done together."""
    by_pattern: dict[str, list[PlannedCell]] = {}
    for cell in cells:
        by_pattern.setdefault(cell.pattern, []).append(cell)
    yield from by_pattern.values()


def _identity(network: Mapping[str, str]) -> dict[str, str]:
    return dict(sorted(network.items()))
