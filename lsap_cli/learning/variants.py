"""The perturbations that one `generate` learns: the one it was asked for, and those it is compared with."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from torch import Tensor

from lsap_cli.learning.process_group import ProcessGroup
from lsap_cli.learning.settings import GenerateSettings
from lsap_cli.learning.task import LearningTask
from lsap_cli.learning.training_videos import TrainingVideos
from lsap_cli.results.rates import Rate
from lsap_cli.runs import Run
from perturbations import Perturbation
from perturbations.samplers import Sampler

PERTURBED = "perturbed"  # the perturbation that was asked for, in rows and events


@dataclass(frozen=True)
class LearningVariant:
    """One of the perturbations that a command learns.

    Attributes:
        name: in rows, events and file names.
        seed: of everything that is drawn.
        fitted: samplers that it is learned through, by spec.
    """

    name: str
    seed: int
    fitted: dict[str, Sampler]

    def path(self, out: Path, folder: Path) -> Path:
        """Where it is written: what was asked for to `out`, more seeds beside it, the rest into the run folder."""
        if self.name == PERTURBED:
            return out
        if self.name.startswith(PERTURBED):
            return out.with_name(f"{out.stem}-seed{self.seed}{out.suffix}")
        return folder / f"{self.name.replace(' ', '-').replace(':', '-')}.safetensors"


@dataclass(frozen=True)
class LearningRun:
    """What holds for all variants that one command learns.

    Attributes:
        settings: as the user gave them.
        task: the objects that they name.
        videos: decoded and split.
        group: the processes that share the learning.
        run: gets events and states.
        resume: whether to go on from the states in the run's folder.
        clean: (videos to learn from, 2) int64, predictions of each and of its mirror image.
        others: with several models, the same run as it is for the second model and for those after it: their tasks,
            videos and clean predictions.
    """

    settings: GenerateSettings
    task: LearningTask
    videos: TrainingVideos
    group: ProcessGroup
    run: Run
    resume: bool
    clean: Tensor
    others: tuple["LearningRun", ...] = ()

    @property
    def networks(self) -> tuple["LearningRun", ...]:
        """The run as it is for each model."""
        return replace(self, others=()), *self.others


@dataclass(frozen=True)
class LearnedDelta:
    """What learning one variant gives, wherever it was learned.

    Attributes:
        delta: (P, 3, h, w) float32, on the CPU.
        steps: of learning.
        seconds: of learning, in all parts of a resumed run.
        converged: whether learning ended because nothing was left to win.
        warnings: reasons not to take the perturbation for the best one.
        queries: clips that the attack asked the network about, in all parts of a resumed run.
        stage_rates: of stages before a file (`lsap_cli.results.way_stages`), the rates by sampler; empty where they
            were not measured.
    """

    delta: Tensor
    steps: int
    seconds: float
    converged: bool
    warnings: tuple[str, ...]
    queries: int
    stage_rates: Mapping[str, Mapping[str, Rate | None]]


@dataclass(frozen=True)
class LearnedVariant:
    """A variant's perturbation, and how learning went.

    Attributes:
        variant: which one.
        perturbation: with the record of its learning.
        learned: what it was made of.
    """

    variant: LearningVariant
    perturbation: Perturbation
    learned: LearnedDelta


def make_variants(task: LearningTask, settings: GenerateSettings) -> list[LearningVariant]:
    """The perturbation that was asked for first, then more seeds, then one for each sampler alone."""
    variants = [LearningVariant(PERTURBED, settings.seed, task.fitted)]
    for seed in range(settings.seed + 1, settings.seed + settings.seeds):
        variants.append(LearningVariant(f"{PERTURBED} seed {seed}", seed, task.fitted))
    if settings.matrix:
        variants += [
            LearningVariant(f"fitted to {spec}", settings.seed, {spec: sampler})
            for spec, sampler in task.fitted.items()
        ]
    return variants
