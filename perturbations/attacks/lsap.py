"""LSAP: one perturbation for all videos and samplers, with temporal coherence and a choice of updates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from perturbations.attacks.base import Attack, check_settings, report
from perturbations.budgets import Budget
from perturbations.coherence import Coherence, coherence_loss, temporal_coherence
from perturbations.constraints import constrained_direction
from perturbations.gradients import ClipLoss, GradientResult, LossInput, gradient_at, over_networks
from perturbations.losses import layer_response, margin_loss, margins, own_class_at_mean, running_mean_logits
from perturbations.network import Internal
from perturbations.objectives import Objective, Untargeted
from perturbations.problem import Batch, Problem
from perturbations.resizing import RESIZINGS
from perturbations.state import Memory, State, Step
from perturbations.updates import UPDATES, Update

RESPONSE_SHARE = 0.2  # of all activations: the smallest layers that hold it are excited
RESPONSE_STEPS = 8  # in which all of these layers are excited once, some in each step
BALANCE_EVERY = 100  # steps from one weighting of the gradients to the next
# Keys of saved states.
RELAXED_DELTA, TREND, NO_LAYERS = "wide", "trend", "numb"


class _AuxiliaryLoss(NamedTuple):
    """A loss besides the margin; its gradient is scaled to `weight` times the length of the margin's."""

    loss: ClipLoss
    weight: float
    internal: Internal


@dataclass(frozen=True)
class Lsap(Attack):
    """min over R of E [ margin + weight * coherence loss - excite * layer response ], with R within the budget.

    The margin pushes each clip over its decision boundary. Alone it over-fits few videos; universal perturbations that
    transfer to unseen inputs lead most of them to a few labels (Moosavi-Dezfooli et al., CVPR 2017, section 4). So an
    untargeted run also pushes all clips to one class: that with the highest running mean logit that is not the clip's
    own. And it makes layers of the network respond strongly (the loss of GD-UAP, here on perturbed videos), which
    transfers to any video. The weights of coherence and layer response are set from the norms of the gradients every
    100 steps. The budget is relaxed at first and shrinks to epsilon over the first half of the run; what is kept as
    delta is always within the budget. Where the problem has a constraint, each step follows it, too
    (`perturbations.constraints`).

    Args:
        update: momentum, apg (LSAP's own), pgd, sgd or adam.
        first_step: its first step, as a part of epsilon.
        coherence: keep (LSAP), break (BTC-UAP) or off.
        weight: length of the coherence loss's gradient, as a multiple of the margin's.
        temperature: of the coherence.
        shared_class: weight of the shared class in an untargeted run, in [0, 1].
        enough: confidence in logits: a clip that is over the boundary by this much has no more gradient.
        excite: in an untargeted run, length of the layer response's gradient, as a multiple of the margin's.
        loosen: the budget at the start, as a multiple of epsilon, from 1.
        resize: how files enlarge delta: saturating or bilinear.

    Raises:
        ValueError: if a setting is out of range.
    """

    old_settings: ClassVar[Mapping[str, str]] = {"together": "shared_class"}
    source: ClassVar[str] = "LSAP (framework and tables of its repository); objective and balance re-derived"
    update: str = "momentum"
    first_step: float = 0.1
    coherence: Coherence = "off"
    weight: float = 0.3
    temperature: float = 0.1
    shared_class: float = 0.5
    enough: float = 15.0
    excite: float = 1.0
    loosen: float = 1.0
    resize: str = "saturating"

    def __post_init__(self) -> None:
        check_settings(self, above_zero=("first_step", "temperature"), from_zero=("weight", "enough", "excite"))
        if self.update not in UPDATES:
            raise ValueError(f"update is {self.update}; use one of {', '.join(UPDATES)}")
        if not 0 <= self.shared_class <= 1:
            raise ValueError(f"shared_class is {self.shared_class}; use a number from 0 to 1")
        if self.resize not in RESIZINGS:
            raise ValueError(f"resize is {self.resize}; use one of {', '.join(RESIZINGS)}")
        if not 1 <= self.loosen < float("inf"):
            raise ValueError(f"loosen is {self.loosen}; use a number from 1")

    def start(self, problem: Problem, state: State) -> None:
        for one in problem.networks:
            self._look_into(one, state)

    def _look_into(self, problem: Problem, state: State) -> None:
        """Finds out whether a network has what the losses need."""
        one = problem.draw(0).part(0, 1)
        clips = one.through(one.frames)
        with torch.no_grad():
            if self.coherence != "off":
                features = problem.network.outputs(clips, "features").features
                assert features is not None
                temporal_coherence(features, self.temperature)
            if self._excites(problem.objective) and not problem.network.outputs(clips, "activations").activations:
                state.memory[problem.key(NO_LAYERS)] = torch.ones(())
                problem.warn(
                    "the network has no layers that can be looked into: learning goes on without exciting them"
                )

    def step(self, problem: Problem, state: State, done: float) -> Step:
        update: Update = UPDATES[self.update](first_step=self.first_step)  # type: ignore[call-arg]  # all of them have it
        batch, budget = problem.draw(state.steps), self._relaxed(problem.budget, done)
        relaxed = state.memory.get(RELAXED_DELTA, state.delta)
        at = update.extrapolated(relaxed, state.memory)
        coherences: list[Tensor] = []
        result = over_networks(problem, batch, lambda one, own: self._gradient(one, state, own, at, coherences))
        direction = result.gradient
        if problem.constraint is not None:
            violation = problem.constraint.gradient_at(at, state.steps)
            direction = constrained_direction(direction, violation, problem.constraint.tolerated, state.memory)
        relaxed = update.next(relaxed, direction, state.memory, budget, done)
        state.memory[RELAXED_DELTA] = relaxed
        state.delta = problem.budget.project(relaxed)
        for (one, own), part in zip(problem.each(batch), result.of_networks, strict=True):
            _update_trend(one, state.memory, own, part)
        step = report(problem, state, batch, result, update.size(budget, done))
        return step if not coherences else step._replace(coherence=float(torch.cat(coherences).mean()))

    def needs_internals(self, objective: Objective) -> bool:
        """Whether its steps need more of the network than its logits."""
        return self.coherence != "off" or self._excites(objective)

    def _excites(self, objective: Objective) -> bool:
        return self.excite > 0 and isinstance(objective, Untargeted)

    def _relaxed(self, budget: Budget, done: float) -> Budget:
        """`loosen` times the budget at first, the budget itself from the middle of the run on."""
        factor = 1 + (self.loosen - 1) * max(0.0, 1 - 2 * done)
        return replace(budget, epsilon=min(Fraction(1), budget.epsilon * Fraction(factor)))

    def _gradient(
        self, problem: Problem, state: State, batch: Batch, at: Tensor, coherences: list[Tensor]
    ) -> GradientResult:
        """One network's margin gradient plus those of the auxiliary losses; every 100 steps these are weighted anew."""
        margin, auxiliary = self._margin(problem, state.memory), self._auxiliary(problem, state, coherences)
        if state.steps % BALANCE_EVERY == 0:
            return _balanced_gradient(problem, state.memory, batch, at, margin, auxiliary)

        def loss(given: LossInput) -> Tensor:
            total = margin(given)
            for one in auxiliary:  # the reported loss is the margin's alone
                value = one.loss(given)
                total = total + state.memory[_balance(problem, one)] * (value - value.detach())
            return total

        return gradient_at(problem, batch, at, loss, *(one.internal for one in auxiliary))

    def _auxiliary(self, problem: Problem, state: State, coherences: list[Tensor]) -> list[_AuxiliaryLoss]:
        """The losses besides the margin."""
        losses = []
        if self.coherence != "off":
            losses.append(_AuxiliaryLoss(self._coherence_loss(coherences), self.weight, "features"))
        if self._excites(problem.objective) and problem.key(NO_LAYERS) not in state.memory:
            step = None if state.steps % BALANCE_EVERY == 0 else state.steps
            losses.append(_AuxiliaryLoss(layer_response_loss(step), self.excite, "activations"))
        return losses

    def _margin(self, problem: Problem, memory: Memory) -> ClipLoss:
        """The objective's margin; in an untargeted run, mixed with the margin to the class that clips share."""
        trend = memory.get(problem.key(TREND))

        def loss(given: LossInput) -> Tensor:
            clean = given.batch.clean_predictions
            escape = margin_loss(given.logits, problem.objective.aims(clean), self.enough)
            if trend is None or self.shared_class == 0 or not isinstance(problem.objective, Untargeted):
                return escape
            shared = trend.argmax().expand_as(clean)
            join = (-margins(given.logits, shared)).clamp(min=-self.enough)
            weight = self.shared_class * (clean != shared)
            return (1 - weight) * escape + weight * join

        return loss

    def _coherence_loss(self, coherences: list[Tensor]) -> ClipLoss:
        """The coherence loss; the coherence of each clip is appended to the list."""

        def loss(given: LossInput) -> Tensor:
            assert given.features is not None
            value = coherence_loss(given.features, self.coherence, self.temperature)
            coherences.append(value.detach().abs())
            return value

        return loss


