"""What autograd through a defense gives, for every defense."""

import pytest
import torch

from defenses import DEFENSES, Clip
from defenses.straight_through import StraightThrough
from defenses.testing.defense_checks import check_exact_gradient, check_gradient, check_gradient_of_flat_videos
from defenses.testing.videos import fit_on_tiny_videos, make_noise_video
from tests.defenses.examples import EVERY_SETTING, make_default


@pytest.mark.parametrize("name", EVERY_SETTING)
def test_the_gradient_is_finite_and_of_the_declared_kind(name: str) -> None:
    for defense in EVERY_SETTING[name]:
        check_gradient(defense)


@pytest.mark.parametrize("name", EVERY_SETTING)
def test_white_and_still_videos_have_a_gradient(name: str) -> None:
    for defense in EVERY_SETTING[name]:
        check_gradient_of_flat_videos(defense)


@pytest.mark.parametrize("name", [name for name, settings in EVERY_SETTING.items() if settings[0].differentiable])
def test_an_exact_gradient_agrees_with_finite_differences(name: str) -> None:
    for defense in EVERY_SETTING[name]:
        check_exact_gradient(defense)


@pytest.mark.parametrize("name", DEFENSES)
def test_the_identitys_gradient_can_be_put_in_front_of_any_defense(name: str) -> None:
    bare = fit_on_tiny_videos(make_default(name))
    defense = StraightThrough(bare)
    video, weights = make_noise_video(9).requires_grad_(), make_noise_video(3, seed=4)
    indices = torch.tensor([7, 0, 7])
    needed = defense.needs(indices, 9)
    defended = defense.defend(Clip(video[needed], needed, 9), indices)
    assert torch.equal(defended.detach(), bare(video.detach())[indices])
    (gradient,) = torch.autograd.grad((defended * weights).sum(), video)
    expected = torch.zeros_like(video)
    expected[7], expected[0] = weights[0] + weights[2], weights[1]
    torch.testing.assert_close(gradient, expected)
