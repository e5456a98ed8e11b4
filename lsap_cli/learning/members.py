"""The perturbations that one command learns, and the problem that each of them solves."""

from dataclasses import dataclass

from torch import Tensor

from lsap_cli.learning.batches import BatchSource, as_problem, size_of_delta
from lsap_cli.learning.process_group import process_number
from lsap_cli.learning.schedule import QuickVerification, Watch
from lsap_cli.learning.task import Settings, Task
from lsap_cli.learning.training_videos import Footage
from lsap_cli.learning.verification import PERTURBED
from lsap_cli.runs import Run
from perturbations import Perturbation
from perturbations.augment import Augmentation
from perturbations.learn import State
from perturbations.problem import Gather, Problem
from perturbations.samplers import Sampler


@dataclass(frozen=True)
class Member:
    """One of the perturbations that a command learns: the one it was asked for, and those it is compared with.

    Attributes:
        name: in rows, events and file names.
        seed: of everything that is drawn.
        fitted: samplers that it is learned through.
    """

    name: str
    seed: int
    fitted: dict[str, Sampler]


@dataclass(frozen=True)
class Learned:
    """What came of a member."""

    member: Member
    perturbation: Perturbation
    state: State
    watch: Watch


def make_members(task: Task, settings: Settings) -> list[Member]:
    """The perturbation that was asked for first, then more seeds, then one for each sampler alone."""
    members = [Member(PERTURBED, settings.seed, task.fitted)]
    for number in range(1, settings.seeds):
        members.append(Member(f"{PERTURBED} seed {settings.seed + number}", settings.seed + number, task.fitted))
    if settings.matrix:
        members += [Member(f"fitted to {spec}", settings.seed, {spec: one}) for spec, one in task.fitted.items()]
    return members


def make_problem(
    task: Task,
    footage: Footage,
    member: Member,
    clean: Tensor,
    settings: Settings,
    together: Gather,
    run: Run,
) -> Problem:
    """The problem of one member.

    Args:
        task: what all members have in common.
        footage: videos to learn from.
        member: which perturbation.
        clean: predictions of the fit videos, from `clean_predictions`.
        settings: sizes of batches.
        together: processes that learn it.
        run: is told of warnings.
    """
    classifier = task.classifier
    one_video = settings.learn_from == "one-video"
    source = BatchSource(
        videos=footage.fit,
        clean_predictions=clean,
        samplers=list(member.fitted.values()),
        frames=classifier.frames,
        geometry=classifier.geometry,
        binding=task.binding,
        delta_size=size_of_delta(classifier.geometry),
        augmentation=None if one_video else Augmentation(),
        clips=settings.batch,
        seed=member.seed,
        device=task.device,
        defenses=(None, *task.through.values()),
        pool=settings.pool,
        process=(process_number(), together.processes),
    )
    part = settings.micro_batch or settings.batch
    return as_problem(source, task.network, task.objective, task.budget, part, run, together)


def make_verification(task: Task, footage: Footage, problem: Problem, settings: Settings) -> QuickVerification | None:
    """What watches a problem being solved; in the first process only."""
    if process_number() > 0:
        return None
    held_out = list(task.held_out.values())
    return QuickVerification(
        task.classifier, task.network, footage.verify, held_out, problem, settings.seed, settings.batch
    )
