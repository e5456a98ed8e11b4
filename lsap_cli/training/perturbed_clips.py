"""Clips for adversarial training: those that `generate` learns from, with a perturbation in them that grows with it."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import final

import torch
from torch import Generator, Tensor
from torch.nn.functional import nll_loss

from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.datasets.store import StoredVideo
from lsap_cli.errors import LsapError
from lsap_cli.evaluation.protocol import EvaluationProtocol, NoPrediction
from lsap_cli.learning.batch_planning import BatchSettings, plan_given_clips
from lsap_cli.learning.batches import BatchSource
from lsap_cli.learning.process_group import ProcessGroup
from lsap_cli.results.rates import rate
from lsap_cli.training.harden_settings import HardenSettings
from lsap_cli.training.measuring import SMALLEST, CurvePoint
from lsap_cli.training.pgd import ascended, own_perturbations, with_own
from lsap_cli.training.steps import StepClips
from perturbations.adding import add_float
from perturbations.attacks.sgd_uap import SgdUap
from perturbations.bindings import NO_SLOT
from perturbations.budgets import Budget
from perturbations.problem import Batch
from perturbations.resizing import with_empty_slot
from perturbations.seeds import seeded

DELTAS, VELOCITIES = "deltas", "velocities"  # in the state of universal clips: (N, P, 3, h, w) each
PGD_STATISTICS_BATCHES = 4  # each of their clips takes as many passes as the ascent has steps


@dataclass(frozen=True)
class HardeningSetup:
    """What all ways to harden have in common.

    Attributes:
        settings: of the command.
        classifier: that is hardened, on its device.
        batches: how clips are drawn; `clean_predictions` of them are the videos' labels.
        budget: of perturbations.
        group: of processes.
    """

    settings: HardenSettings
    classifier: Classifier
    batches: BatchSettings
    budget: Budget
    group: ProcessGroup


class HardeningClips(ABC):
    """A `ClipSource` of `harden`. It owns threads that plan batches; use it as a context manager.

    Args:
        setup: what it is made of.
    """

    def __init__(self, setup: HardeningSetup) -> None:
        self.setup = setup
        self._source = BatchSource(setup.batches)
        self._measured: BatchSource | None = None
        self._state: dict[str, Tensor] = {}

    def __enter__(self) -> "HardeningClips":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for source in (self._source, self._measured):
            if source is not None:
                source.__exit__(kind, error, trace)

    @abstractmethod
    def perturbed(self, batch: Batch, generator: Generator) -> Tensor:
        """The clips of a batch with a perturbation in them, before any defense: (B, S, 3, h, w)."""

    @property
    def steps_per_epoch(self) -> int:
        return -(-len(self.setup.batches.videos) // self.setup.batches.clips)

    def clips(self, step: int) -> StepClips:
        batch = self.draw(step)
        return StepClips(self._shown(batch, step), batch.clean_predictions)

    def statistics_clips(self, first: int, steps: int) -> Iterable[Tensor]:
        return (self._shown(self.draw(step), step) for step in range(first, first + steps))

    def state(self) -> dict[str, Tensor]:
        return self._state

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        self._state = {name: value.to(self.setup.batches.device) for name, value in state.items()}

    def draw(self, step: int) -> Batch:
        """The batch of a step; its first clips, the share that stays clean, get no slot of a perturbation."""
        batch = self._source.draw(step)
        clean = round(self.setup.settings.clean_share * len(batch.frames))
        slots = batch.slots.clone()
        slots[:clean] = NO_SLOT
        return batch._replace(slots=slots)

    def noisy(self, clips: Tensor, generator: Generator) -> Tensor:
        """Clips with Gaussian noise, not cut to [0, 1], as randomized smoothing adds it (Cohen et al., ICML 2019)."""
        sigma = self.setup.settings.noise
        if sigma is None:
            return clips
        return clips + sigma * torch.randn(clips.shape, generator=generator).to(clips.device)

    def measure(self, protocol: EvaluationProtocol, videos: Sequence[StoredVideo]) -> CurvePoint:
        """Accuracy clean and under what the network is hardened against, both behind the defense where there is one.

        The loss is the mean of both: early stopping must not trade one for the other.
        """
        if self._measured is None:
            self._measured = BatchSource(
                replace(self.setup.batches, videos=videos, clean_predictions=labels_of_videos(videos))
            )
        source, losses = self._measured, list[float]()
        right: dict[bool, list[bool]] = {False: [], True: []}
        for number, stored in enumerate(videos):
            views = protocol.clip_indices(stored.video, protocol.first_sampler, stored.times)
            name = stored.video.name
            batch = source.build(
                plan_given_clips(source.settings, number, list(views), self._generator("defense", name))
            )
            for attacked in right:
                clips = batch.frames
                if attacked:
                    clips = self.perturbed(batch, self._generator("perturbation", name)).detach()
                with torch.no_grad():
                    defended = batch.through(clips)
                    shown = self.noisy(defended, self._generator("noise", name)) if attacked else defended
                    try:
                        mean = protocol.scores(shown).mean(0)
                    except NoPrediction as error:
                        raise LsapError(f"{name}: {error}; train with a lower --learning-rate", 1) from None
                label = torch.tensor([stored.video.labels[0]])
                losses.append(float(nll_loss(mean.clamp(min=SMALLEST).log()[None], label)))
                right[attacked].append(int(mean.argmax()) in stored.video.labels)
        accuracy, attacked_accuracy = rate(right[False]), rate(right[True])
        assert accuracy is not None  # no part of a split is empty
        return CurvePoint(sum(losses) / len(losses), accuracy, attacked_accuracy)

    def _shown(self, batch: Batch, step: int) -> Tensor:
        """What the network gets of a step's batch: (B, T, 3, h, w)."""
        clips = batch.through(self.perturbed(batch, self._generator("perturbation", step)))
        return self.noisy(clips, self._generator("noise", step)).detach()

    def _generator(self, what: str, key: object) -> Generator:
        return seeded(self.setup.settings.seed, what, key, self.setup.group.number)


