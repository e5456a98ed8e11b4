"""LSAP: one perturbation for all videos and samplers, with temporal coherence and a choice of updates."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from perturbations.alarms import quietly
from perturbations.attacks.base import Attack, check_settings, report
from perturbations.coherence import Coherence, coherence_loss, temporal_coherence
from perturbations.gradients import Found, Loss, Seen, gradient_at
from perturbations.learn import State, Step
from perturbations.losses import follow, margin_loss, margins, without_own
from perturbations.objectives import Untargeted
from perturbations.problem import Batch, Problem
from perturbations.updates import UPDATES, Update

BALANCE_EVERY = 25  # steps from one weighing of the two gradients to the next


@dataclass(frozen=True)
class Lsap(Attack):
    """min over R of E [ margin + weight * coherence gain ], with R within the budget.

    The margin pushes each clip over its border. Alone it over-fits few videos; universal perturbations that work
    on unseen inputs lead most of them to a few labels (Moosavi-Dezfooli et al., CVPR 2017, section 4). So an
    untargeted run also asks for one class that clips share: that with the highest running mean logit that is not
    the clip's own. The weight of the coherence gain is set from the norms of the two gradients every 25 steps. Where
    the problem has an alarm, the step also quiets it (see `perturbations.alarms`).

    Args:
        update: momentum, apg (LSAP's own), pgd, sgd or adam.
        first_step: its first step, as a part of epsilon.
        coherence: keep (LSAP), break (BTC-UAP) or off.
        weight: the coherence gain's gradient has this many times the length of the margin's.
        temperature: of the coherence.
        together: weight of the shared class in an untargeted run, in [0, 1].
        enough: logits over the border at which a clip counts as done.
    """

    source: ClassVar[str] = "LSAP (framework and tables of its repository); objective and balance re-derived"
    update: str = "momentum"
    first_step: float = 0.1
    coherence: Coherence = "off"
    weight: float = 0.3
    temperature: float = 0.1
    together: float = 0.5
    enough: float = 15.0

    def __post_init__(self) -> None:
        check_settings(self, above_zero=("first_step", "temperature"), from_zero=("weight", "enough"))
        if self.update not in UPDATES:
            raise ValueError(f"update is {self.update}; use one of {', '.join(UPDATES)}")
        if self.coherence not in ("keep", "break", "off"):
            raise ValueError(f"coherence is {self.coherence}; use keep, break or off")
        if not 0 <= self.together <= 1:
            raise ValueError(f"together is {self.together}; use a number from 0 to 1")

    def start(self, problem: Problem, state: State) -> None:
        if self.coherence != "off":
            one = problem.draw(0).part(0, 1)
            with torch.no_grad():
                temporal_coherence(problem.network.look(one.through(one.frames))[1], self.temperature)

    def step(self, problem: Problem, state: State, done: float) -> Step:
        update: Update = UPDATES[self.update](first_step=self.first_step)  # type: ignore[call-arg]  # all of them have it
        batch = problem.draw(state.steps)
        at = update.look_at(state.delta, state.memory)
        measured: list[Tensor] = []
        found = self._gradient(problem, state, batch, at, measured)
        direction = found.gradient
        if problem.alarm is not None:
            heard = problem.alarm.listen(at, state.steps)
            direction = quietly(direction, heard, problem.alarm.bearable, state.memory)
        state.delta = update.next(state.delta, direction, state.memory, problem.budget, done)
        self._follow(problem, state, batch, found)
        step = report(problem, state, batch, found, update.size(problem.budget, done))
        return step if not measured else step._replace(coherence=float(torch.cat(measured).mean()))

    def _gradient(self, problem: Problem, state: State, batch: Batch, at: Tensor, measured: list[Tensor]) -> Found:
        aim = self._aim(problem, state)
        if self.coherence == "off":
            return gradient_at(problem, batch, at, aim)
        gain = self._gain(measured)
        if state.steps % BALANCE_EVERY == 0:
            found, gained = gradient_at(problem, batch, at, aim), gradient_at(problem, batch, at, gain, "features")
            lengths = found.gradient.norm(), gained.gradient.norm()
            state.memory["balance"] = self.weight * lengths[0] / lengths[1].clamp(min=1e-20)
            return found._replace(gradient=found.gradient + state.memory["balance"] * gained.gradient)
        balance = state.memory["balance"]
        return gradient_at(problem, batch, at, lambda seen: aim(seen) + balance * gain(seen), "features")

    def _aim(self, problem: Problem, state: State) -> Loss:
        """The margin; in an untargeted run, also the way to the class that clips share."""
        trend = state.memory.get("trend")

        def loss(seen: Seen) -> Tensor:
            clean = seen.batch.clean_predictions
            escape = margin_loss(seen.logits, problem.objective.aims(clean), self.enough)
            if trend is None or self.together == 0 or not isinstance(problem.objective, Untargeted):
                return escape
            shared = trend.argmax().expand_as(clean)
            join = (-margins(seen.logits, shared)).clamp(min=-self.enough)
            weight = self.together * (clean != shared)
            return (1 - weight) * escape + weight * join

        return loss

    def _gain(self, measured: list[Tensor]) -> Loss:
        def loss(seen: Seen) -> Tensor:
            assert seen.features is not None
            value = coherence_loss(seen.features, self.coherence, self.temperature)
            measured.append(value.detach().abs())
            return value

        return loss

    def _follow(self, problem: Problem, state: State, batch: Batch, found: Found) -> None:
        own = without_own(found.logits, batch.clean_predictions).sum(0)
        counted = problem.together.total(torch.cat([own, own.new_tensor([float(len(found.logits))])]))
        state.memory["trend"] = follow(state.memory.get("trend"), counted[:-1], float(counted[-1]))
