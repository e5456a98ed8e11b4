import pytest
import torch

from perturbations.losses import margins
from perturbations.objectives import Discriminative, Objective, Targeted, Untargeted

CLEAN = torch.tensor([1, 0, 2, 1])
EVERY: list[Objective] = [Untargeted(), Targeted(0), Targeted(2), Discriminative(1)]


@pytest.mark.parametrize(
    ("objective", "classes", "toward"),
    [
        (Untargeted(), [1, 0, 2, 1], [-1, -1, -1, -1]),
        (Targeted(2), [2, 2, 2, 2], [1, 1, 1, 1]),
        (Discriminative(1), [1, 0, 2, 1], [-1, 1, 1, -1]),
    ],
    ids=str,
)
def test_aims_worked_out_by_hand(objective: Objective, classes: list[int], toward: list[float]) -> None:
    aims = objective.aims(CLEAN)
    assert (aims.classes.tolist(), aims.toward.tolist()) == (classes, toward)
    assert (aims.classes.dtype, aims.toward.dtype) == (torch.int64, torch.float32)


@pytest.mark.parametrize(
    ("objective", "expected"),
    [
        (Untargeted(), [False, True, True, True]),
        (Targeted(2), [False, True, False, True]),
        (Discriminative(1), [False, False, False, True]),  # lost too little, lost others twice, lost its own
    ],
    ids=str,
)
def test_where_the_attacker_has_won_worked_out_by_hand(objective: Objective, expected: list[bool]) -> None:
    assert objective.success(torch.tensor([1, 2, 0, 2]), CLEAN).tolist() == expected


def test_on_clean_predictions_only_what_is_to_be_kept_is_won() -> None:
    assert not Untargeted().success(CLEAN, CLEAN).any()
    assert Discriminative(1).success(CLEAN, CLEAN).tolist() == [False, True, True, False]


@pytest.mark.parametrize("objective", EVERY, ids=str)
def test_the_attacker_has_won_exactly_where_every_aim_is_reached(objective: Objective) -> None:
    logits = torch.randn(300, 4, generator=torch.Generator().manual_seed(0))
    clean = torch.randint(4, (300,), generator=torch.Generator().manual_seed(1))
    won, aims = objective.success(logits.argmax(1), clean), objective.aims(clean)
    assert won.any()
    assert not won.all()
    assert torch.equal(aims.toward * margins(logits, aims.classes) > 0, won)
