from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor

from perturbations.attacks.base import objective_loss
from perturbations.coherence import temporal_coherence
from perturbations.gradients import (
    ClipLoss,
    GradientResult,
    LossInput,
    gradient_at,
)
from perturbations.losses import cross_entropy_loss
from perturbations.network import Internal, NetworkOutput
from perturbations.objectives import Discriminative, Objective, Targeted, Untargeted
from perturbations.problem import Batch, Problem
from perturbations.resizing import ResizePath
from tests.perturbations.worlds import DELTA, LinearNetwork, TanhNetwork, linear, make_problem, random


def doubled(problem: Problem, step: int) -> Batch:
    batch = problem.draw(step)
    path = ResizePath(*(one.double() for one in linear(batch.path)))
    return batch._replace(frames=batch.frames.double(), path=path)


def cross_entropy(problem: Problem) -> ClipLoss:
    return lambda given: cross_entropy_loss(
        given.logits, problem.objective.aims(given.batch.clean_predictions), float("inf")
    )


def coherence(problem: Problem) -> ClipLoss:
    def loss(given: LossInput) -> Tensor:
        assert given.features is not None
        return temporal_coherence(given.features, 0.5)

    return loss


def layer_response(problem: Problem) -> ClipLoss:
    def loss(given: LossInput) -> Tensor:
        assert given.activations is not None
        return given.activations[0].square().reshape(len(given.logits), -1).mean(1)

    return loss


@dataclass
class Unrounded:
    """The network behind a rounding to 8 bits, as if the rounding were not there: for finite differences."""

    problem: Problem
    batch: Batch
    make: Callable[[Problem], ClipLoss]
    internals: Sequence[Internal]

    def loss(self, delta: Tensor) -> float:
        pattern = self.batch.path.forward(delta)[self.batch.slots]
        clips = self.batch.through((self.batch.frames + pattern).clamp(0, 1))
        logits, features, activations = self.problem.network.outputs(clips, *self.internals)
        seen = LossInput(clips, logits, self.batch, self.problem, features, activations)
        return float(self.make(self.problem)(seen).mean())


@pytest.mark.parametrize("objective", [Untargeted(), Targeted(1), Discriminative(2)], ids=str)
@pytest.mark.parametrize("binding", ["cyclic:4", "append:2"])
def test_the_gradient_of_a_linear_network_agrees_with_finite_differences(objective: Objective, binding: str) -> None:
    problem = make_problem(binding, network=LinearNetwork(), objective=objective)
    batch = doubled(problem, 3)
    problem = replace(problem, network=LinearNetwork(dtype=torch.float64))
    check(problem, batch, lambda _: objective_loss(confidence=1e9))


@pytest.mark.parametrize(
    ("make", "internals"), [(cross_entropy, ()), (coherence, ("features",)), (layer_response, ("activations",))]
)
@pytest.mark.parametrize("defended", [False, True])
def test_the_gradient_through_features_activations_and_a_defense_agrees_with_finite_differences(
    make: Callable[[Problem], ClipLoss], internals: tuple[Internal, ...], defended: bool
) -> None:
    """With a network that is so smooth that rounding the clips hardly changes its slope."""
    problem = make_problem()
    batch = doubled(problem, 3)
    if defended:
        batch = batch._replace(defend=lambda clips, _: clips[:, :5] * 0.7 + clips[:, 1:] * 0.3)
    network = TanhNetwork(dtype=torch.float64)
    network.kernel /= 10
    network.weight /= 10
    check(replace(problem, network=network), batch, make, internals, tolerance=0.05)


def check(
    problem: Problem,
    batch: Batch,
    make: Callable[[Problem], ClipLoss],
    internals: Sequence[Internal] = (),
    tolerance: float = 1e-5,
) -> None:
    delta = (random(*problem.shape, seed=4).double() - 0.5) * 0.05
    found = gradient_at(problem, batch, delta, make(problem), *internals)
    smooth = Unrounded(problem, batch, make, internals)
    largest = float(found.gradient.abs().max())
    size = 5e-3 if "features" in internals else 1e-6  # coherence is measured in float32
    assert largest > 0
    for place in range(0, delta.numel(), 29):
        step = torch.zeros_like(delta)
        step.view(-1)[place] = size
        difference = (smooth.loss(delta + step) - smooth.loss(delta - step)) / (2 * size)
        assert float(found.gradient.view(-1)[place]) == pytest.approx(difference, abs=tolerance * largest)


def found_with(problem: Problem, part: int, batch: Batch) -> GradientResult:
    problem.micro_batch.clips = part
    return gradient_at(problem, batch, 0.02 * torch.ones(problem.shape), objective_loss())


