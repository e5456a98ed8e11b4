"""LSAP: one perturbation for all videos and samplers, with temporal coherence and a choice of updates."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from perturbations.alarms import quietly
from perturbations.attacks.base import Attack, check_settings, report
from perturbations.budgets import Budget
from perturbations.coherence import Coherence, coherence_loss, temporal_coherence
from perturbations.gradients import Found, Loss, Seen, gradient_at
from perturbations.learn import State, Step
from perturbations.losses import excitement, follow, margin_loss, margins, without_own
from perturbations.objectives import Objective, Untargeted
from perturbations.problem import Batch, Inside, Problem
from perturbations.updates import UPDATES, Update

EXCITED = 0.2  # of the activations
TURNS = 8  # steps in which all of these are excited once, a part in each
BALANCE_EVERY = 100  # steps from one weighing of the gradients to the next


class _Aid(NamedTuple):
    """A loss beside the aim, and the length of its gradient as a part of the aim's."""

    loss: Loss
    weight: float
    inside: Inside


@dataclass(frozen=True)
class Lsap(Attack):
    """min over R of E [ margin + weight * coherence gain - excite * excitement ], with R within the budget.

    The margin pushes each clip over its border. Alone it over-fits few videos; universal perturbations that work
    on unseen inputs lead most of them to a few labels (Moosavi-Dezfooli et al., CVPR 2017, section 4). So an
    untargeted run also asks for one class that clips share: that with the highest running mean logit that is not
    the clip's own. And it asks layers of the network to respond strongly (the loss of GD-UAP, here on perturbed
    videos): what overcharges layers does so in any video. The weights of the coherence gain and of the excitement are set from the
    norms of the gradients every 100 steps. The budget begins wide and is narrowed over the first half of the run; what is
    kept as delta is within the budget all the time. Where the problem has an alarm, the step also quiets it (see
    `perturbations.alarms`).

    Args:
        update: momentum, apg (LSAP's own), pgd, sgd or adam.
        first_step: its first step, as a part of epsilon.
        coherence: keep (LSAP), break (BTC-UAP) or off.
        weight: the coherence gain's gradient has this many times the length of the margin's.
        temperature: of the coherence.
        together: weight of the shared class in an untargeted run, in [0, 1].
        enough: logits over the border at which a clip counts as done.
        excite: in an untargeted run, the excitement's gradient has this many times the length of the margin's.
        loosen: how many times epsilon the budget is at first, from 1.
    """

    source: ClassVar[str] = "LSAP (framework and tables of its repository); objective and balance re-derived"
    update: str = "momentum"
    first_step: float = 0.1
    coherence: Coherence = "off"
    weight: float = 0.3
    temperature: float = 0.1
    together: float = 0.5
    enough: float = 15.0
    excite: float = 1.0
    loosen: float = 2.0

    def __post_init__(self) -> None:
        check_settings(self, above_zero=("first_step", "temperature"), from_zero=("weight", "enough", "excite"))
        if self.update not in UPDATES:
            raise ValueError(f"update is {self.update}; use one of {', '.join(UPDATES)}")
        if self.coherence not in ("keep", "break", "off"):
            raise ValueError(f"coherence is {self.coherence}; use keep, break or off")
        if not 0 <= self.together <= 1:
            raise ValueError(f"together is {self.together}; use a number from 0 to 1")
        if not 1 <= self.loosen < float("inf"):
            raise ValueError(f"loosen is {self.loosen}; use a number from 1")

    def start(self, problem: Problem, state: State) -> None:
        one = problem.draw(0).part(0, 1)
        shown = one.through(one.frames)
        with torch.no_grad():
            if self.coherence != "off":
                features = problem.network.look(shown, "features").features
                assert features is not None
                temporal_coherence(features, self.temperature)
            if self._excites(problem.objective) and not problem.network.look(shown, "activations").activations:
                state.memory["numb"] = torch.ones(())
                problem.say("the network has no layers that can be looked into: learning goes on without exciting them")

    def step(self, problem: Problem, state: State, done: float) -> Step:
        update: Update = UPDATES[self.update](first_step=self.first_step)  # type: ignore[call-arg]  # all of them have it
        batch = problem.draw(state.steps)
        budget = self._budget(problem.budget, done)
        wide = state.memory.get("wide", state.delta)
        at = update.look_at(wide, state.memory)
        measured: list[Tensor] = []
        found = self._gradient(problem, state, batch, at, measured)
        direction = found.gradient
        if problem.alarm is not None:
            heard = problem.alarm.listen(at, state.steps)
            direction = quietly(direction, heard, problem.alarm.bearable, state.memory)
        state.memory["wide"] = update.next(wide, direction, state.memory, budget, done)
        state.delta = problem.budget.project(state.memory["wide"])
        self._follow(problem, state, batch, found)
        step = report(problem, state, batch, found, update.size(budget, done))
        return step if not measured else step._replace(coherence=float(torch.cat(measured).mean()))

    def looks_inside(self, objective: Objective) -> bool:
        """Whether its steps look at more of the network than its logits."""
        return self.coherence != "off" or self._excites(objective)

    def _excites(self, objective: Objective) -> bool:
        return self.excite > 0 and isinstance(objective, Untargeted)

    def _budget(self, budget: Budget, done: float) -> Budget:
        """Wide at first, and the budget itself from the middle of the run on."""
        factor = 1 + (self.loosen - 1) * max(0.0, 1 - 2 * done)
        return replace(budget, epsilon=min(Fraction(1), budget.epsilon * Fraction(factor)))

    def _gradient(self, problem: Problem, state: State, batch: Batch, at: Tensor, measured: list[Tensor]) -> Found:
        aim, aids = self._aim(problem, state), self._aids(problem, state, measured)
        if state.steps % BALANCE_EVERY == 0:
            found = gradient_at(problem, batch, at, aim)
            gradient = found.gradient
            for aid in aids:
                own = gradient_at(problem, batch, at, aid.loss, aid.inside).gradient
                balance = aid.weight * found.gradient.norm() / own.norm().clamp(min=1e-20)
                state.memory[f"balance.{aid.inside}"] = balance
                gradient = gradient + balance * own
            return found._replace(gradient=gradient)

        def loss(seen: Seen) -> Tensor:
            total = aim(seen)
            for aid in aids:  # the figure that is reported is the aim's alone
                value = aid.loss(seen)
                total = total + state.memory[f"balance.{aid.inside}"] * (value - value.detach())
            return total

        return gradient_at(problem, batch, at, loss, *(aid.inside for aid in aids))

    def _aids(self, problem: Problem, state: State, measured: list[Tensor]) -> list[_Aid]:
        """What is asked for beside the aim."""
        found = []
        if self.coherence != "off":
            found.append(_Aid(self._gain(measured), self.weight, "features"))
        if self._excites(problem.objective) and "numb" not in state.memory:
            step = None if state.steps % BALANCE_EVERY == 0 else state.steps
            found.append(_Aid(calm(step), self.excite, "activations"))
        return found

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


def calm(step: int | None) -> Loss:
    """The less, the more the cheapest layers are excited: all of them, or for all those whose turn it is in a step."""

    def loss(seen: Seen) -> Tensor:
        assert seen.activations is not None
        layers, times = cheapest(seen.activations), 1
        if step is not None:
            times = min(TURNS, len(layers))
            layers = layers[step % times :: times]
        return -times * excitement(layers, len(seen.logits))

    return loss


def cheapest(layers: Sequence[Tensor]) -> list[Tensor]:
    """The smallest layers, which hold a fifth of all activations: deep ones, as a rule, and many of them. At least one.

    Large layers cost much and bring little; docs/learning.md has what was measured.
    """
    left = EXCITED * sum(layer.numel() for layer in layers)
    chosen: list[Tensor] = []
    for layer in sorted(layers, key=Tensor.numel):
        left -= layer.numel()
        if left < 0 and chosen:
            break
        chosen.append(layer)
    return chosen
