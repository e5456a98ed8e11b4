import pytest
import torch

from perturbations.controls import noise_like
from tests.tiny import make_perturbation


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("epsilon", ["8/255", "0.03"])
def test_noise_is_as_large_as_the_budget_allows(norm: str, epsilon: str) -> None:
    perturbation = make_perturbation(norm=norm, epsilon=epsilon)
    noise = noise_like(perturbation, seed=0)
    assert noise.budget.size(noise.delta) == pytest.approx(float(perturbation.budget.epsilon), rel=1e-5)
    assert (noise.binding, noise.budget, noise.delta.shape) == (
        perturbation.binding, perturbation.budget, perturbation.delta.shape,
    )  # fmt: skip


def test_linf_noise_is_plus_or_minus_epsilon_everywhere() -> None:
    delta = noise_like(make_perturbation("cyclic:16", 20, 20), seed=0).delta
    assert (delta.abs() == 8 / 255).all()
    assert float(delta.sign().mean()) == pytest.approx(0, abs=0.03)


def test_noise_is_set_by_its_seed_alone() -> None:
    perturbation, other = make_perturbation(seed=1), make_perturbation(seed=2)
    torch.manual_seed(7)
    noise = noise_like(perturbation, seed=5).delta
    assert torch.equal(noise, noise_like(other, seed=5).delta)
    assert not torch.equal(noise, noise_like(perturbation, seed=6).delta)


def test_a_control_says_that_it_is_one() -> None:
    assert noise_like(make_perturbation(), seed=5).record == {"control": "noise", "seed": 5}
