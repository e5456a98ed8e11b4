from dataclasses import replace

import pytest
import torch

from perturbations.budgets import Norm
from perturbations.controls import CONTROLS, noise_like, pixels_permuted, sign_flipped, time_permuted
from perturbations.perturbation import Perturbation
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


@pytest.mark.parametrize("name", CONTROLS)
def test_a_control_says_that_it_is_one(name: str) -> None:
    control = CONTROLS[name](make_perturbation(), 5)
    assert control.record == {"control": name, "seed": 5}


@pytest.mark.parametrize("name", CONTROLS)
@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("binding", ["constant", "cyclic:4", "relative:3", "append:4"])
def test_a_control_is_of_the_same_form_and_size_and_another_pattern(name: str, norm: Norm, binding: str) -> None:
    learned = make_perturbation(binding, norm=norm)
    kept = learned.delta.clone()
    control = CONTROLS[name](learned, 3)
    assert (control.binding, control.budget, control.delta.shape) == (learned.binding, learned.budget, kept.shape)
    assert torch.equal(learned.delta, kept)
    assert torch.equal(control.delta, kept) == ((name, binding) == ("time-permuted", "constant"))
    if not learned.binding.appended:
        size = learned.budget.size
        assert size(control.delta) == pytest.approx(size(kept), rel=1e-5)


def test_permuted_pixels_are_the_same_values_at_the_same_other_places_in_every_slot() -> None:
    learned = make_perturbation("cyclic:4", 6, 5)
    places = torch.arange(30.0).view(6, 5).expand(4, 3, 6, 5) / 1000
    marked = Perturbation(places.contiguous(), learned.binding, make_perturbation(epsilon="1").budget)
    moved = pixels_permuted(marked, 0).delta
    assert torch.equal(moved, moved[:1, :1].expand_as(moved))
    assert torch.equal(moved[0, 0].flatten().sort().values, places[0, 0].flatten())
    assert not torch.equal(moved, places)
    assert torch.equal(pixels_permuted(marked, 0).delta, moved)
    assert not torch.equal(pixels_permuted(marked, 1).delta, moved)


def test_permuted_slots_are_the_same_slots_in_another_order() -> None:
    learned = make_perturbation("cyclic:16")
    moved = time_permuted(learned, 0).delta
    rows = [[float(slot.sum()) for slot in delta] for delta in (learned.delta, moved)]
    assert sorted(rows[0]) == sorted(rows[1])
    assert rows[0] != rows[1]


def test_the_flipped_sign_is_the_opposite_and_of_appended_frames_the_negative_picture() -> None:
    learned = make_perturbation()
    assert torch.equal(sign_flipped(learned, 0).delta, -learned.delta)
    picture = make_perturbation("append:4", epsilon="1")
    shown = Perturbation(picture.delta.abs(), picture.binding, picture.budget)
    assert torch.equal(sign_flipped(shown, 0).delta, 1 - shown.delta)
    faint = make_perturbation("append:4")
    shown = Perturbation(faint.delta.abs(), faint.binding, faint.budget)
    torch.testing.assert_close(sign_flipped(shown, 0).delta, 8 / 255 - shown.delta)


@pytest.mark.parametrize("name", CONTROLS)
def test_a_control_is_enlarged_as_its_perturbation_is(name: str) -> None:
    perturbation = replace(make_perturbation(), resize="saturating")
    assert CONTROLS[name](perturbation, 0).resize == "saturating"
