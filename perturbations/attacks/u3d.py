"""U3D: procedural noise of five parameters, found without gradients by a swarm."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from perturbations.attacks.base import Attack, check_settings, report
from perturbations.gradients import LossInput, combined_loss, losses_at
from perturbations.problem import Problem
from perturbations.seeds import seeded
from perturbations.state import State, Step

LOW = (1.0, 2.0, 2.0, 2.0, 1.0)  # octaves, wavelengths in x, y (pixels) and time (slots), frequency phi
HIGH = (5.0, 180.0, 180.0, 180.0, 60.0)
LATTICE = 256  # gradients of the noise are kept in a table of this many entries


@dataclass(frozen=True)
class U3d(Attack):
    """max over (L, lx, ly, lt, phi) of E [ |P(f(x + xi)) - P(f(x))| ], P(z) = sign(z) sqrt|z|, by a particle swarm.

        N(x, y, t) = sum over octaves l < L of perlin( x 2^l / lx, y 2^l / ly, t 2^l / lt )
        xi = epsilon sin(2 pi phi N)

    f are frame features of the network at hand (the paper: of a surrogate). A step tries one particle on one batch,
    which is drawn at random phases; all particles of a round see the same batch. What is kept is the best ever tried.

    Args:
        swarm: particles.
        inertia: of the velocity, below 1.
        own: pull towards a particle's own best.
        shared: pull towards the best of all.
    """

    uses_gradients: ClassVar[bool] = False
    source: ClassVar[str] = "Xie et al., IEEE S&P 2022, section 4; features as in its surrogate-only form"
    swarm: int = 20
    inertia: float = 0.73
    own: float = 1.5
    shared: float = 1.5

    def __post_init__(self) -> None:
        check_settings(self, from_zero=("inertia", "own", "shared"))
        if self.swarm < 2:
            raise ValueError(f"swarm is {self.swarm}; use a number from 2")

    @property
    def binding(self) -> str:
        return "cyclic:16"

    def start(self, problem: Problem, state: State) -> None:
        if problem.group.processes > 1:
            raise ValueError("u3d tries one particle after the other and is not spread over processes; use one")
        generator = seeded(problem.seed, "u3d swarm")
        places = torch.rand(self.swarm, 5, generator=generator)
        state.memory |= {
            "places": places,
            "velocities": 0.2 * (torch.rand(self.swarm, 5, generator=generator) - 0.5),
            "best_places": places.clone(),
            "best_values": torch.full((self.swarm,), -math.inf),
        }

    def step(self, problem: Problem, state: State, done: float) -> Step:
        memory = state.memory
        lap, particle = divmod(state.steps, self.swarm)
        batch = problem.draw(lap)
        pattern = problem.budget.project(self.pattern(problem, memory["places"][particle]))
        result = losses_at(problem, batch, pattern, _unmoved, "features")
        value = -combined_loss(problem, result)
        if value > float(memory["best_values"].max()):
            state.delta = pattern
        if value > float(memory["best_values"][particle]):
            memory["best_values"][particle] = value
            memory["best_places"][particle] = memory["places"][particle]
        self._fly(problem, state, particle)
        return report(problem, state, batch, result)

    def _fly(self, problem: Problem, state: State, particle: int) -> None:
        """The particle's next place (Kennedy and Eberhart, 1995, with inertia); walls of [0, 1] stop it."""
        memory = state.memory
        generator = seeded(problem.seed, "u3d flight", state.steps)
        to_own, to_shared = torch.rand(2, 5, generator=generator)
        place = memory["places"][particle]
        best = memory["best_places"][int(memory["best_values"].argmax())]
        velocity = (
            self.inertia * memory["velocities"][particle]
            + self.own * to_own * (memory["best_places"][particle] - place)
            + self.shared * to_shared * (best - place)
        )
        memory["velocities"][particle] = velocity.clamp(-0.5, 0.5)
        memory["places"][particle] = (place + memory["velocities"][particle]).clamp(0, 1)

    def pattern(self, problem: Problem, place: Tensor) -> Tensor:
        """The noise of one point of the unit cube (5,): delta (P, 3, h, w), the colors alike."""
        octaves, *waves, frequency = (
            low + (high - low) * float(part) for low, high, part in zip(LOW, HIGH, place, strict=True)
        )
        slots, _, height, width = problem.shape
        axes = [torch.arange(count, dtype=torch.float32) for count in (slots, height, width)]
        table = torch.randn(LATTICE, 3, generator=seeded(problem.seed, "u3d lattice"))
        total = sum(
            (
                perlin(
                    [axis * 2**octave / wave for axis, wave in zip(axes, waves[::-1], strict=True)], F.normalize(table)
                )
                for octave in range(round(octaves))
            ),
            torch.zeros(slots, height, width),
        )
        noise = problem.epsilon * torch.sin(2 * math.pi * frequency * total)
        return noise[:, None].expand(problem.shape).to(problem.device)


def perlin(axes: Sequence[Tensor], table: Tensor) -> Tensor:
    """Gradient noise on the grid of three axes (Perlin, SIGGRAPH 2002), about in [-1, 1].

    Args:
        axes: places along time, height and width, three vectors; the whole numbers are lattice points.
        table: (LATTICE, 3) unit vectors, from which each lattice point takes one by a hash of its coordinates.

    Returns:
        (slots, height, width).
    """
    whole = [axis.floor().long() for axis in axes]
    part = [axis - axis.floor() for axis in axes]
    fade = [p * p * p * (p * (p * 6 - 15) + 10) for p in part]
    total = torch.zeros([len(axis) for axis in axes])
    for corner in range(8):
        bits = [(corner >> axis) & 1 for axis in range(3)]
        k, j, i = ((w + bit) for w, bit in zip(whole, bits, strict=True))
        hashed = (i[None, None] * 73856093 ^ j[None, :, None] * 19349663 ^ k[:, None, None] * 83492791) % LATTICE
        vectors = table[hashed]
        dt, dy, dx = ((p - bit) for p, bit in zip(part, bits, strict=True))
        slope = vectors[..., 0] * dx + vectors[..., 1] * dy[:, None] + vectors[..., 2] * dt[:, None, None]
        share = [f if bit else 1 - f for f, bit in zip(fade, bits, strict=True)]
        total += slope * share[0][:, None, None] * share[1][:, None] * share[2]
    return total


def _unmoved(given: LossInput) -> Tensor:
    """Minus the distance by which the features of each clip moved."""
    clean = given.problem.network.outputs(given.batch.through(given.batch.frames), "features").features
    assert given.features is not None
    assert clean is not None
    moved: Tensor = (_root(given.features) - _root(clean)).flatten(1).norm(dim=1)
    return -moved


def _root(features: Tensor) -> Tensor:
    return features.sign() * features.abs().sqrt()
