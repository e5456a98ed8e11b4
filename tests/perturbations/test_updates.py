import pytest
import torch

from perturbations.updates import MomentumSign, step_size


def test_the_step_falls_like_half_a_cosine() -> None:
    sizes = [step_size(0.1, 0.5, progress) for progress in (0, 0.25, 0.5, 0.75, 1)]
    assert sizes == pytest.approx([0.05, 0.0426777, 0.025, 0.0073223, 0], abs=1e-6)


def test_the_first_step_goes_against_the_sign_of_the_gradient() -> None:
    update, delta = MomentumSign(first_step=0.5), torch.tensor([0.0, 1.0, 0.0])
    memory = update.start(delta)
    moved = update.next(delta, torch.tensor([3.0, -0.001, 0.0]), memory, epsilon=0.2, progress=0.0)
    assert moved.tolist() == pytest.approx([-0.1, 1.1, 0.0])


def test_momentum_adds_up_gradients_of_mean_size_one() -> None:
    update, delta = MomentumSign(momentum=0.5), torch.zeros(2)
    memory = update.start(delta)
    update.next(delta, torch.tensor([30.0, -10.0]), memory, 0.1, 0.0)
    assert memory["momentum"].tolist() == pytest.approx([1.5, -0.5])
    update.next(delta, torch.tensor([-1.0, -1.0]), memory, 0.1, 0.0)
    assert memory["momentum"].tolist() == pytest.approx([-0.25, -1.25])


def test_what_is_remembered_outweighs_one_small_gradient() -> None:
    update, delta = MomentumSign(), torch.zeros(2)
    memory = {"momentum": torch.tensor([5.0, 5.0])}
    assert (update.next(delta, torch.tensor([-1.0, 1.0]), memory, 0.1, 0.0) < 0).all()


def test_a_gradient_of_zeros_moves_nothing_and_breaks_nothing() -> None:
    update, delta = MomentumSign(), torch.full((3,), 0.01)
    memory = update.start(delta)
    assert torch.equal(update.next(delta, torch.zeros(3), memory, 0.1, 0.0), delta)
    assert memory["momentum"].isfinite().all()


def test_the_input_is_not_changed() -> None:
    update, delta, gradient = MomentumSign(), torch.zeros(3), torch.ones(3)
    update.next(delta, gradient, update.start(delta), 0.1, 0.0)
    assert not delta.any()
    assert bool((gradient == 1).all())
