"""Learns a perturbation for one video: projected gradient descent with momentum, through samplers and a defense.

Madry et al., ICLR 2018; momentum: Dong et al., CVPR 2018. The pattern has the binding and the budget of the universal
ones and goes the same way to the network, but it is learned on the very video, and on the very clips of it that are
judged. What that cannot break, a pattern for all videos is not expected to.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from defenses import Defense
from lsap_cli.adaptive.learning.fit_videos import AttackedClassifier
from lsap_cli.datasets.store import StoredVideo
from lsap_cli.learning.batch_planning import BatchSettings, plan_given_clips
from lsap_cli.learning.batches import BatchSource
from lsap_cli.learning.problems import learned_delta_size, make_problem
from lsap_cli.runs import Run
from perturbations import Binding, Budget, Perturbation
from perturbations.attacks.base import CONFIDENCE, objective_loss
from perturbations.attacks.lsap import Lsap
from perturbations.gradients import gradient_at
from perturbations.problem import Problem
from perturbations.seeds import seeded
from perturbations.updates import Memory, Momentum

MOST_STEPS = 20
STEP = Momentum(first_step=0.25, schedule="constant")  # 2/255 of a budget of 8/255
DRAWS = 2  # of a random defense, for each clip of a step
IN_A_ROW = 3  # steps that must win all clips behind fresh draws of a random defense
WON_BY = 3.0  # logits beyond the border at which a clip is left alone: defenses work at the size of the video


class OwnPattern(NamedTuple):
    """What was learned for one video, and in how many steps."""

    perturbation: Perturbation
    steps: int


def learn_own_pattern(
    stored: StoredVideo,
    clips: Sequence[Tensor],
    defense: Defense | None,
    like: tuple[Binding, Budget],
    attacked: AttackedClassifier,
    run: Run,
) -> OwnPattern:
    """Learns until every clip is won, or for `MOST_STEPS`.

    Args:
        stored: the video's frames at the network's size.
        clips: (T,) int64 frame indices of each clip that is judged.
        defense: that is learned through, with the gradient that an attacker uses; None: none.
        like: binding and budget of the pattern.
        attacked: the network, and what the attacker wants.
        run: gets warnings.

    Raises:
        ValueError: if a score is not finite.
    """
    binding, budget = like
    random = defense is not None and not defense.deterministic
    shown = list(clips) * (clips_of_a_step(len(clips), defense) // len(clips))
    with BatchSource(_settings(stored, len(shown), defense, like, attacked)) as source:
        problem = make_problem(source, attacked.network, attacked.objective, budget, len(shown), run)
        clean = _clean_predictions(source, shown, attacked)
        delta, steps = _descend(source, problem, shown, clean, random)
    record = {"method": "pgd", "steps": steps, "seed": attacked.seed, "video": stored.video.name}
    return OwnPattern(Perturbation(delta.cpu(), binding, budget, record, source.settings.resize), steps)


def clips_of_a_step(clips: int, defense: Defense | None) -> int:
    """How many clips one step takes for a video that is judged by so many: each once for every draw of the defense."""
    return clips * (1 if defense is None or defense.deterministic else DRAWS)


def _descend(
    source: BatchSource, problem: Problem, clips: Sequence[Tensor], clean: Tensor, random: bool
) -> tuple[Tensor, int]:
    """The delta that wins most clips (behind a random defense: the last one), and the steps taken."""
    loss, memory = objective_loss(confidence=CONFIDENCE), Memory()
    delta = best = problem.zeros()
    best_key = (-1, 0.0)
    name, in_a_row = source.settings.videos[0].video.name, 0
    for step in range(MOST_STEPS + 1):
        plan = plan_given_clips(source.settings, 0, clips, seeded(problem.seed, "own pattern", name, step))
        result = gradient_at(problem, source.build(plan)._replace(clean_predictions=clean), delta, loss)
        won = int((result.losses <= -WON_BY).sum())
        key = won, -float(result.losses.mean())
        if random or key > best_key:
            best, best_key = delta, key
        in_a_row = in_a_row + 1 if won == len(clips) else 0
        if step == MOST_STEPS or in_a_row >= (IN_A_ROW if random else 1):
            return best, step
        delta = STEP.next(delta, result.gradient, memory, problem.budget, step / MOST_STEPS)
    raise AssertionError


def _clean_predictions(source: BatchSource, clips: Sequence[Tensor], attacked: AttackedClassifier) -> Tensor:
    """The classes of the clean, undefended clips, (B,) int64."""
    stored, classifier = source.settings.videos[0], attacked.network.classifier
    with torch.no_grad():
        frames = torch.stack([classifier.geometry.crop(stored.clip(one)) for one in clips]).to(attacked.device)
        return classifier.score(frames.float() / 255).argmax(1)


def _settings(
    stored: StoredVideo,
    clips: int,
    defense: Defense | None,
    like: tuple[Binding, Budget],
    attacked: AttackedClassifier,
) -> BatchSettings:
    classifier = attacked.network.classifier
    return BatchSettings(
        videos=[stored],
        clean_predictions=torch.zeros(1, 2, dtype=torch.int64),  # each clip has its own: `_clean_predictions`
        samplers=(),
        frames=classifier.frames,
        geometry=classifier.geometry,
        binding=like[0],
        delta_size=learned_delta_size(classifier.geometry),
        resize=Lsap.resize,
        budget=like[1],
        augmentation=None,
        clips=clips,
        seed=attacked.seed,
        device=attacked.device,
        defenses=(defense,),
    )
