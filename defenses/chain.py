"""Several defenses, one after the other."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from torch import Generator, Tensor

from defenses.adaptive import StraightThrough
from defenses.base import CorpusDefense, Defense, Frames, Gradient

WIDEST_LAST: tuple[Frames, ...] = ("itself", "neighbors", "elsewhere", "stretch")
FARTHEST_LAST: tuple[Gradient, ...] = ("true", "surrogate", "straight-through")


@dataclass(frozen=True)
class Chain(Defense):
    """The first defense sees the video, each other one what the one before it made.

    What it declares follows from its members: it is deterministic, passes a pattern or has an exact gradient if
    all of them do.

    Attributes:
        members: two or more, in the order in which they work.
    """

    members: tuple[Defense, ...]

    def __post_init__(self) -> None:
        if len(self.members) < 2:
            raise ValueError(f"{len(self.members)} defenses make no chain; give at least two")
        if any(isinstance(member, CorpusDefense) for member in self.members[1:]):
            raise ValueError("a defense that is fitted on a set of videos must come first in a chain")

    @property
    def deterministic(self) -> bool:
        return all(member.deterministic for member in self.members)

    @property
    def frames(self) -> Frames:
        return max((member.frames for member in self.members), key=WIDEST_LAST.index)

    @property
    def gradient(self) -> Gradient:
        return max((member.gradient for member in self.members), key=FARTHEST_LAST.index)

    @property
    def passes_constant_in_time(self) -> bool:
        return all(member.passes_constant_in_time for member in self.members)

    @property
    def passes_low_frequencies(self) -> bool:
        return all(member.passes_low_frequencies for member in self.members)

    @property
    def null_space(self) -> str:
        return "A pattern that passes one member after the other: " + " Then: ".join(
            member.null_space for member in self.members
        )

    def drawn(self, generator: Generator) -> Defense:
        return replace(self, members=tuple(member.drawn(generator) for member in self.members))

    def needs(self, indices: Tensor, frame_count: int) -> Tensor:
        for member in reversed(self.members):
            indices = member.needs(indices, frame_count)
        return indices

    def defend(self, frames: Tensor, have: Tensor, indices: Tensor, frame_count: int) -> Tensor:
        wanted = [indices]  # of each member, the last one first
        for member in reversed(self.members[1:]):
            wanted.append(member.needs(wanted[-1], frame_count))
        for member, made in zip(self.members, reversed(wanted), strict=True):
            frames = member.defend(frames, have, made, frame_count)
            have = made
        return frames


def student(defense: Defense) -> CorpusDefense | None:
    """The part that must look at a set of videos first: the defense itself or a chain's first member; None: no part."""
    if isinstance(defense, StraightThrough):
        return student(defense.defense)
    first = defense.members[0] if isinstance(defense, Chain) else defense
    return first if isinstance(first, CorpusDefense) else None


def taught(defense: Defense, evidence: Sequence[Tensor]) -> Defense:
    """The defense with its `student` fitted on the evidence of videos."""
    if isinstance(defense, StraightThrough):
        return replace(defense, defense=taught(defense.defense, evidence))
    part = student(defense)
    if part is None:
        return defense
    fitted = part.fitted(evidence)
    return replace(defense, members=(fitted, *defense.members[1:])) if isinstance(defense, Chain) else fitted
