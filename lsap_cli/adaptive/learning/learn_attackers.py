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
from lsap_cli.results.ladders import WHY_STOPPED, AttackerEffort, FitThreshold, StopReason
from lsap_cli.runs import Run
from perturbations import Perturbation
from perturbations.controls import noise_like


@dataclass(frozen=True)
class LearnedAttacks:
    """What was learned.

    Attributes:
        perturbations: by the name of the attack.
        probes: of each defense's gradient and output, by spec.
        thresholds: of detectors on clean fit videos, by spec.
        efforts: what attackers spent and why they stopped, by name.
        ladder: `fast` or `full`, as it was run; empty where nothing was learned.
    """

    perturbations: Mapping[str, Perturbation] = field(default_factory=dict)
    probes: Mapping[str, GradientProbe] = field(default_factory=dict)
    thresholds: Mapping[str, FitThreshold] = field(default_factory=dict)
    efforts: Mapping[str, AttackerEffort] = field(default_factory=dict)
    ladder: str = ""

    def begins_at_zeros(self, attack: str) -> bool:
        """Whether an attacker began at nothing that was known before."""
        effort = self.efforts.get(attack)
        return effort is None or effort.begins_at == "zeros"


def learn_attackers(
    plan: AdaptivePlan, given: Perturbation, learner: AttackerLearner, time_budget: float | None = None
) -> LearnedAttacks:
    """Learns every attack of a plan to its end: `--ladder full`.

    Thresholds of detectors come first, as too few fit videos are refused there; then the gradient of each defense is
    tried, and the time of a step taken, so that the run says how long it takes before it begins.

    Args:
        plan: which attacks, in which order.
        given: whose shape and binding noise controls have.
        learner: that learns.
        time_budget: seconds that all attackers together may learn; None: no limit.

    Raises:
        LsapError: if an attacker cannot learn, or files of an earlier part of the run were made with other settings.
    """
    thresholds, probes = measured_before(plan, learner)
    attackers = plan.attackers
    learner.run.event(StageEvent(name="measuring how long a step takes", attackers=len(attackers)))
    progress = measured_progress(attackers, learner)
    say_total(learner.run, len(attackers), sum(one.steps for one in attackers), progress.seconds)
    perturbations: dict[str, Perturbation] = {}
    efforts: dict[str, AttackerEffort] = {}
    spent = 0.0
    for attack in plan.learning_order:
        if isinstance(attack, Attacker):
            begin, left = time.monotonic(), None if time_budget is None else max(0.01, time_budget - spent)
            place = progress.next(attack, left)
            perturbations[attack.name] = learner.learn(attack, place)
            progress.done(time.monotonic() - begin)
            efforts[attack.name] = _effort(attack, learner)
            spent += efforts[attack.name].seconds
    return LearnedAttacks(
        perturbations | noises(plan, given, learner.setup.seed), probes, thresholds, efforts, ladder="full"
    )


def measured_before(
    plan: AdaptivePlan, learner: AttackerLearner
) -> tuple[dict[str, FitThreshold], dict[str, GradientProbe]]:
    """What is measured before anything is learned: thresholds of detectors, gradients of defenses, by spec."""
    thresholds = {one.spec: learner.detector_threshold(one.detector) for one in plan.detector_ladders}
    return thresholds, {ladder.spec: probe_gradient(ladder.base, learner) for ladder in plan.defense_ladders}


def say_total(run: Run, attackers: int, steps: int, seconds: float, at_most: bool = False) -> None:
    """How much is learned, and for about how long."""
    limit = "at most " if at_most else ""
    run.event(
        NoteEvent(message=f"{attackers} attackers, {limit}{steps} steps: {limit or 'about '}{_duration(seconds)}")
    )


def noises(plan: AdaptivePlan, given: Perturbation, seed: int) -> dict[str, Perturbation]:
    """The noise controls that a plan draws, by name."""
    return {one.name: _noise(one, given, seed) for one in plan.learning_order if isinstance(one, BudgetNoise)}


def _effort(attacker: Attacker, learner: AttackerLearner) -> AttackerEffort:
    done = learner.files.progress(attacker)
    stopped: StopReason = "steps" if done.steps >= attacker.steps else "time"
    return AttackerEffort(
        begins_at="zeros" if attacker.start is None else "the given perturbation",
        steps=done.steps,
        seconds=done.seconds,
        stopped=stopped,
        why=WHY_STOPPED[stopped],
    )


def _noise(control: BudgetNoise, given: Perturbation, seed: int) -> Perturbation:
    zeros = Perturbation(torch.zeros_like(given.delta), given.binding, control.budget)
    return noise_like(zeros, seed)


def _duration(seconds: float) -> str:
    """Such as 2:05 h or 3 min."""
    minutes = max(1, round(seconds / 60))
    return f"{minutes // 60}:{minutes % 60:02d} h" if minutes >= 60 else f"{minutes} min"
