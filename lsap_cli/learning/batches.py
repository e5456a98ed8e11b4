"""Batches for learning, drawn from the frame store. A batch depends on its number and the seed, on nothing else.

What a batch shows is planned first (which videos, frames, slots, changes: a few numbers, made by a thread while the
network is busy with the batch before), then done to all clips of the batch at once, on the device.
"""

import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from defenses import Clip, Defense
from defenses.gradients import wants_gradient
from lsap_cli.classifiers.classifier import Classifier, in_batches
from lsap_cli.classifiers.geometry import Geometry
from lsap_cli.classifiers.instrumented import InstrumentedClassifier
from lsap_cli.datasets.store import StoredVideo
from lsap_cli.learning.fitted_defense import Crowd
from lsap_cli.runs import Run
from perturbations import Binding, Budget
from perturbations.adding import round_to_levels
from perturbations.augment import Augmentation, Change
from perturbations.bindings import NO_SLOT
from perturbations.objectives import Objective
from perturbations.problem import Alone, Batch, Gather, Problem
from perturbations.resizing import ResizePath
from perturbations.samplers import Sampler, lengthened
from perturbations.seeds import seeded

LARGEST_DELTA = 224  # height and width of a pattern: larger ones are learned at this size
DEVICE_SHARE = 0.5  # of a GPU's free memory, for the frames of all videos
GRAY = 128 / 255  # of frames that show nothing but the pattern


class PlannedClip(NamedTuple):
    """What one clip shows."""

    needed: Tensor  # (S,) int64 frame numbers
    slots: Tensor  # (S,) int64
    indices: Tensor  # (T,) int64 frame numbers of the clip
    phase: int  # that its slots are moved by


class Plan(NamedTuple):
    """What a batch shows."""

    videos: list[int]
    needed: Tensor  # (B, S) int64 frame numbers; the last of a clip repeated where it needs fewer than others
    slots: Tensor  # (B, S) int64
    counts: list[int]  # frames that each clip needs
    indices: Tensor  # (B, T) int64 frame numbers of the clips
    size: tuple[int, int]  # of the video through which delta goes
    change: Change | None
    defenses: list[Defense]  # one a clip, drawn; empty: none
    pattern_slots: Tensor  # (B, P) int64: what of delta the frames numbered 0 to P - 1 of each clip's video carry


class Frames:
    """The frames of all videos at the network's size: on a GPU where they fit in half of its free memory.

    Args:
        videos: decoded.
        geometry: of the classifier, for the crop.
        device: where clips are wanted.
    """

    def __init__(self, videos: Sequence[StoredVideo], geometry: Geometry, device: torch.device) -> None:
        self._device = device
        self._views = [geometry.crop(one.frames.permute(0, 3, 1, 2)) for one in videos]
        self._all: Tensor | None = None
        if device.type == "cuda" and self._bytes() < DEVICE_SHARE * torch.cuda.mem_get_info(device)[0]:
            self._all = torch.cat([view.to(device) for view in self._views])
        lengths = [len(view) for view in self._views]
        self._starts = torch.tensor([0, *lengths[:-1]]).cumsum(0)
        self._lengths = torch.tensor(lengths)

    @property
    def on_device(self) -> bool:
        """Whether clips are gathered on the device, without a copy from the host."""
        return self._all is not None or self._device.type == "cpu"

    def gather(self, videos: Sequence[int], numbers: Tensor) -> Tensor:
        """Clips: (B, S) frame numbers of these videos -> (B, S, 3, h, w) uint8 on the device.

        Numbers past a video's end, where frames are appended to it, give its last frame.
        """
        chosen = torch.tensor(videos)
        inside = torch.minimum(numbers, self._lengths[chosen][:, None] - 1)
        if self._all is not None:
            clips = self._all[(inside + self._starts[chosen][:, None]).to(self._device, non_blocking=True)]
        else:
            _, colors, height, width = self._views[0].shape
            clips = torch.empty(*inside.shape, height, width, colors, dtype=torch.uint8)
            for clip, video, row in zip(clips, videos, inside, strict=True):
                # whole frames as they lie in memory, which indexing would copy byte by byte
                torch.index_select(self._views[video].permute(0, 2, 3, 1), 0, row, out=clip)
            clips = clips.permute(0, 1, 4, 2, 3).to(self._device, non_blocking=True)
        return clips

    def _bytes(self) -> int:
        return sum(view.numel() for view in self._views)


