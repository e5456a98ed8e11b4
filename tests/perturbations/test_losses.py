import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from perturbations.losses import (
    cross_entropy_loss,
    layer_response,
    margin_loss,
    margins,
    own_class_at_mean,
    running_mean_logits,
)
from perturbations.objectives import Aims, Discriminative, Objective, Targeted, Untargeted

LOGITS = torch.tensor([[3.0, 1.0, 2.0], [0.0, 9.0, 8.5], [-4.0, 7.0, 2.0]])
CLEAN = torch.tensor([0, 2, 0])


def test_margins_are_how_far_a_class_is_above_the_best_other() -> None:
    assert margins(LOGITS, CLEAN).tolist() == [1.0, -0.5, -11.0]


@pytest.mark.parametrize(
    ("objective", "enough", "expected"),
    [
        (Untargeted(), 5, [1.0, -0.5, -5.0]),  # 3 - 2, 8.5 - 9, -4 - 7 cut at -5
        (Untargeted(), 20, [1.0, -0.5, -11.0]),
        (Targeted(1), 5, [2.0, -0.5, -5.0]),  # 3 - 1, -(9 - 8.5), -(7 - 2)
        (Targeted(1), 0.25, [2.0, -0.25, -0.25]),
        (Discriminative(0), 5, [1.0, 0.5, -5.0]),  # class 0 loses, class 2 is kept: 9 - 8.5
    ],
    ids=str,
)
def test_the_margin_loss_worked_out_by_hand(objective: Objective, enough: float, expected: list[float]) -> None:
    assert margin_loss(LOGITS, objective.aims(CLEAN), enough).tolist() == expected


@pytest.mark.parametrize("objective", [Untargeted(), Targeted(0), Targeted(2), Discriminative(1)], ids=str)
def test_the_margin_loss_is_negative_exactly_where_the_attacker_has_won(objective: Objective) -> None:
    logits = torch.randn(200, 4, generator=torch.Generator().manual_seed(0))
    clean = torch.randint(4, (200,), generator=torch.Generator().manual_seed(1))
    won = objective.success(logits.argmax(1), clean)
    assert torch.equal(margin_loss(logits, objective.aims(clean), 5) < 0, won)


@pytest.mark.parametrize(("objective", "expected"), [(Untargeted(), [1, 0, -1]), (Targeted(1), [1, -1, 0])], ids=str)
def test_a_clip_that_is_fooled_enough_gives_no_gradient(objective: Objective, expected: list[float]) -> None:
    logits = torch.tensor([[0.0, 50.0, 0.0], [3.0, 1.0, 2.5]], requires_grad=True)
    (gradient,) = torch.autograd.grad(margin_loss(logits, objective.aims(torch.tensor([0, 0])), 5).sum(), logits)
    assert not gradient[0].any()
    assert gradient[1].tolist() == expected


def test_the_cross_entropy_is_that_of_torch_with_its_sign_and_its_limit() -> None:
    aims = Aims(CLEAN, torch.tensor([1.0, -1.0, -1.0]))
    entropies = F.cross_entropy(LOGITS, CLEAN, reduction="none")
    expected = [float(entropies[0]), -float(entropies[1]), -2.0]  # the third has 11
    assert cross_entropy_loss(LOGITS, aims, 2.0).tolist() == pytest.approx(expected)
    assert float(entropies[2]) == pytest.approx(11.0, abs=0.1)
    assert float(entropies[0]) == pytest.approx(math.log(1 + math.exp(-2) + math.exp(-1)))


def test_the_running_mean_worked_out_by_hand() -> None:
    first = running_mean_logits(None, torch.tensor([4.0, 8.0]), 4)
    assert first.tolist() == [1.0, 2.0]
    assert running_mean_logits(first, torch.tensor([40.0, 0.0]), 4).tolist() == pytest.approx([0.9 + 0.1 * 10, 1.8])


def test_the_clean_class_is_set_to_the_clips_mean() -> None:
    assert own_class_at_mean(LOGITS, CLEAN)[0].tolist() == [2.0, 1.0, 2.0]
    assert own_class_at_mean(LOGITS, CLEAN)[1].tolist() == pytest.approx([0.0, 9.0, 17.5 / 3])


def plain_excitement(layers: list[Tensor]) -> Tensor:
    """The formula, on layers with a row of all frames for each clip."""
    return torch.stack([layer.flatten(1).square().sum(1).sqrt().log() for layer in layers]).sum(0)


def test_excitement_and_its_gradient_are_those_of_the_formula() -> None:
    torch.manual_seed(0)
    by_clip = torch.randn(2, 5, 3, 4).requires_grad_()
    by_frame = torch.randn(6, 4, 2, 2).to(memory_format=torch.channels_last).requires_grad_()
    found = layer_response([by_clip, by_frame], 2)
    expected = plain_excitement([by_clip, by_frame.unflatten(0, (2, 3))])
    torch.testing.assert_close(found, expected)
    weights = torch.tensor([2.0, -1.0])
    leaves = [by_clip, by_frame]
    for one, other in zip(
        torch.autograd.grad((found * weights).sum(), leaves),
        torch.autograd.grad((expected * weights).sum(), leaves),
        strict=True,
    ):
        torch.testing.assert_close(one, other)


def test_a_layer_that_is_silent_excites_nobody() -> None:
    layer = torch.zeros(2, 3).requires_grad_()
    (gradient,) = torch.autograd.grad(layer_response([layer], 2).sum(), layer)
    assert not gradient.any()


def test_layers_of_half_precision_are_summed_in_single() -> None:
    layer = torch.full((1, 70000), 2.0, dtype=torch.float16).requires_grad_()
    found = layer_response([layer], 1)
    assert float(found.detach()) == pytest.approx(math.log(2 * math.sqrt(70000)), abs=1e-3)
    (gradient,) = torch.autograd.grad(found.sum(), layer)
    assert gradient.dtype == torch.float16
    assert float(gradient[0, 0]) == pytest.approx(2 / (4 * 70000), rel=0.1)
