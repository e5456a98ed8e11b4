"""Batches for learning, drawn from the frame store. A batch depends on its number and the seed, on nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Generator, Tensor

from lsap_cli.classifiers.geometry import Geometry
from lsap_cli.datasets.store import StoredVideo
from perturbations import Binding
from perturbations.augment import Augmentation
from perturbations.learn import Batch
from perturbations.samplers import Sampler
from perturbations.seeds import seeded


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
        clips: B.
        seed: of everything that is drawn.
        device: where batches go.
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
    _paths: dict[tuple[int, int], tuple[Tensor, Tensor]] = field(default_factory=dict)

    def draw(self, step: int) -> Batch:
        """The batch of a step."""
        generator = seeded(self.seed, "batch", step)
        numbers = [self._video_number(step * self.clips + place) for place in range(self.clips)]
        clips, slots, mirrored = zip(*(self._clip(self.videos[number], generator) for number in numbers), strict=True)
        size = self.videos[int(torch.randint(len(self.videos), (), generator=generator))].size
        rows, columns = self._path(size)
        return Batch(
            torch.stack(clips),
            torch.stack(slots).to(self.device),
            self.clean_predictions[numbers, list(map(int, mirrored))].to(self.device),
            rows,
            columns,
        )

    def _clip(self, stored: StoredVideo, generator: Generator) -> tuple[Tensor, Tensor, bool]:
        sampler = self.samplers[int(torch.randint(len(self.samplers), (), generator=generator))]
        indices = sampler.draw(stored.times, self.frames, generator)
        phase = int(torch.randint(self.binding.period, (), generator=generator))
        slots = self.binding.slots(indices, len(stored.times))
        if self.binding.kind == "cyclic":
            slots = (slots + phase) % self.binding.period
        clip = self.geometry.crop(stored.clip(indices)).to(self.device)
        if self.augmentation is None:
            return clip.float() / 255, slots, False
        mirrored = self.augmentation.mirrors(generator)
        return self.augmentation.apply(clip.flip(-1) if mirrored else clip, generator), slots, mirrored

    def _video_number(self, draw: int) -> int:
        """The video of a draw: a new random order for every round through the videos."""
        round_number, place = divmod(draw, len(self.videos))
        generator = seeded(self.seed, "round", round_number)
        return int(torch.randperm(len(self.videos), generator=generator)[place])

    def _path(self, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
        if size not in self._paths:
            rows, columns = self.geometry.path_matrices(self.delta_size, size)
            self._paths[size] = rows.to(self.device), columns.to(self.device)
        return self._paths[size]