@pytest.mark.parametrize("part", [1, 2, 3, 4, 5])
def test_the_gradient_does_not_depend_on_how_many_clips_go_through_the_network_at_a_time(part: int) -> None:
    problem = make_problem()
    batch = problem.draw(0)
    whole, parts = found_with(problem, 100, batch), found_with(problem, part, batch)
    torch.testing.assert_close(parts.gradient, whole.gradient, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(parts.losses, whole.losses)
    torch.testing.assert_close(parts.logits, whole.logits)
    assert torch.equal(found_with(problem, part, batch).gradient, parts.gradient)


def test_each_part_gets_its_own_clips_of_the_defense() -> None:
    problem = make_problem()
    seen: list[tuple[int, int]] = []

    def defend(clips: Tensor, first: int) -> Tensor:
        seen.append((first, len(clips)))
        factors = 1 - 0.1 * torch.arange(first, first + len(clips))
        return clips * factors.view(-1, 1, 1, 1, 1)

    batch = problem.draw(0)._replace(defend=defend)
    whole, parts = found_with(problem, 100, batch), found_with(problem, 2, batch)
    assert seen == [(0, 5), (0, 2), (2, 2), (4, 1)]
    torch.testing.assert_close(parts.logits, whole.logits)
    torch.testing.assert_close(batch.part(2, 5).part(1, 3).through(batch.frames[3:5]), defend(batch.frames[3:5], 3))


@dataclass
class OneOfTwo:
    """One of two processes that run one after the other: the second gets what the first one had to add."""

    others: list[Tensor]
    mine: list[Tensor]
    processes: int = 2

    def total(self, value: Tensor) -> Tensor:
        self.mine.append(value.clone())
        return value if not self.others else self.others.pop(0) + value


def test_parts_add_up_to_the_bits_that_two_processes_add_up_to() -> None:
    problem = make_problem()
    batch = problem.draw(0).part(0, 4)
    first = OneOfTwo([], [])
    found_with(replace(problem, group=first), 100, batch.part(0, 2))
    second = OneOfTwo(first.mine, [])
    of_processes = found_with(replace(problem, group=second), 100, batch.part(2, 4))
    in_parts = found_with(problem, 2, batch)
    assert torch.equal(of_processes.gradient, in_parts.gradient)
    assert len(second.mine) == 2  # the pattern's gradient, and the number of clips


@dataclass
class Hungry(TanhNetwork):
    """Has memory for a few clips only."""

    most: int = 1

    def outputs(self, clips: Tensor, *internals: Internal) -> NetworkOutput:
        if len(clips) > self.most:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return super().outputs(clips, *internals)


@pytest.mark.parametrize(("most", "part"), [(3, 3), (2, 2), (1, 1), (4, 3)])
def test_where_memory_is_short_the_part_is_halved_and_the_user_is_told(most: int, part: int) -> None:
    message: list[str] = []
    plain = make_problem()
    batch = plain.draw(0)
    problem = make_problem(network=Hungry(most=most), warn=message.append)
    short = gradient_at(problem, batch, plain.zeros(), objective_loss())
    whole = gradient_at(plain, batch, plain.zeros(), objective_loss())
    torch.testing.assert_close(short.gradient, whole.gradient, rtol=1e-4, atol=1e-6)
    assert problem.micro_batch.clips == part
    assert message[-1] == f"the GPU's memory is short: from here on {part} clip(s) go through the network at a time"


def test_one_clip_that_does_not_fit_is_an_error() -> None:
    problem = make_problem(network=Hungry(most=0))
    with pytest.raises(torch.cuda.OutOfMemoryError):
        gradient_at(problem, make_problem().draw(0), problem.zeros(), objective_loss())
    assert problem.micro_batch.clips == 1


def test_frames_without_a_slot_get_nothing_and_give_no_gradient() -> None:
    problem = make_problem("append:2")
    batch = problem.draw(0)._replace(slots=torch.full((5, 6), -1))
    delta = 0.1 * torch.ones(2, 3, *DELTA)
    clips = batch.perturbed(delta)
    assert torch.equal(clips, batch.frames)
    found = gradient_at(problem, batch, delta, objective_loss())
    assert not found.gradient.any()
    one = batch._replace(slots=batch.slots.clone().index_fill(1, torch.tensor([3]), 1))
    found = gradient_at(problem, one, delta, objective_loss())
    assert not found.gradient[0].any()
    assert found.gradient[1].any()


def test_the_network_sees_whole_levels_and_the_batch_is_left_alone() -> None:
    network = LinearNetwork()
    problem = make_problem(network=network)
    batch, delta = problem.draw(0), torch.full((4, 3, *DELTA), 0.02)
    kept = batch.frames.clone()
    gradient_at(problem, batch, delta, objective_loss())
    clips = network.seen[-1]
    assert torch.equal(clips, (clips * 255).round() / 255)
    assert 0 <= float(clips.min()) < float(clips.max()) <= 1
    assert torch.equal(batch.frames, kept)
    assert bool((delta == 0.02).all())
    assert not delta.requires_grad
