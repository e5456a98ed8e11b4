"""A tiny world to attack: a network that can be looked into, batches that depend on their number, a problem."""

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction

import torch
from torch import Tensor
from torch.nn import functional as F

from perturbations.attacks import Attack
from perturbations.bindings import NO_SLOT, Binding, parse_binding
from perturbations.budgets import Budget, Norm
from perturbations.learn import learn
from perturbations.network import Internal, Network, NetworkOutput
from perturbations.objectives import Objective, Untargeted
from perturbations.problem import Batch, Problem, SingleProcess, SumOverProcesses
from perturbations.resizing import DeltaPath, ResizePath
from perturbations.seeds import seeded
from perturbations.state import State, Step

CLASSES, CLIPS, FRAMES = 4, 5, 6
DELTA, SIZE = (5, 6), (7, 4)  # heights and widths of delta, and of the network's input


def random(*shape: int, seed: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


@dataclass
class TanhNetwork:
    """tanh of a convolution of each frame; features: means over quarters of the frame; logits: their mean."""

    dtype: torch.dtype = torch.float32
    looks: int = 0  # how often it was asked
    kernel: Tensor = field(init=False)
    weight: Tensor = field(init=False)

    def __post_init__(self) -> None:
        generator = torch.Generator().manual_seed(5)
        self.kernel = torch.randn(6, 3, 3, 3, generator=generator).to(self.dtype)
        self.weight = (4 * torch.randn(24, CLASSES, generator=generator)).to(self.dtype)

    def outputs(self, clips: Tensor, *internals: Internal) -> NetworkOutput:
        self.looks += 1
        maps = torch.tanh(F.conv2d(clips.flatten(0, 1) - 0.5, self.kernel, padding=1))
        features: Tensor = F.adaptive_avg_pool2d(maps, 2).flatten(1).unflatten(0, clips.shape[:2])
        return NetworkOutput(features.mean(1) @ self.weight, features, [maps])

    def score(self, clips: Tensor) -> Tensor:
        return self.outputs(clips).logits


@dataclass
class LinearNetwork:
    """Logits are weighted sums of pixels."""

    frames: int = FRAMES
    size: tuple[int, int] = SIZE
    classes: int = CLASSES
    dtype: torch.dtype = torch.float32
    seed: int = 9
    seen: list[Tensor] = field(default_factory=list)
    weight: Tensor = field(init=False)

    def __post_init__(self) -> None:
        inputs = self.frames * 3 * self.size[0] * self.size[1]
        self.weight = (random(inputs, self.classes, seed=self.seed) - 0.5).to(self.dtype)

    def score(self, clips: Tensor) -> Tensor:
        self.seen.append(clips.detach().clone())
        return clips.flatten(1) @ self.weight

    def outputs(self, clips: Tensor, *internals: Internal) -> NetworkOutput:
        return NetworkOutput(self.score(clips), clips.flatten(2), [clips.flatten(0, 1)])


def features_of(network: Network, clips: Tensor) -> Tensor:
    """Frame features, (B, T', D)."""
    found = network.outputs(clips, "features").features
    assert found is not None
    return found


def activations_of(network: Network, clips: Tensor) -> list[Tensor]:
    """What the layers give."""
    found = network.outputs(clips, "activations").activations
    assert found is not None
    return found


def path(seed: int, to: tuple[int, int] = SIZE) -> ResizePath:
    """Rows and columns: each pixel at the network is a mean of delta's."""
    ways = [random(to[axis], DELTA[axis], seed=seed + axis) ** 4 for axis in (0, 1)]
    rows, columns = (one / one.sum(1, keepdim=True) for one in ways)
    return ResizePath(rows, columns)


def linear(path: DeltaPath) -> ResizePath:
    """A way that is two matrices."""
    assert isinstance(path, ResizePath)
    return path


def draw(step: int, network: Network, binding: Binding, clips: int = CLIPS, video_seed: int = 0) -> Batch:
    """A batch that depends on its number only; some of its pixels are black or white.

    Args:
        step: the number.
        network: what it sees in the clean clips is their class.
        binding: from which slots are made, as of a video of FRAMES frames.
        clips: B.
        video_seed: other numbers give other videos, with the same slots and the same way to the network.
    """
    generator = seeded("batch", step)
    scenes = torch.rand(clips, 1, 3, *SIZE, generator=seeded("scenes", step, video_seed))
    noise = torch.rand(clips, FRAMES, 3, *SIZE, generator=seeded("noise", step, video_seed))
    frames = ((0.9 * scenes + 0.5 * noise - 0.2).clamp(0, 1) * 255).round() / 255
    indices = torch.arange(FRAMES) + binding.appended
    slots = binding.slots(indices.expand(clips, -1), FRAMES)
    if binding.kind == "cyclic":
        slots = (slots + torch.randint(binding.period, (clips, 1), generator=generator)) % binding.period
    if binding.appended:
        frames[slots != NO_SLOT] = 0
    with torch.no_grad():
        clean = network.score(frames).argmax(1)
    return Batch(frames, slots, clean, path(step % 2))


def make_problem(
    binding: str = "cyclic:4",
    norm: Norm = "linf",
    levels: int = 24,
    *,
    network: Network | None = None,
    objective: Objective | None = None,
    seed: int = 0,
    video_seed: int = 0,
    group: SumOverProcesses | None = None,
    warn: Callable[[str], None] = lambda _: None,
) -> Problem:
    """A problem in the tiny world; epsilon is given in 255ths."""
    bound, looked_at = parse_binding(binding), network or TanhNetwork()
    return Problem(
        network=looked_at,
        draw=lambda step: draw(step, looked_at, bound, video_seed=video_seed),
        objective=objective or Untargeted(),
        budget=Budget(norm, Fraction(levels, 255)),
        binding=bound,
        shape=(bound.period, 3, *DELTA),
        frames=FRAMES,
        classes=CLASSES,
        seed=seed,
        group=group or SingleProcess(),
        warn=warn,
    )


def zeros(problem: Problem) -> State:
    """Where learning begins."""
    return State(problem.zeros())


def run(problem: Problem, attack: Attack, state: State, until: int, planned: int) -> list[Step]:
    """Steps until there are `until`, of a run that is planned to have `planned`."""
    made: list[Step] = []
    if state.steps >= until:
        return made
    for step in learn(problem, attack, state, lambda now: now.steps / planned):
        made.append(step)
        if state.steps == until:
            break
    return made


def perturbed(batch: Batch, delta: Tensor) -> Tensor:
    """The batch's clips with delta in them, as the network gets them."""
    return batch.through(batch.perturbed(delta))


def success_rate(problem: Problem, delta: Tensor) -> float:
    """On batches that the runs of these tests do not draw."""
    won = []
    for step in range(1000, 1008):
        batch = problem.draw(step)
        with torch.no_grad():
            predictions = problem.network.score(perturbed(batch, delta)).argmax(1)
        won.append(problem.objective.success(predictions, batch.clean_predictions))
    return float(torch.cat(won).float().mean())


def same(first: State, second: State) -> bool:
    return (
        torch.equal(first.delta, second.delta)
        and first.memory.keys() == second.memory.keys()
        and all(torch.equal(first.memory[name], second.memory[name]) for name in first.memory)
        and first.steps == second.steps
    )
