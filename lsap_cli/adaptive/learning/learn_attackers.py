"""All attackers of a plan learn, in its order."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch

from lsap_cli.adaptive.learning.gradient_probe import GradientProbe, probe_gradient
from lsap_cli.adaptive.learning.learner import AttackerLearner
from lsap_cli.adaptive.planning.attackers import Attacker
from lsap_cli.adaptive.planning.plan import AdaptivePlan, NoiseControl
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
    """Learns every attack of a plan. Thresholds of detectors come first, as too few fit videos are refused there.

    Args:
        plan: which attacks, in which order.
        given: whose shape and binding noise controls have.
        learner: that learns.
    """
    thresholds = {one.spec: learner.detector_threshold(one.detector) for one in plan.detector_ladders}
    perturbations: dict[str, Perturbation] = {}
    probes: dict[str, GradientProbe] = {}
    for ladder in plan.defense_ladders:
        probes[ladder.spec] = probe_gradient(ladder.base, learner)
        perturbations |= {one.name: learner.learn(one) for one in ladder.attackers}
    for detector_ladder in plan.detector_ladders:
        perturbations |= {one.name: learner.learn(one) for one in detector_ladder.attackers}
    for attack in plan.curve_attacks:
        perturbations[attack.name] = _of_curve(attack, given, learner)
    return LearnedAttacks(perturbations, probes, thresholds)


def _of_curve(attack: Attacker | NoiseControl, given: Perturbation, learner: AttackerLearner) -> Perturbation:
    if isinstance(attack, Attacker):
        return learner.learn(attack)
    silent = Perturbation(torch.zeros_like(given.delta), given.binding, attack.budget)
    return noise_like(silent, learner.setup.seed)
