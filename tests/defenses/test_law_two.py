"""Law 2, for every defense: defending the needed frames equals sampling the defended video."""

import pytest

from defenses.testing.defense_checks import check_partial_defense
from tests.defenses.examples import EVERY_SETTING


@pytest.mark.parametrize("name", EVERY_SETTING)
def test_defending_the_needed_frames_equals_sampling_the_defended_video(name: str) -> None:
    for defense in EVERY_SETTING[name]:
        check_partial_defense(defense)