@dataclass(frozen=True)
class BatchSource:
    """Draws batches: every video once before any twice, each through a random sampler and phase.

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
        draws: of a random defense for each clip: a batch shows each of its clips this many times, each time behind another
            draw, so that a step sees an expectation over the defense.
        crowd: all videos, for a defense that is fitted on what they have in common; None: there is no such defense.
        pool: numbers of prepared clips of a video (LSAP's set X1); None: clips are drawn without end.
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
    crowd: Crowd | None = None
    pool: int | None = None
    process: tuple[int, int] = (0, 1)
    _paths: dict[tuple[int, int], ResizePath] = field(init=False, default_factory=dict)
    _planned: dict[int, "Future[Plan]"] = field(init=False, default_factory=dict)
    _planner: ThreadPoolExecutor = field(init=False, default_factory=lambda: ThreadPoolExecutor(1, "planner"))
    _frames: list[Frames] = field(init=False, default_factory=list)

    def draw(self, step: int) -> Batch:
        """The batch of a step, or this process's part of it."""
        future = self._planned.pop(step, None) or self._planner.submit(self.plan, step)
        self._planned.clear()
        self._planned[step + 1] = self._planner.submit(self.plan, step + 1)
        return self._build(future.result())

    def plan(self, step: int) -> Plan:
        """What the batch of a step shows."""
        generator = seeded(self.seed, "batch", step)
        videos = [self._video_number(step * self.clips + place) for place in range(self.clips)]
        defense = self.defenses[_below(len(self.defenses), generator)]
        drawn = [] if defense is None else [defense.draw(generator) for _ in range(len(videos) * self.draws)]
        behind: Sequence[Defense | None] = drawn or [None] * (len(videos) * self.draws)
        clips = [
            clip
            for place, video in enumerate(videos)
            for clip in self._clip(self.videos[video], behind[place * self.draws : (place + 1) * self.draws], generator)
        ]
        size = self.videos[_below(len(self.videos), generator)].size
        change = None if self.augmentation is None else self.augmentation.draw(self.clips, generator)
        if change is not None:
            factors, shifts = (one.repeat_interleave(self.draws) for one in (change.factors, change.shifts))
            change = replace(change, factors=factors, shifts=shifts)
        counts = [len(clip.needed) for clip in clips]
        most = max(counts)
        return Plan(
            [video for video in videos for _ in range(self.draws)],
            torch.stack([_padded(clip.needed, most) for clip in clips]),
            torch.stack([_padded(clip.slots, most) for clip in clips]),
            counts,
            torch.stack([clip.indices for clip in clips]),
            size,
            change,
            drawn,
            torch.stack([(torch.arange(self.binding.period) + clip.phase) % self.binding.period for clip in clips]),
        )

    def _clip(
        self, stored: StoredVideo, defenses: Sequence[Defense | None], generator: Generator
    ) -> Iterator[PlannedClip]:
        """One clip behind each of some defenses."""
        sampler = self.samplers[_below(len(self.samplers), generator)]
        count = len(stored.times)
        drawn = generator
        if self.pool is not None:
            drawn = seeded(self.seed, "pool", stored.video.name, _below(self.pool, generator))
            sampler = self.samplers[_below(len(self.samplers), drawn)]
        indices = sampler.draw(lengthened(stored.times, self.binding.appended), self.frames, drawn)
        drawn_phase = _below(self.binding.period, generator)
        phase = drawn_phase if self.binding.kind == "cyclic" else 0
        for defense in defenses:
            needed = indices
            if (
                defense is not None and defense.depends_on != "stretch"
            ):  # a codec sees the clip as a short video of its own
                needed = defense.needs(indices, count + self.binding.appended)
            slots = self.binding.slots(needed, count)
            if phase:
                slots = (slots + phase) % self.binding.period
            yield PlannedClip(needed, slots, indices, phase)

    def _build(self, plan: Plan) -> Batch:
        part = self._part(plan)
        if not self._frames:
            self._frames.append(Frames(self.videos, self.geometry, self.device))
        clips = self._frames[0].gather(part.videos, part.needed)
        frames = clips.float().div_(255) if part.change is None else part.change.apply(clips)
        if self.binding.appended:
            frames[(part.slots != NO_SLOT).to(self.device)] = 0.0  # black, whatever the change made of them
        slots = part.slots
        if self.crowd is not None:
            frames, slots = _with_the_pattern(frames, part)
        mirrored = part.change is not None and part.change.mirrored
        return Batch(
            frames,
            slots.to(self.device, non_blocking=True),
            self.clean_predictions[part.videos, int(mirrored)].to(self.device, non_blocking=True),
            self._path(part.size),
            _Defended(part, self.videos, self.binding.appended, self.crowd) if part.defenses else None,
        )

    def _part(self, plan: Plan) -> Plan:
        """This process's clips."""
        number, processes = self.process
        if processes == 1:
            return plan
        each = self.clips * self.draws // processes
        mine = slice(number * each, (number + 1) * each)
        return plan._replace(
            videos=plan.videos[mine], needed=plan.needed[mine], slots=plan.slots[mine], counts=plan.counts[mine],
            indices=plan.indices[mine], defenses=plan.defenses[mine], pattern_slots=plan.pattern_slots[mine],
            change=None if plan.change is None else plan.change.part_of(mine),
        )  # fmt: skip

    def _video_number(self, draw: int) -> int:
        """The video of a draw: a new random order for every round through the videos."""
        round_number, place = divmod(draw, len(self.videos))
        generator = seeded(self.seed, "round", round_number)
        return int(torch.randperm(len(self.videos), generator=generator)[place])

    def _path(self, size: tuple[int, int]) -> ResizePath:
        if size not in self._paths:
            path = self.geometry.path_matrices(self.delta_size, size)
            self._paths[size] = ResizePath(*(_sparse(one, self.device) for one in path))
        return self._paths[size]


