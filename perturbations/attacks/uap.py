"""UAP: the shortest step over the decision boundary of one clip after the other, added up."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from perturbations.adding import add_float, gradient_by_pattern
from perturbations.attacks.base import Attack, check_settings, objective_loss, report
from perturbations.gradients import followed_networks, losses_at
from perturbations.objectives import Aims
from perturbations.problem import Batch, Problem
from perturbations.state import State, Step


@dataclass(frozen=True)
class Uap(Attack):
    """v <- project(v + dv), dv from DeepFool at clip + v, for each clip not yet fooled.

    DeepFool linearizes the network around the clip: class k is reached by a step of size |f_k| / |w_k|*, where
    f_k is the logit of k minus that of the class that is to lose, w_k its gradient by delta, and |.|* the dual norm.
    The nearest of `candidates` classes is taken, up to `iterations` times.

    Args:
        candidates: classes that DeepFool considers, those with the highest logits.
        iterations: of DeepFool, a clip.
        overshoot: how much farther than the decision boundary each step goes, as a part of the step.
    """

    source: ClassVar[str] = "Moosavi-Dezfooli et al., CVPR 2017, algorithm 1; DeepFool: CVPR 2016, algorithm 2"
    candidates: int = 3
    iterations: int = 3
    overshoot: float = 0.02

    def __post_init__(self) -> None:
        check_settings(self, from_zero=("overshoot",))
        if min(self.candidates, self.iterations) < 1:
            raise ValueError(f"candidates is {self.candidates}, iterations {self.iterations}; use numbers from 1")

    def start(self, problem: Problem, state: State) -> None:
        if problem.group.processes > 1:
            raise ValueError("uap goes from clip to clip and cannot be spread over several processes; use one")

    def step(self, problem: Problem, state: State, done: float) -> Step:
        batch, before = problem.draw(state.steps), state.delta
        result = losses_at(problem, batch, before, objective_loss())
        networks = list(problem.each(batch))
        for one, own in (networks[number] for number in followed_networks(problem, result)):
            for number in range(len(own.frames)):
                step = self._deepfool(one, own.part(number, number + 1), state.delta)
                state.delta = problem.budget.project(state.delta + step)
        result = result._replace(gradient=state.delta - before)
        return report(problem, state, batch, result, float(result.gradient.abs().max()))

    def _deepfool(self, problem: Problem, one: Batch, delta: Tensor) -> Tensor:
        """What to add to delta to reach the objective on this clip; zeros where it is reached."""
        aims = problem.objective.aims(one.clean_predictions)
        total = torch.zeros_like(delta)
        for _ in range(self.iterations):
            step = self._to_boundary(problem, one, aims, delta + total)
            if step is None:
                break
            total = total + (1 + self.overshoot) * step
        return total

    def _to_boundary(self, problem: Problem, one: Batch, aims: Aims, delta: Tensor) -> Tensor | None:
        """The shortest step over a decision boundary of the linearized network; None where the objective is reached."""
        pattern = one.path.forward(delta)
        clip = add_float(one.frames, pattern, one.slots, rounded=True)
        with torch.no_grad():
            logits = problem.network.score(one.through(clip))[0]
        wins = bool(logits.argmax() == aims.classes[0])
        if wins == bool(aims.toward[0] > 0):
            return None
        rising, falling = self._classes(logits, aims, wins)
        clips = clip.repeat(len(rising), 1, 1, 1, 1).requires_grad_()
        rows = problem.network.score(torch.cat([one.through(copy) for copy in clips.split(1)]))
        gaps = rows.gather(1, rising[:, None])[:, 0] - rows[:, falling]
        (by_clip,) = torch.autograd.grad(gaps.sum(), clips)
        steps = []
        for gap, gradient in zip(gaps.detach(), by_clip, strict=True):
            by_pattern = gradient_by_pattern(gradient[None], one.frames, pattern, one.slots)
            steps.append(self._linear(problem, float(gap.abs()), one.path.backward(by_pattern)))
        return min(steps, key=problem.budget.size)

    def _classes(self, logits: Tensor, aims: Aims, wins: bool) -> tuple[Tensor, int]:
        """Classes one of which is to overtake, and the class to be overtaken."""
        if not wins:
            return aims.classes[:1], int(logits.argmax())
        others = logits.index_fill(0, aims.classes[:1], float("-inf"))
        return others.topk(min(self.candidates, len(logits) - 1)).indices, int(aims.classes[0])

    def _linear(self, problem: Problem, gap: float, w: Tensor) -> Tensor:
        """The smallest step, in the budget's norm, along which a linear function with gradient w rises by the gap."""
        gap += 1e-4  # so that a clip on the boundary itself is moved
        if problem.budget.norm == "linf":
            return w.sign() * (gap / w.abs().sum().clamp(min=1e-12))
        return w * (gap / w.square().sum().clamp(min=1e-12))
