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
from defenses.pixels import floats_of, rounded_levels


def levels_behind(defense: Defense, clip: Clip, indices: Tensor) -> Tensor:
    """What a defense makes of 8-bit frames, in levels, by its 8-bit way or through floats.

    Args:
        defense: any.
        clip: of uint8 frames, at least those that the defense needs.
        indices: (K,) int64 in the video.

    Returns:
        (K, 3, H, W) uint8.
    """
    levels = defense.defend_levels(clip, indices)
    if levels is not None:
        return levels
    needed = defense.needs(indices, clip.video_length)
    floats = floats_of(clip.frames, clip.rows_of(needed))
    return rounded_levels(defense.defend(Clip(floats, needed, clip.video_length), indices))


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

    @property
    def whole_levels(self) -> bool:
        return all(member.whole_levels for member in self.members)

    @property
    def level_tolerance(self) -> float:
        last = self.members[-1]
        return last.level_tolerance if self._members_in_levels() == len(self.members) - 1 else 0.0

    def defend(self, clip: Clip, indices: Tensor) -> Tensor:
        *earlier, _ = requested = self._requested(indices, clip.video_length)
        for member, made in zip(self.members, earlier, strict=False):
            clip = Clip(member.defend(clip, made), made, clip.video_length)
        return self.members[-1].defend(clip, requested[-1])

    def defend_levels(self, clip: Clip, indices: Tensor) -> Tensor | None:
        """As `Defense.defend_levels`: bytes go on between members only where nothing is rounded there."""
        count = self._members_in_levels()
        if not count:
            return None
        requested = self._requested(indices, clip.video_length)
        for member, made in zip(self.members[:count], requested, strict=False):
            clip = Clip(levels_behind(member, clip, made), made, clip.video_length)
        rest = self.members[count:]
        return levels_behind(rest[0] if len(rest) == 1 else Chain(rest), clip, indices)

    def _requested(self, indices: Tensor, video_length: int) -> list[Tensor]:
        """The frames that each member makes."""
        requested = [indices]
        for member in reversed(self.members[1:]):
            requested.insert(0, member.needs(requested[0], video_length))
        return requested

    def _members_in_levels(self) -> int:
        """How many members at the start, the last one left aside, make whole levels of whole levels."""
        return next(
            (number for number, member in enumerate(self.members[:-1]) if not member.whole_levels),
            len(self.members) - 1,
        )