@dataclass(frozen=True)
class _Defended:
    """What a plan's defenses make of a batch's clips; codecs code the clip's frames as one short video."""

    plan: Plan
    videos: Sequence[StoredVideo]
    appended: int
    crowd: Crowd | None

    def __call__(self, clips: Tensor, first: int) -> Tensor:
        """(b, S, 3, h, w), the clips of the batch from number `first` on -> (b, T, 3, h, w), rounded to whole levels."""
        plan = self.plan
        made = []
        for number, clip in enumerate(clips, start=first):
            defense = plan.defenses[number]
            if self.crowd is not None:
                pattern = clip[-plan.pattern_slots.shape[1] :] - GRAY
                defense = self.crowd.taught(defense, pattern, self.videos[plan.videos[number]].video.group)
            have, wanted = plan.needed[number, : plan.counts[number]], plan.indices[number]
            count = len(self.videos[plan.videos[number]].times) + self.appended
            if defense.depends_on == "stretch":
                have = wanted = torch.arange(len(wanted))
                count = len(wanted)
            defended = defense.defend(Clip(clip[: len(have)], have, count), wanted)
            if wants_gradient(clip) and not defended.requires_grad:
                defended = defended + 0 * clip.sum()  # a defense that cuts the gradient off gives zeros, not an error
            made.append(round_to_levels(defended))
        return torch.stack(made)


def _sparse(matrix: Tensor, device: torch.device) -> Tensor:
    """A matrix of a few numbers a row: without its zeros on a CPU; on a GPU as it is, where products cost nothing."""
    if device.type != "cpu":
        return matrix.to(device)
    with warnings.catch_warnings(action="ignore", category=UserWarning):  # torch says that these are young
        return matrix.to_sparse_csr()


def _with_the_pattern(frames: Tensor, plan: Plan) -> tuple[Tensor, Tensor]:
    """Clips (B, S, 3, h, w) with P gray frames at the end of each, and the slots (B, S + P) of all.

    The pattern is added to these frames as to all others, so a defense that is fitted on videos that carry it finds it there,
    and the gradient its way back.
    """
    last = frames.permute(0, 1, 3, 4, 2)  # as the frames lie in memory
    gray = last.new_full((len(last), plan.pattern_slots.shape[1], *last.shape[2:]), GRAY)
    return torch.cat([last, gray], 1).permute(0, 1, 4, 2, 3), torch.cat([plan.slots, plan.pattern_slots], 1)


def size_of_delta(geometry: Geometry) -> tuple[int, int]:
    """(h, w) of the pattern that is learned for a network: its own size, within a limit."""
    height, width = geometry.size
    return min(height, LARGEST_DELTA), min(width, LARGEST_DELTA)


def as_problem(
    source: BatchSource,
    network: InstrumentedClassifier,
    objective: Objective,
    budget: Budget,
    part: int,
    run: Run,
    together: Gather | None = None,
) -> Problem:
    """What an attack solves on a source's batches.

    Args:
        source: of batches; every size comes from it.
        network: that they go through.
        objective: what the attacker wants.
        budget: of delta.
        part: clips that go through the network at a time.
        run: is told of warnings.
        together: processes that learn the same delta; None: this one alone.
    """
    return Problem(
        network=network,
        draw=source.draw,
        objective=objective,
        budget=budget,
        binding=source.binding,
        shape=(source.binding.period, 3, *source.delta_size),
        frames=source.frames,
        classes=len(network.classifier.labels),
        seed=source.seed,
        device=source.device,
        together=together or Alone(),
        part=[part],
        say=lambda message: run.event("warning", message=message),
    )


def clean_predictions(classifier: Classifier, videos: Sequence[StoredVideo], seed: int, batch: int) -> Tensor:
    """What the classifier sees in each clean video and in its mirror image, with its own sampler: (videos, 2) int64.

    Args:
        classifier: on its device.
        videos: decoded.
        seed: of a sampler that draws.
        batch: clips at a time.
    """
    generator = seeded(seed, "clean predictions")
    device = classifier.mean.device
    clips = [
        classifier.geometry.crop(one.clip(classifier.sampler.choose(one.times, classifier.frames, 1, generator)[0]))
        for one in videos
    ]
    pairs = [torch.stack([clip, clip.flip(-1)]).to(device) for clip in clips]
    return torch.stack([in_batches(classifier.score, pair, batch).argmax(1).cpu() for pair in pairs])


def _padded(numbers: Tensor, length: int) -> Tensor:
    return torch.cat([numbers, numbers[-1:].expand(length - len(numbers))])


def _below(bound: int, generator: Generator) -> int:
    return int(torch.randint(0, bound, (), generator=generator))
