import pytest
import torch

from perturbations.objectives import Objective, Targeted, Untargeted

LOGITS = torch.tensor([[3.0, 1.0, 2.0], [0.0, 9.0, 8.5], [-4.0, 7.0, 2.0]])
CLEAN = torch.tensor([0, 2, 0])


def test_the_untargeted_loss_is_the_margin_of_the_clean_prediction() -> None:
    # 3 - 2, 8.5 - 9, -4 - 7 cut at -5
    assert Untargeted(together=0).loss(LOGITS, CLEAN).tolist() == [1.0, -0.5, -5.0]
    assert Untargeted(together=0, enough=20).loss(LOGITS, CLEAN).tolist() == [1.0, -0.5, -11.0]


def test_its_second_part_leads_all_clips_to_a_class_that_none_of_them_is() -> None:
    # class 1 is no clip's clean prediction: 3 - 1, 8.5 - 9, 2 - 7
    assert Untargeted(together=1).loss(LOGITS, CLEAN).tolist() == [2.0, -0.5, -5.0]
    assert Untargeted(together=0.25).loss(LOGITS, CLEAN).tolist() == [1.25, -0.5, -5.0]


def test_of_several_such_classes_the_one_with_the_highest_mean_is_shared() -> None:
    logits = torch.tensor([[4.0, 3.0, 0.0], [4.0, -5.0, 2.0]])
    assert Untargeted(together=1).loss(logits, torch.tensor([0, 0])).tolist() == [4.0, 2.0]  # class 2: mean 1 > -1


def test_where_every_class_is_some_clips_the_margin_is_all() -> None:
    logits, clean = torch.tensor([[3.0, 1.0], [0.0, 2.0]]), torch.tensor([0, 1])
    assert Untargeted(together=1).loss(logits, clean).tolist() == [2.0, 2.0]


def test_the_targeted_loss_is_how_far_the_target_lies_behind() -> None:
    # 3 - 1, -(9 - 8.5), -(7 - 2)
    assert Targeted(1).loss(LOGITS, CLEAN).tolist() == [2.0, -0.5, -5.0]
    assert Targeted(1, enough=0.25).loss(LOGITS, CLEAN).tolist() == [2.0, -0.25, -0.25]


def test_untargeted_wins_where_the_prediction_changed() -> None:
    assert Untargeted().success(torch.tensor([1, 2, 0]), torch.tensor([1, 0, 2])).tolist() == [False, True, True]


def test_targeted_wins_where_the_target_is_predicted() -> None:
    assert Targeted(2).success(torch.tensor([1, 2, 0]), torch.tensor([1, 0, 2])).tolist() == [False, True, False]


@pytest.mark.parametrize("objective", [Untargeted(together=0), Targeted(0), Targeted(2)], ids=str)
def test_the_loss_is_negative_exactly_where_the_attacker_has_won(objective: Objective) -> None:
    logits = torch.randn(200, 4, generator=torch.Generator().manual_seed(0))
    clean = torch.randint(4, (200,), generator=torch.Generator().manual_seed(1))
    won = objective.success(logits.argmax(1), clean)
    assert won.any()
    assert not won.all()
    assert torch.equal(objective.loss(logits, clean) < 0, won)


@pytest.mark.parametrize(
    ("objective", "expected"),
    [(Untargeted(together=0), [1, 0, -1]), (Untargeted(), [1, -0.5, -0.5]), (Targeted(1), [1, -1, 0])],
    ids=str,
)
def test_a_clip_that_is_fooled_enough_gives_no_gradient(objective: Objective, expected: list[float]) -> None:
    logits = torch.tensor([[0.0, 50.0, 0.0], [3.0, 1.0, 2.5]], requires_grad=True)
    (gradient,) = torch.autograd.grad(objective.loss(logits, torch.tensor([0, 0])).sum(), logits)
    assert not gradient[0].any()
    assert gradient[1].tolist() == expected
