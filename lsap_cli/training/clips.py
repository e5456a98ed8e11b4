"""Clips to learn from: drawn, cropped and mirrored at random, the same ones in the same step of every run."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torch.utils.data import Sampler as IndexSampler
from torchvision.transforms import v2

from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.datasets.store import StoredVideo
from lsap_cli.evaluation.protocol import EvaluationProtocol
from lsap_cli.learning.process_group import ProcessGroup
from lsap_cli.training.measuring import CurvePoint, measure_videos
from lsap_cli.training.settings import DEFAULT_SMALLEST_CROP, TrainSettings
from lsap_cli.training.steps import StepClips
from perturbations.samplers import Sampler, Segments, Uniform
from perturbations.seeds import seeded

RATIOS = (0.8, 1.25)  # width by height of what is cut out
JITTER = 0.2  # of brightness, contrast and saturation
Place = tuple[int, int]  # a step, and a clip's place in its batch


@dataclass(frozen=True)
class ClipFormat:
    """What clips look like.

    Attributes:
        frames: T.
        size: (height, width).
        sampler: of the network's own protocol.
        flip: whether half of the clips are mirrored.
        smallest_crop: the least share of a frame's area that is cut out, in (0, 1].
    """

    frames: int
    size: tuple[int, int]
    sampler: Sampler
    flip: bool
    smallest_crop: float = DEFAULT_SMALLEST_CROP

    @property
    def drawn_by(self) -> Sampler:
        """Draws frames to learn from: one at random of each segment, where the protocol takes the segments' middles."""
        return Segments() if isinstance(self.sampler, Uniform) else self.sampler

    def augmentation(self) -> v2.Transform:
        """(T, 3, h, w) uint8 to (T, 3, *size) uint8, all frames of a clip alike."""
        steps: list[v2.Transform] = [
            v2.RandomResizedCrop(self.size, scale=(self.smallest_crop, 1.0), ratio=RATIOS, antialias=True),
            v2.ColorJitter(brightness=JITTER, contrast=JITTER, saturation=JITTER),
        ]
        return v2.Compose([*steps, v2.RandomHorizontalFlip()] if self.flip else steps)


class ClipDataset(Dataset[tuple[Tensor, int]]):
    """One random clip for each place of each step. What is drawn depends on the seed and the place only.

    Args:
        videos: to learn from.
        order: which video a place has.
        format: of the clips.
    """

    def __init__(self, videos: Sequence[StoredVideo], order: "VideoOrder", format: ClipFormat) -> None:
        self._videos, self._order, self._format = videos, order, format
        self._augment = format.augmentation()

    def __getitem__(self, place: Place) -> tuple[Tensor, int]:
        """A clip (T, 3, *size) uint8 and its class."""
        stored = self._videos[self._order.video(*place)]
        generator = seeded(self._order.seed, "training clip", *place)
        clip = stored.clip(self._format.drawn_by.draw(stored.times, self._format.frames, generator))
        with torch.random.fork_rng(devices=[]):  # transforms draw from torch's own generator
            torch.manual_seed(int(torch.randint(2**31, (), generator=generator)))
            augmented: Tensor = self._augment(clip)
        return augmented, stored.video.labels[0]


@dataclass(frozen=True)
class VideoOrder:
    """Every video once an epoch, shuffled anew for each; the last batch of an epoch is filled from its beginning.

    Attributes:
        videos: how many there are.
        batch: clips of a step, over all processes.
        seed: of the shuffles.
    """

    videos: int
    batch: int
    seed: int

    @property
    def steps_per_epoch(self) -> int:
        """Updates in which every video is seen."""
        return -(-self.videos // self.batch)

    def video(self, step: int, place: int) -> int:
        """The number of the video at a place of a step's batch; steps count from 0."""
        epoch, within = divmod(step, self.steps_per_epoch)
        shuffled = torch.randperm(self.videos, generator=seeded(self.seed, "epoch", epoch))
        return int(shuffled[(within * self.batch + place) % self.videos])


class StepBatches(IndexSampler[list[Place]]):
    """The places of one process in each step's batch, from a step on, without end.

    Args:
        first: the step to begin with.
        places: of this process.
    """

    def __init__(self, first: int, places: range) -> None:
        self._first, self._places = first, places

    def __iter__(self) -> Iterator[list[Place]]:
        step = self._first
        while True:
            yield [(step, place) for place in self._places]
            step += 1


def clip_loader(
    dataset: ClipDataset, first: int, places: range, workers: int, pinned: bool
) -> DataLoader[tuple[Tensor, Tensor]]:
    """Batches of clips (B, T, 3, h, w) uint8 and classes (B,), from a step on, without end."""
    batches = StepBatches(first, places)
    return DataLoader(dataset, batch_sampler=batches, num_workers=workers, pin_memory=pinned)  # type: ignore[arg-type]  # its stub knows whole numbers as places only


class AugmentedClips:
    """The `ClipSource` of `train`: one random clip of each video, cropped, mirrored and changed in color.

    Args:
        videos: to learn from.
        settings: of the command.
        classifier: whose clips they are.
        group: of processes, which share each batch.
        device: where clips go.
    """

    def __init__(
        self,
        videos: Sequence[StoredVideo],
        settings: TrainSettings,
        classifier: Classifier,
        group: ProcessGroup,
        device: torch.device,
    ) -> None:
        self._settings, self._group, self._device = settings, group, device
        self._order = VideoOrder(len(videos), settings.batch, settings.seed)
        form = ClipFormat(
            classifier.frames,
            classifier.geometry.size,
            classifier.sampler,
            not settings.no_flip,
            settings.smallest_crop,
        )
        self._dataset = ClipDataset(videos, self._order, form)
        self._next: tuple[int, Iterator[tuple[Tensor, Tensor]]] | None = None

    @property
    def steps_per_epoch(self) -> int:
        return self._order.steps_per_epoch

    def clips(self, step: int) -> StepClips:
        """The next step of the loader; a step out of order begins a new one."""
        if self._next is None or self._next[0] != step:
            share = self._settings.batch // self._group.processes
            places = range(self._group.number * share, (self._group.number + 1) * share)
            self._next = (step, iter(self._loader(step, places)))
        clips, targets = next(self._next[1])
        self._next = (step + 1, self._next[1])
        return StepClips(self._pixels(clips), targets.to(self._device))

    def statistics_clips(self, first: int, steps: int) -> Iterator[Tensor]:
        batches = itertools.islice(self._loader(first, range(self._settings.batch)), steps)
        return (self._pixels(clips) for clips, _ in batches)

    def measure(self, protocol: EvaluationProtocol, videos: Sequence[StoredVideo]) -> CurvePoint:
        return measure_videos(protocol, videos).point

    def state(self) -> dict[str, Tensor]:
        return {}

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """It has none."""

    def _pixels(self, clips: Tensor) -> Tensor:
        return clips.to(self._device).float().div_(255)

    def _loader(self, first: int, places: range) -> DataLoader[tuple[Tensor, Tensor]]:
        return clip_loader(self._dataset, first, places, self._settings.workers, self._device.type == "cuda")
