"""All attackers of a plan learn, in its order."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch

from lsap_cli.adaptive.learning.gradient_probe import GradientProbe, probe_gradient
from lsap_cli.adaptive.learning.learner import AttackerLearner
from lsap_cli.adaptive.learning.progress import measured_progress
from lsap_cli.adaptive.planning.attackers import Attacker
from lsap_cli.adaptive.planning.plan import AdaptivePlan, BudgetNoise
from lsap_cli.results.events import NoteEvent, StageEvent
from lsap_cli.results.ladders import FitThreshold
from perturbations import Perturbation
from perturbations.controls import noise_like


@dataclass(frozen=True)
class LearnedAttacks:
    """What was learned.

    Attributes:
        perturbations: by the name of the attack.
        probes: of each defense's gradient and output, by spec.
        thresholds: of detectors on clean fit videos, by spec.
    """

    perturbations: Mapping[str, Perturbation] = field(default_factory=dict)
    probes: Mapping[str, GradientProbe] = field(default_factory=dict)
    thresholds: Mapping[str, FitThreshold] = field(default_factory=dict)


def learn_attackers(plan: AdaptivePlan, given: Perturbation, learner: AttackerLearner) -> LearnedAttacks:
    """Learns every attack of a plan.

    Thresholds of detectors come first, as too few fit videos are refused there; then the gradient of each defense is
    tried, and the time of a step taken, so that the run says how long it takes before it begins.

    Args:
        plan: which attacks, in which order.
        given: whose shape and binding noise controls have.
        learner: that learns.

    Raises:
        LsapError: if an attacker cannot learn, or files of an earlier part of the run were made with other settings.
    """
    thresholds = {one.spec: learner.detector_threshold(one.detector) for one in plan.detector_ladders}
    probes = {ladder.spec: probe_gradient(ladder.base, learner) for ladder in plan.defense_ladders}
    attackers = plan.attackers
    learner.run.event(StageEvent(name="measuring how long a step takes", attackers=len(attackers)))
    progress = measured_progress(attackers, learner)
    steps = sum(one.steps for one in attackers)
    total = f"{len(attackers)} attackers, {steps} steps: about {_duration(progress.seconds)}"
    learner.run.event(NoteEvent(message=total))
    perturbations: dict[str, Perturbation] = {}
    for attack in plan.learning_order:
        if isinstance(attack, Attacker):
            begin, place = time.monotonic(), progress.next(attack)
            perturbations[attack.name] = learner.learn(attack, place)
            progress.done(time.monotonic() - begin)
        else:
            perturbations[attack.name] = _noise(attack, given, learner.setup.seed)
    return LearnedAttacks(perturbations, probes, thresholds)


def _noise(control: BudgetNoise, given: Perturbation, seed: int) -> Perturbation:
    zeros = Perturbation(torch.zeros_like(given.delta), given.binding, control.budget)
    return noise_like(zeros, seed)


def _duration(seconds: float) -> str:
    """Such as 2:05 h or 3 min."""
    minutes = max(1, round(seconds / 60))
    return f"{minutes // 60}:{minutes % 60:02d} h" if minutes >= 60 else f"{minutes} min"
