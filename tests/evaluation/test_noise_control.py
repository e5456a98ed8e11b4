"""The noise control is as large as the perturbation in the frames."""

from fractions import Fraction

import pytest
import torch

from lsap_cli.evaluation.noise_control import NoiseControl, noise_control
from lsap_cli.evaluation.sources import AddedPerturbation
from lsap_cli.video.changes import Changes
from perturbations import Budget, Perturbation, parse_binding
from perturbations.budgets import Norm
from perturbations.controls import noise_like

GRAY = torch.full((4, 3, 60, 80), 128, dtype=torch.uint8)
EVERY = torch.arange(4)


def smooth(norm: Norm) -> Perturbation:
    """A pattern of coarse blocks at the limit of its budget, which a resize leaves nearly as large."""
    signs = torch.randint(0, 2, (2, 3, 4, 4), generator=torch.Generator().manual_seed(5)) * 2.0 - 1
    delta = signs.repeat_interleave(5, 2).repeat_interleave(5, 3) * 8 / 255
    return Perturbation(delta, parse_binding("cyclic:2"), Budget(norm, Fraction(8, 255)))


def change_of(source: AddedPerturbation | NoiseControl, size: tuple[int, int] = (60, 80)) -> Changes:
    frames = GRAY[..., : size[0], : size[1]]
    changes = Changes()
    changes.add(frames, source.change(frames, EVERY, 4))
    return changes


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_the_noise_has_the_perturbations_measured_size_within_the_budget(norm: Norm) -> None:
    perturbation = smooth(norm)
    control = noise_control(perturbation, 0)
    assert isinstance(control, NoiseControl)
    for size in ((60, 80), (33, 47)):
        target = change_of(AddedPerturbation(perturbation), size).l2_rms
        assert change_of(AddedPerturbation(noise_like(perturbation, 0)), size).l2_rms < 0.9 * target
        found = change_of(control, size)
        assert found.l2_rms == pytest.approx(target, rel=0.03)
        assert norm != "linf" or found.largest <= 8


@pytest.mark.parametrize(("size", "changed"), [((60, 80), 0.05), ((60, 80), 0.4), ((33, 47), 0.4)])
def test_noise_of_equal_elements_is_as_small_as_a_pattern_that_changes_few_pixels(
    size: tuple[int, int], changed: float
) -> None:
    drawn = torch.rand(2, 3, 60, 80, generator=torch.Generator().manual_seed(5)) < changed
    perturbation = Perturbation(drawn / 255, parse_binding("cyclic:2"), Budget("linf", Fraction(1, 255)))
    target = change_of(AddedPerturbation(perturbation), size).l2_rms
    assert 0 < target < 0.7
    control = noise_control(perturbation, 0)
    assert isinstance(control, NoiseControl)
    found = [change_of(control, size) for _ in range(2)]
    assert found[0].l2_rms == pytest.approx(target, rel=0.15)
    assert found[0].largest == 1
    assert found[0].l2_rms == found[1].l2_rms


def test_the_noise_of_many_slots_is_made_slot_by_slot(monkeypatch: pytest.MonkeyPatch) -> None:
    perturbation = smooth("linf")
    made: list[int] = []
    resized = Perturbation.resized

    def counted(self: Perturbation, height: int, width: int, slots: slice = slice(None)) -> torch.Tensor:
        made.append(len(self.delta[slots]))
        return resized(self, height, width, slots)

    monkeypatch.setattr(Perturbation, "resized", counted)
    noise_control(perturbation, 0).change(GRAY, EVERY, 4)
    assert set(made) == {1}


def test_the_same_seed_gives_the_same_noise_and_another_seed_another() -> None:
    made = [noise_control(smooth("linf"), seed).change(GRAY, EVERY, 4) for seed in (0, 0, 1)]
    assert torch.equal(made[0], made[1])
    assert not torch.equal(made[0], made[2])


def test_noise_for_appended_frames_is_plain_noise() -> None:
    appended = Perturbation(torch.zeros(2, 3, 6, 8), parse_binding("append:2"), Budget("linf", Fraction(1)))
    assert isinstance(noise_control(appended, 0), AddedPerturbation)