@final
class UniversalClips(HardeningClips):
    """Universal deltas, which take a step uphill with each update of the weights, from the same gradient.

    Universal adversarial training (Shafahi et al., AAAI 2020, algorithm 3). A clip whose loss is beyond the limit no
    longer moves its delta (eq. 5). Algorithm 3 has one delta, which the network can learn to withstand alone. Here
    several stand side by side, each clip of a batch carries one of them, and in turn the oldest begins anew at random.
    Their steps follow accumulated gradients: the few clips of one batch say little of what fools all videos.
    """

    def __init__(self, setup: HardeningSetup) -> None:
        super().__init__(setup)
        batches, count = setup.batches, setup.settings.patterns
        shape = (count, batches.binding.period, 3, *batches.learned_size)
        zeros = torch.zeros(shape, device=batches.device)
        others = [self._begun(number, zeros[0]) for number in range(1, count)]  # of zeros all would stay alike
        self._state = {DELTAS: torch.stack([zeros[0], *others]), VELOCITIES: zeros}

    @property
    def delta(self) -> Tensor:
        """The oldest one, (P, 3, h, w) float32, within the budget, in [0, 1] pixel units."""
        return self._deltas[0]

    @property
    def _deltas(self) -> Tensor:
        """The oldest first: (N, P, 3, h, w)."""
        return self._state[DELTAS]

    def perturbed(self, batch: Batch, generator: Generator) -> Tensor:
        return batch.perturbed(self.delta)

    def clips(self, step: int) -> StepClips:
        settings, budget = self.setup.settings, self.setup.budget
        if settings.restart and step and step % settings.restart == 0:
            self._begin_anew(step)
        batch = self.draw(step)
        parts = [batch.path.forward(delta)[:-1] for delta in self._deltas]
        pattern = with_empty_slot(torch.cat(parts)).detach().requires_grad_()
        perturbed = add_float(batch.frames, pattern, self._slots_of_patterns(batch.slots), rounded=True)
        counted: list[Tensor] = []

        def losses_known(losses: Tensor) -> None:
            counted.append((losses < SgdUap.limit).to(perturbed.dtype).view(-1, 1, 1, 1, 1))

        def gradients_known() -> None:
            assert pattern.grad is not None
            by_delta = batch.path.backward(self.setup.group.total(pattern.grad)).unflatten(0, self._deltas.shape[:2])
            moved = [
                ascended(*parts, budget, settings.delta_step, settings.delta_momentum)
                for parts in zip(self._deltas, by_delta, self._state[VELOCITIES], strict=True)
            ]
            deltas, velocities = map(torch.stack, zip(*moved, strict=True))
            self._state = {DELTAS: deltas, VELOCITIES: velocities}

        perturbed.register_hook(lambda by_clips: by_clips * counted[0] if counted else by_clips)
        clips = self.noisy(batch.through(perturbed), self._generator("noise", step))
        return StepClips(clips, batch.clean_predictions, losses_known, gradients_known)

    def _begin_anew(self, step: int) -> None:
        """Puts a new delta in the place of the oldest, behind the others."""
        velocities = self._state[VELOCITIES]
        self._state = {
            DELTAS: torch.cat([self._deltas[1:], self._begun(step, self.delta)[None]]),
            VELOCITIES: torch.cat([velocities[1:], torch.zeros_like(velocities[:1])]),
        }

    def _slots_of_patterns(self, slots: Tensor) -> Tensor:
        """Slots (B, S) among those of all deltas: the clips carry the deltas in turn."""
        count, period = self._deltas.shape[:2]
        first = (torch.arange(len(slots), device=slots.device) % count * period)[:, None]
        return torch.where(slots == NO_SLOT, slots, slots + first)

    def _begun(self, number: int, like: Tensor) -> Tensor:
        """A delta at a random place within the budget, the same in all processes of a group."""
        drawn = torch.rand(like.shape, generator=seeded(self.setup.settings.seed, "pattern", number)) * 2 - 1
        return self.setup.budget.project(float(self.setup.budget.epsilon) * drawn.to(like.device))


@final
class PgdClips(HardeningClips):
    """A perturbation of its own for each clip, learned against the network in evaluation mode (Madry et al., 2018)."""

    def perturbed(self, batch: Batch, generator: Generator) -> Tensor:
        setup = self.setup
        setup.classifier.network.eval()
        delta = own_perturbations(batch, setup.classifier.score, setup.budget, setup.settings.pgd_steps, generator)
        return with_own(batch, delta)

    def statistics_clips(self, first: int, steps: int) -> Iterable[Tensor]:
        """Made before the statistics are taken, which the ascent needs."""
        fewer = min(steps, PGD_STATISTICS_BATCHES)
        return [*super().statistics_clips(first + steps - fewer, fewer)]


@final
class NoisyClips(HardeningClips):
    """Gaussian noise alone."""

    def perturbed(self, batch: Batch, generator: Generator) -> Tensor:
        return batch.frames


HARDENING_METHODS: dict[str, type[HardeningClips]] = {
    "universal": UniversalClips,
    "pgd": PgdClips,
    "noise": NoisyClips,
}


def labels_of_videos(videos: Sequence[StoredVideo]) -> Tensor:
    """The labels of videos where batches hold clean predictions: (videos, 2) int64, of each and of its mirror image."""
    return torch.tensor([[one.video.labels[0]] * 2 for one in videos])
