"""What passes a defense, for every defense."""

import pytest

from defenses import DEFENSES
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
