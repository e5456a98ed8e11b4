"""What passes a defense, for every defense."""

import pytest
import torch

from defenses import DEFENSES, Defense
from defenses.compression import H264, Jpeg
from defenses.testing.defense_checks import check_gray_offset, check_null_space
from defenses.testing.videos import make_fine_noise, surviving_share
from tests.defenses.examples import STRONGER, make_default


@pytest.mark.parametrize("name", STRONGER)
def test_fine_noise_is_weakened_and_more_so_by_stronger_settings(name: str) -> None:
    noise = make_fine_noise(25)
    left = [surviving_share(defense, noise) for defense in (make_default(name), *STRONGER[name])]
    assert 0.8 > left[0] > left[1] > left[2]


@pytest.mark.parametrize("name", DEFENSES)
def test_a_gray_offset_that_never_changes_passes(name: str) -> None:
    check_gray_offset(make_default(name))


@pytest.mark.parametrize("name", DEFENSES)
def test_constant_and_smooth_patterns_pass_as_declared(name: str) -> None:
    check_null_space(make_default(name))


@pytest.mark.parametrize("codec", [Jpeg(75), H264(23)])
def test_stripes_of_single_pixels_pass_a_codec_that_removes_fine_noise(codec: Defense) -> None:
    signs = (1.0 - 2 * (torch.arange(32) % 2)).view(1, 1, 32, 1)
    stripes = (8 / 255 * signs).expand(12, 3, 32, 48)
    assert surviving_share(codec, stripes) > 0.8
    assert surviving_share(codec, make_fine_noise(12)) < 0.5
