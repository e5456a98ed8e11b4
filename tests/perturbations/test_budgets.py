from fractions import Fraction

import pytest
import torch

from perturbations import Budget, parse_epsilon

BUDGETS = [Budget(norm, Fraction(epsilon)) for norm in ("linf", "l2") for epsilon in ("8/255", "0.03", "1/255", "1")]


def noise(size: float, seed: int = 0) -> torch.Tensor:
    return torch.randn(4, 3, 9, 7, generator=torch.Generator().manual_seed(seed)) * size


@pytest.mark.parametrize("budget", BUDGETS, ids=str)
@pytest.mark.parametrize("factor", [0.1, 1, 30])
def test_what_was_projected_is_within_the_budget(budget: Budget, factor: float) -> None:
    assert budget.size(budget.project(noise(factor * float(budget.epsilon)))) <= float(budget.epsilon) * (1 + 1e-6)


@pytest.mark.parametrize("budget", BUDGETS, ids=str)
def test_what_is_within_the_budget_is_not_changed_by_projection(budget: Budget) -> None:
    inside = budget.project(noise(float(budget.epsilon))) * 0.9
    assert torch.equal(budget.project(inside), inside)


@pytest.mark.parametrize("budget", BUDGETS, ids=str)
def test_projection_finds_the_nearest_allowed_perturbation(budget: Budget) -> None:
    outside = noise(3 * float(budget.epsilon))
    distance = (outside - budget.project(outside)).norm()
    for seed in range(1, 20):
        allowed = budget.project(budget.project(outside) + noise(float(budget.epsilon) / 3, seed))
        assert (outside - allowed).norm() >= distance * (1 - 1e-6)


def test_linf_projection_by_hand() -> None:
    delta = torch.tensor([0.5, -0.5, 0.1, -0.1, 0.0])
    assert Budget("linf", Fraction(1, 4)).project(delta).tolist() == pytest.approx([0.25, -0.25, 0.1, -0.1, 0])


def test_l2_is_the_root_mean_square_so_that_it_means_the_same_at_every_size() -> None:
    budget = Budget("l2", Fraction(1, 10))
    assert budget.size(torch.tensor([0.6, 0.8])) == pytest.approx(0.5**0.5)
    assert budget.project(torch.tensor([0.6, 0.8])).tolist() == pytest.approx([0.06 * 2**0.5, 0.08 * 2**0.5])
    assert budget.size(torch.full((2, 3, 4, 4), 0.1)) == pytest.approx(budget.size(torch.full((9, 3, 50, 40), 0.1)))


def test_zeros_stay_zeros() -> None:
    for budget in BUDGETS:
        assert torch.equal(budget.project(torch.zeros(1, 3, 2, 2)), torch.zeros(1, 3, 2, 2))
        assert not budget.quantize(torch.zeros(1, 3, 2, 2)).any()


@pytest.mark.parametrize("budget", BUDGETS, ids=str)
@pytest.mark.parametrize("seed", range(5))
def test_whole_levels_are_within_the_budget(budget: Budget, seed: int) -> None:
    levels = budget.quantize(budget.project(noise(2 * float(budget.epsilon), seed)))
    assert levels.dtype == torch.int16
    if budget.norm == "linf":
        assert Fraction(int(levels.abs().max()), 255) <= budget.epsilon
    else:
        assert budget.size(levels.double() / 255) <= float(budget.epsilon) * (1 + 1e-5)


@pytest.mark.parametrize(("epsilon", "most"), [("8/255", 8), ("0.03", 7), ("1/255", 1), ("1", 255), ("0.5", 127)])
def test_linf_keeps_as_many_levels_as_fit(epsilon: str, most: int) -> None:
    budget = Budget("linf", Fraction(epsilon))
    full = torch.tensor([1.0, -1.0]) * float(budget.epsilon)
    assert budget.quantize(full).tolist() == [most, -most]


def test_l2_at_its_bound_keeps_nearly_all_of_it() -> None:
    for epsilon in ("8/255", "0.03", "2/255"):
        budget = Budget("l2", Fraction(epsilon))
        full = noise(1) * 5
        levels = budget.quantize(budget.project(full))
        assert budget.size(levels.double() / 255) > 0.95 * float(budget.epsilon)


def test_rounding_is_exact_for_every_level() -> None:
    levels = torch.arange(-255, 256)
    assert torch.equal(Budget("linf", Fraction(1)).quantize(levels / 255).long(), levels)


def test_rounding_takes_the_nearest_level() -> None:
    levels = torch.tensor([0.4, 0.6, -0.4, -0.6, 7.49, 7.51, -7.49])
    assert Budget("linf", Fraction(1)).quantize(levels / 255).tolist() == [0, 1, 0, -1, 7, 8, -7]


@pytest.mark.parametrize(
    ("text", "epsilon"),
    [("8/255", Fraction(8, 255)), ("0.03", Fraction(3, 100)), ("1", Fraction(1)), (" 4/255 ", Fraction(4, 255))],
)
def test_epsilon_is_read_exactly(text: str, epsilon: Fraction) -> None:
    assert parse_epsilon(text) == epsilon


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("8", "did you mean 8/255?"),
        ("400/255", "use for example 8/255"),
        ("9999", "use for example 8/255"),
        ("0", "use for example 8/255"),
        ("-1/255", "use for example 8/255"),
        ("eight", "write it as 8/255 or 0.03"),
        ("8/0", "write it as 8/255 or 0.03"),
        ("nan", "write it as 8/255 or 0.03"),
        ("", "write it as 8/255 or 0.03"),
    ],
)
def test_a_bad_epsilon_is_refused_with_what_would_work(text: str, hint: str) -> None:
    with pytest.raises(ValueError, match=f"epsilon '{text}'") as caught:
        parse_epsilon(text)
    assert hint in str(caught.value)


@pytest.mark.parametrize(
    ("epsilon", "text"), [("8/255", "8/255"), ("0.03", "3/100"), ("16/510", "8/255"), ("1", "255/255")]
)
def test_epsilon_is_written_in_levels_where_it_is_a_whole_number_of_them(epsilon: str, text: str) -> None:
    assert Budget("linf", Fraction(epsilon)).epsilon_text == text


def test_an_unknown_norm_is_refused() -> None:
    with pytest.raises(ValueError, match="the norm 'l1' is unknown; use linf or l2"):
        Budget("l1", Fraction(1, 2))  # type: ignore[arg-type]  # the wrong value is the test


@pytest.mark.parametrize("epsilon", [Fraction(0), Fraction(-1, 255), Fraction(256, 255)])
def test_a_budget_outside_of_pixel_units_is_refused(epsilon: Fraction) -> None:
    with pytest.raises(ValueError, match=f"epsilon is {epsilon}"):
        Budget("linf", epsilon)