def _balance(problem: Problem, auxiliary: _AuxiliaryLoss) -> str:
    return problem.key(f"balance.{auxiliary.internal}")


def _balanced_gradient(
    problem: Problem,
    memory: Memory,
    batch: Batch,
    at: Tensor,
    margin: ClipLoss,
    auxiliary: Sequence[_AuxiliaryLoss],
) -> GradientResult:
    """The sum of the gradients, each auxiliary one at its weight; the factors are remembered."""
    result = gradient_at(problem, batch, at, margin)
    gradient = result.gradient
    for one in auxiliary:
        own = gradient_at(problem, batch, at, one.loss, one.internal).gradient
        factor = one.weight * result.gradient.norm() / own.norm().clamp(min=1e-20)
        memory[_balance(problem, one)] = factor
        gradient = gradient + factor * own
    return result._replace(gradient=gradient)


def _update_trend(problem: Problem, memory: Memory, batch: Batch, result: GradientResult) -> None:
    """Takes a step's logits of one network into their running mean over steps and processes."""
    trend = problem.key(TREND)
    own = own_class_at_mean(result.logits, batch.clean_predictions).sum(0)
    counted = problem.group.total(torch.cat([own, own.new_tensor([float(len(result.logits))])]))
    memory[trend] = running_mean_logits(memory.get(trend), counted[:-1], float(counted[-1]))


def layer_response_loss(step: int | None) -> ClipLoss:
    """Minus the response of the smallest layers: of all of them, or of those whose turn it is in a step."""

    def loss(given: LossInput) -> Tensor:
        assert given.activations is not None
        layers, turns = smallest_layers(given.activations), 1
        if step is not None:
            turns = min(RESPONSE_STEPS, len(layers))
            layers = layers[step % turns :: turns]
        return -turns * layer_response(layers, len(given.logits))

    return loss


def smallest_layers(layers: Sequence[Tensor]) -> list[Tensor]:
    """The smallest layers that hold a fifth of all activations, at least one: as a rule many deep ones.

    Large layers cost much time and add little (docs/learning.md).
    """
    left = RESPONSE_SHARE * sum(layer.numel() for layer in layers)
    chosen: list[Tensor] = []
    for layer in sorted(layers, key=Tensor.numel):
        left -= layer.numel()
        if left < 0 and chosen:
            break
        chosen.append(layer)
    return chosen
