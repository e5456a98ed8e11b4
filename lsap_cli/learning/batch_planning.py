"""What each learning batch shows: videos, frames, slots, augmentation; from the batch's number and the seed alone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from defenses import Defense
from lsap_cli.classifiers.geometry import Geometry
from lsap_cli.datasets.store import StoredVideo
from lsap_cli.learning.fitted_defense import FittedDefense
from perturbations import Binding, Budget
from perturbations.augment import Augmentation, Change
from perturbations.resizing import BILINEAR, ResizePath
from perturbations.samplers import Sampler, lengthened
from perturbations.seeds import seeded


@dataclass(frozen=True)
class BatchSettings:
    """What all batches of one learned perturbation have in common.

    Attributes:
        videos: to learn from.
        clean_predictions: (videos, 2) int64: of each video, and of its mirror image.
        samplers: drawn from with equal chance.
        frames: T, of a clip.
        geometry: of the classifier.
        binding: frame to slot.
        delta_size: (h, w) of delta.
        augmentation: None: clips as they are.
        clips: B, over all processes.
        seed: of everything that is drawn.
        device: where batches go.
        defenses: learning looks through one of these at a time, drawn with equal chance; None stands for no defense.
        draws: of a random defense for each clip: a batch shows each of its clips this many times, each time behind
            another draw, so that a step sees an expectation over the defense.
        fitted_defense: all videos, for a defense that is fitted on what they have in common; None: there is none.
        basis: makes delta of what is learned, which is smaller then; None: delta itself is learned.
        resize: how files enlarge delta, a name of `perturbations.resizing.RESIZINGS`; bilinear where there is a basis.
        budget: that delta keeps in files; needed where `resize` is not bilinear.
        pool: number of prepared clips of a video (LSAP's set X1); None: clips are drawn without end.
        process: number of this process, and how many there are: each takes its part of the clips.
    """

    videos: Sequence[StoredVideo]
    clean_predictions: Tensor
    samplers: Sequence[Sampler]
    frames: int
    geometry: Geometry
    binding: Binding
    delta_size: tuple[int, int]
    augmentation: Augmentation | None
    clips: int
    seed: int
    device: torch.device
    defenses: Sequence[Defense | None] = (None,)
    draws: int = 1
    fitted_defense: FittedDefense | None = None
    basis: ResizePath | None = None
    resize: str = BILINEAR
    budget: Budget | None = None
    pool: int | None = None
    process: tuple[int, int] = (0, 1)

    @property
    def learned_size(self) -> tuple[int, int]:
        """(h, w) of what is learned."""
        return self.delta_size if self.basis is None else (self.basis.rows.shape[1], self.basis.columns.shape[1])


class PlannedClip(NamedTuple):
    """What one clip shows."""

    needed: Tensor  # (S,) int64 frame indices
    slots: Tensor  # (S,) int64
    indices: Tensor  # (T,) int64 frame indices of the clip
    phase: int  # that its slots are shifted by


class PlannedBatch(NamedTuple):
    """What a batch shows."""

    videos: list[int]
    needed: Tensor  # (B, S) int64 frame indices; the last of a clip repeated where it needs fewer than others
    slots: Tensor  # (B, S) int64
    counts: list[int]  # frames that each clip needs
    indices: Tensor  # (B, T) int64 frame indices of the clips
    size: tuple[int, int]  # of the video through which delta goes
    change: Change | None
    defenses: list[Defense]  # one a clip, drawn; empty: none
    pattern_slots: Tensor  # (B, P) int64: what of delta the frames 0 to P - 1 of each clip's video carry

    def part(self, clips: slice) -> "PlannedBatch":
        """Some of the clips."""
        return self._replace(
            videos=self.videos[clips],
            needed=self.needed[clips],
            slots=self.slots[clips],
            counts=self.counts[clips],
            indices=self.indices[clips],
            defenses=self.defenses[clips],
            pattern_slots=self.pattern_slots[clips],
            change=None if self.change is None else self.change.part_of(clips),
        )


def plan_batch(settings: BatchSettings, step: int) -> PlannedBatch:
    """What the batch of a step shows, over all processes."""
    generator = seeded(settings.seed, "batch", step)
    videos = [_video_number(settings, step * settings.clips + place) for place in range(settings.clips)]
    defense = settings.defenses[_below(len(settings.defenses), generator)]
    draws = settings.draws
    drawn = [] if defense is None else [defense.draw(generator) for _ in range(len(videos) * draws)]
    behind: Sequence[Defense | None] = drawn or [None] * (len(videos) * draws)
    clips = [
        clip
        for place, video in enumerate(videos)
        for clip in _plan_clips(
            settings, settings.videos[video], behind[place * draws : (place + 1) * draws], generator
        )
    ]
    size = settings.videos[_below(len(settings.videos), generator)].size
    change = None if settings.augmentation is None else settings.augmentation.draw(settings.clips, generator)
    if change is not None:
        factors, shifts = (one.repeat_interleave(draws) for one in (change.factors, change.shifts))
        change = replace(change, factors=factors, shifts=shifts)
    counts = [len(clip.needed) for clip in clips]
    most, period = max(counts), settings.binding.period
    return PlannedBatch(
        videos=[video for video in videos for _ in range(draws)],
        needed=torch.stack([_padded(clip.needed, most) for clip in clips]),
        slots=torch.stack([_padded(clip.slots, most) for clip in clips]),
        counts=counts,
        indices=torch.stack([clip.indices for clip in clips]),
        size=size,
        change=change,
        defenses=drawn,
        pattern_slots=torch.stack([(torch.arange(period) + clip.phase) % period for clip in clips]),
    )


def plan_given_clips(
    settings: BatchSettings, video: int, clips: Sequence[Tensor], generator: Generator
) -> PlannedBatch:
    """A batch of given clips of one video as it is judged: from phase 0, through its own size, not changed.

    Args:
        settings: of the batch; each clip goes through its first defense, where it has one.
        video: number of it.
        clips: (T,) int64 frame indices of each clip.
        generator: of what a random defense draws.
    """
    stored, binding, defense = settings.videos[video], settings.binding, settings.defenses[0]
    count = len(stored.times)
    drawn = [] if defense is None else [defense.draw(generator) for _ in clips]
    needed = list(clips)
    if defense is not None and defense.depends_on != "stretch":  # a codec gets the clip as a short video
        needed = [one.needs(indices, count) for one, indices in zip(drawn, clips, strict=True)]
    most = max(map(len, needed))
    return PlannedBatch(
        videos=[video] * len(clips),
        needed=torch.stack([_padded(one, most) for one in needed]),
        slots=torch.stack([_padded(binding.slots(one, count), most) for one in needed]),
        counts=list(map(len, needed)),
        indices=torch.stack(list(clips)),
        size=stored.size,
        change=None,
        defenses=drawn,
        pattern_slots=torch.arange(binding.period).expand(len(clips), -1),
    )


def _plan_clips(
    settings: BatchSettings, stored: StoredVideo, defenses: Sequence[Defense | None], generator: Generator
) -> Iterator[PlannedClip]:
    """One clip behind each of some defenses."""
    binding = settings.binding
    sampler = settings.samplers[_below(len(settings.samplers), generator)]
    count = len(stored.times)
    clip_generator = generator
    if settings.pool is not None:
        clip_generator = seeded(settings.seed, "pool", stored.video.name, _below(settings.pool, generator))
        sampler = settings.samplers[_below(len(settings.samplers), clip_generator)]
    indices = sampler.draw(lengthened(stored.times, binding.appended), settings.frames, clip_generator)
    drawn_phase = _below(binding.period, generator)
    phase = drawn_phase if binding.kind == "cyclic" else 0
    for defense in defenses:
        needed = indices
        if defense is not None and defense.depends_on != "stretch":  # a codec gets the clip as a short video
            needed = defense.needs(indices, count + binding.appended)
        slots = binding.slots(needed, count)
        if phase:
            slots = (slots + phase) % binding.period
        yield PlannedClip(needed, slots, indices, phase)


def _video_number(settings: BatchSettings, draw: int) -> int:
    """The video of a draw: a new random order for every round through the videos."""
    round_number, place = divmod(draw, len(settings.videos))
    generator = seeded(settings.seed, "round", round_number)
    return int(torch.randperm(len(settings.videos), generator=generator)[place])


def _padded(indices: Tensor, length: int) -> Tensor:
    return torch.cat([indices, indices[-1:].expand(length - len(indices))])


def _below(bound: int, generator: Generator) -> int:
    return int(torch.randint(0, bound, (), generator=generator))
