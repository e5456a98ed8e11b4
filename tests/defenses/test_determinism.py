"""The same defense gives the same result, for every defense."""

import pytest

from defenses import DEFENSES
from defenses.testing.defense_checks import check_determinism, check_threads
from tests.defenses.examples import EVERY_SETTING, make_default


@pytest.mark.parametrize("name", EVERY_SETTING)
def test_the_same_video_gives_the_same_result_and_the_generator_decides_about_draws(name: str) -> None:
    for defense in EVERY_SETTING[name]:
        check_determinism(defense)


@pytest.mark.parametrize("name", DEFENSES)
def test_the_number_of_threads_does_not_change_the_result(name: str) -> None:
    check_threads(make_default(name))
