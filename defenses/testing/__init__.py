"""What every defense and every detector promises, as checks that any package can run on its own.

    from defenses.testing import check_defense, check_detector

    def test_my_defense_keeps_what_every_defense_promises() -> None:
        check_defense(MyDefense())

Each check raises an AssertionError with a sentence. They take tiny videos that they make themselves, and no files. A
random defense is checked at a few draws. A defense that is fitted on a set of videos is fitted on tiny ones first.
"""

from defenses.testing.defense_checks import check_defense
from defenses.testing.detector_checks import check_detector

__all__ = ["check_defense", "check_detector"]
