"""Several defenses, one after the other."""

from dataclasses import dataclass, replace

from torch import Generator, Tensor

from defenses.base import (
    Defense,
    FrameDependence,
    GradientKind,
    least_exact_gradient,
    widest_dependence,
)
from defenses.clip import Clip
from defenses.corpus import CorpusDefense


@dataclass(frozen=True)
class Chain(Defense):
    """The first defense gets the video, each later one the output of the one before it.

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
    def depends_on(self) -> FrameDependence:
        return widest_dependence(self.members)

    @property
    def gradient(self) -> GradientKind:
        return least_exact_gradient(self.members)

    @property
    def passes_constant_in_time(self) -> bool:
        return all(member.passes_constant_in_time for member in self.members)

    @property
    def passes_low_frequencies(self) -> bool:
        return all(member.passes_low_frequencies for member in self.members)

    @property
    def passes_stripes(self) -> bool:
        return all(member.passes_stripes for member in self.members)

    @property
    def null_space(self) -> str:
        return "A pattern that passes one member after the other: " + " Then: ".join(
            member.null_space for member in self.members
        )

    @property
    def composite(self) -> bool:
        return True

    @property
    def flat_error(self) -> float | None:
        errors = [member.flat_error for member in self.members]
        known = [error for error in errors if error is not None]
        return sum(known) if len(known) == len(errors) else None

    @property
    def gray_offset_error(self) -> float:
        return sum(member.gray_offset_error for member in self.members)

    @property
    def keeps_mean(self) -> bool:
        return all(member.keeps_mean for member in self.members)

    def draw(self, generator: Generator) -> Defense:
        if self.deterministic:
            return self
        return replace(self, members=tuple(member.draw(generator) for member in self.members))

    def needs(self, indices: Tensor, video_length: int) -> Tensor:
        for member in reversed(self.members):
            indices = member.needs(indices, video_length)
        return indices

    def defend(self, clip: Clip, indices: Tensor) -> Tensor:
        requested = [indices]  # of each member, the last one first
        for member in reversed(self.members[1:]):
            requested.append(member.needs(requested[-1], clip.video_length))
        for member, made in zip(self.members[:-1], reversed(requested[1:]), strict=True):
            clip = Clip(member.defend(clip, made), made, clip.video_length)
        return self.members[-1].defend(clip, indices)
