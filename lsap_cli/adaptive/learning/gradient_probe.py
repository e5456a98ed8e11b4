"""Whether the gradient through a defense is useful, and whether the defense returns a valid video."""

from contextlib import suppress

import msgspec
import torch
from torch import Tensor

from defenses import Clip, Defense
from lsap_cli.adaptive.learning.learner import AttackerLearner
from lsap_cli.adaptive.planning.attackers import Attacker
from lsap_cli.results.events import StageEvent
from lsap_cli.results.files import encode_document, write_atomically
from perturbations import Binding
from perturbations.attacks.base import objective_loss, small_noise
from perturbations.gradients import gradient_at, losses_at
from perturbations.problem import Problem
from perturbations.seeds import seeded

BATCHES = 3  # on which a gradient is tried
VIDEOS = 3  # that a defense is tried on


class GradientProbe(msgspec.Struct, frozen=True, kw_only=True):
    """What a few batches and videos show of a defense.

    Attributes:
        without_gradient: batches in which no gradient reached the perturbation.
        batches: that were tried.
        along: mean decrease of the margin, in logits, by a step of half the budget along the gradient.
        by_chance: the same for a step of that size along random signs.
        low: smallest value of the defended frames.
        high: largest.
        shape_kept: whether the number and size of frames were kept, with finite values.
    """

    without_gradient: int
    batches: int
    along: float
    by_chance: float
    low: float
    high: float
    shape_kept: bool


def probe_gradient(attacker: Attacker, learner: AttackerLearner) -> GradientProbe:
    """Tries the gradient of an attacker and looks at the output of its defense.

    What an earlier part of the run has found is loaded.

    Raises:
        LsapError: if that was with other settings.
    """
    learner.files.begin(attacker)
    path = learner.files.path(attacker, ".probe.json")
    if learner.resume and path.exists():
        with suppress(msgspec.DecodeError):  # a damaged file is made anew
            return msgspec.json.decode(path.read_bytes(), type=GradientProbe)
    learner.run.event(StageEvent(name=f"trying the gradient: {attacker.name}", steps=BATCHES, seconds=None))
    with learner.problem(attacker) as problem:
        probe = _probe(attacker, problem, learner)
    write_atomically(path, encode_document(probe))
    return probe


def _probe(attacker: Attacker, problem: Problem, learner: AttackerLearner) -> GradientProbe:
    loss = objective_loss(confidence=float("inf"))
    start, half = small_noise(problem), problem.epsilon / 2
    without, along, by_chance = 0, 0.0, 0.0
    for number in range(BATCHES):
        batch = problem.draw(number)
        result = gradient_at(problem, batch, start, loss)
        without += int(not bool(result.gradient.abs().max() > 0))
        noise = torch.randn(problem.shape, generator=seeded(learner.setup.seed, "probe", number))
        directions = (result.gradient.sign(), noise.sign().to(problem.device))
        before = float(result.losses.mean())
        moved = [problem.budget.project(start - half * direction) for direction in directions]
        after = [float(losses_at(problem, batch, delta, loss).losses.mean()) for delta in moved]
        along += (before - after[0]) / BATCHES
        by_chance += (before - after[1]) / BATCHES
    low, high, kept = _output(attacker.defense, attacker.binding, learner)
    return GradientProbe(
        without_gradient=without,
        batches=BATCHES,
        along=along,
        by_chance=by_chance,
        low=low,
        high=high,
        shape_kept=kept,
    )


def _output(defense: Defense | None, binding: Binding, learner: AttackerLearner) -> tuple[float, float, bool]:
    """Smallest and largest value that a defense makes of a few fit videos, and whether shapes are kept."""
    if defense is None:
        return 0.0, 1.0, True
    setup = learner.setup
    values: list[Tensor] = []
    kept = True
    fitted = learner.fitted_defense(defense, binding)
    for stored in setup.videos[:VIDEOS]:
        generator = seeded(setup.seed, "output", stored.video.name)
        indices = setup.samplers[0].draw(stored.times, setup.classifier.frames, generator)
        count = len(stored.times)
        drawn = defense.draw(generator)
        needed = drawn.needs(indices, count)
        frames = stored.clip(needed).float() / 255
        if fitted is not None:
            no_pattern = torch.zeros(binding.period, *frames.shape[1:])
            drawn = fitted.fit(drawn, no_pattern, stored.video.group)
        defended = drawn.defend(Clip(frames, needed, count), indices)
        kept = kept and defended.shape == (len(indices), *frames.shape[1:])
        values.append(defended.flatten())
    every = torch.cat(values)
    return float(every.min()), float(every.max()), kept and bool(every.isfinite().all())
