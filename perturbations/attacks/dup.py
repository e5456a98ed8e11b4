"""DUP: a generator network makes the pattern; class-discriminative in the paper, also in 2-D and circular form."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from perturbations.attacks.base import Attack, check_settings, report
from perturbations.bindings import Binding
from perturbations.budgets import Budget
from perturbations.gradients import LossInput, gradient_at
from perturbations.problem import Problem
from perturbations.seeds import seeded
from perturbations.state import State, Step
from perturbations.updates import adam_direction

Form = Literal["3d", "2d", "circular"]
NOISE = 100  # dimensions of z
BINDINGS: dict[Form, str] = {"3d": "relative:16", "2d": "constant", "circular": "cyclic:16"}


@dataclass(frozen=True)
class Dup(Attack):
    """min over G of lost E[ -log(1 - Q_y) ] + kept E[ -log Q_y ], delta = epsilon tanh(G(z)), z normal, by Adam.

    Q is the network's probability of the clip's class; the first term is for clips that are to lose their class, the
    second for those that are to get or keep it. Each step draws a new z; what is kept is the pattern of one fixed z.

    Args:
        form: 3d (slots over the video), 2d (one slot), or circular (slots repeat, at any phase).
        lost: weight of the first term.
        kept: weight of the second term.
        rate: Adam's step; it falls by 5 % every 2000 steps.
    """

    source: ClassVar[str] = "Li et al., NDSS 2019, section IV; with a smaller generator"
    form: Form = "circular"
    lost: float = 1.0
    kept: float = 1.0
    rate: float = 0.002

    def __post_init__(self) -> None:
        check_settings(self, above_zero=("rate",), from_zero=("lost", "kept"))

    @property
    def binding(self) -> str:
        return BINDINGS[self.form]

    def check(self, binding: Binding, budget: Budget) -> None:
        needed = BINDINGS[self.form].partition(":")[0]
        if binding.kind != needed:
            raise ValueError(f"dup in the form {self.form} needs the binding {needed}, not {binding}")

    def start(self, problem: Problem, state: State) -> None:
        state.memory["generator"] = _first_weights(problem).to(problem.device)
        state.delta = self._make(problem, 0)(state.memory["generator"])

    def step(self, problem: Problem, state: State, done: float) -> Step:
        def loss(given: LossInput) -> Tensor:
            aims = given.aims
            logs = given.logits.log_softmax(1)
            own = logs.gather(1, aims.classes[:, None])[:, 0]
            rest = logs.scatter(1, aims.classes[:, None], float("-inf")).logsumexp(1)  # log(1 - Q)
            return torch.where(aims.toward > 0, -self.kept * own, -self.lost * rest)

        batch = problem.draw(state.steps)
        weights = state.memory["generator"].requires_grad_()
        pattern = self._make(problem, state.steps + 1)(weights)
        result = gradient_at(problem, batch, pattern.detach(), loss)
        (gradient,) = torch.autograd.grad(pattern, weights, result.gradient)
        rate = self.rate * 0.95 ** (state.steps / 2000)
        state.memory["generator"] = weights.detach() - rate * adam_direction(gradient, state.memory, 0.3, 0.999)
        state.delta = self._make(problem, 0)(state.memory["generator"])
        return report(problem, state, batch, result, rate)

    def _make(self, problem: Problem, number: int) -> "_Pattern":
        return _Pattern(problem, torch.randn(1, NOISE, generator=seeded(problem.seed, "dup", number)))


class _Pattern:
    """From the generator's weights, as one vector, to delta."""

    def __init__(self, problem: Problem, noise: Tensor) -> None:
        self._problem, self._noise, self._network = problem, noise.to(problem.device), _generator(problem)

    def __call__(self, weights: Tensor) -> Tensor:
        named, start = {}, 0
        for name, parameter in self._network.named_parameters():
            named[name] = weights[start : start + parameter.numel()].view(parameter.shape)
            start += parameter.numel()
        made = functional_call(self._network, named, self._noise)
        slots, _, height, width = self._problem.shape
        sized = F.interpolate(made, size=(slots, height, width), mode="trilinear", align_corners=False)
        return self._problem.budget.project(self._problem.epsilon * torch.tanh(sized[0].transpose(0, 1)))


def _generator(problem: Problem) -> nn.Sequential:
    """From z (1, 100) to (1, 3, 16 or 1, 56, 56), before tanh; without weights."""
    deep = 4 if problem.shape[0] > 1 else 1
    stride = (2, 2, 2) if deep > 1 else (1, 2, 2)
    kernel = (4, 4, 4) if deep > 1 else (1, 4, 4)
    padding = (1, 1, 1) if deep > 1 else (0, 1, 1)

    def doubled(channels: int, out: int) -> nn.Module:
        return nn.ConvTranspose3d(channels, out, kernel, stride, padding)

    with torch.device("meta"):  # its weights come from outside
        return nn.Sequential(
            nn.Linear(NOISE, 64 * deep * 7 * 7), nn.Unflatten(1, (64, deep, 7, 7)), nn.ReLU(),
            doubled(64, 32), nn.ReLU(), nn.ConvTranspose3d(32, 16, (1, 4, 4), (1, 2, 2), (0, 1, 1)), nn.ReLU(),
            doubled(16, 3),
        )  # fmt: skip


def _first_weights(problem: Problem) -> Tensor:
    """All weights of the generator as one vector, normal with He's scale, biases zero; they depend on the seed."""
    generator = seeded(problem.seed, "dup generator")
    parts = []
    for parameter in _generator(problem).parameters():
        scale = 0.0 if parameter.ndim == 1 else (2 / parameter[0].numel()) ** 0.5
        parts.append(scale * torch.randn(parameter.numel(), generator=generator))
    return torch.cat(parts)
