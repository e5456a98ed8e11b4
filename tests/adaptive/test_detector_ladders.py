"""The attacks on a detector's ladder, what each wins, and the worst of them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from defenses.detectors import DETECTORS, Detector
from defenses.detectors.consistency import TemporalConsistency
from defenses.detectors.corpus import CorpusResidual
from defenses.detectors.squeezing import FeatureSqueezing
from defenses.temporal import TemporalMean
from lsap_cli.adaptive.judging.detector_checks import detector_checks
from lsap_cli.adaptive.judging.detector_ladders import AttacksOnDetectors, detector_ladder
from lsap_cli.adaptive.learning.learn_attackers import LearnedAttacks
from lsap_cli.adaptive.planning.defense_ladders import LadderSettings
from lsap_cli.adaptive.planning.detector_ladders import DetectorLadderPlan, detectors_by_attack, plan_detector_ladder
from lsap_cli.results.detectors import DetectorRow, OperatingPoint
from lsap_cli.results.ladders import DetectorLadder, FitThreshold
from lsap_cli.results.rates import Estimate, rate_of
from tests.adaptive.worlds import BUDGET, Redness, zeros
from tests.result_objects import make_record

THRESHOLD = FitThreshold(threshold=0.4, typical=0.2, videos=9, aim=0.3)


def plan(detector: Detector) -> DetectorLadderPlan:
    return plan_detector_ladder("it", detector, ("given", "here"), LadderSettings(zeros("cyclic:4"), 100))


@pytest.mark.parametrize(
    ("detector", "shapes"),
    [
        (TemporalConsistency(), [("constant", False)]),
        (FeatureSqueezing(), [("constant", True)]),
        (FeatureSqueezing((TemporalMean(),)), [("constant", False)]),
        (CorpusResidual(), [("constant", True), ("cyclic:5", False)]),
        (CorpusResidual(period=8), [("constant", True), ("cyclic:9", False)]),
    ],
)
def test_the_null_space_that_a_detector_declares_is_where_a4_looks(
    detector: Detector, shapes: list[tuple[str, bool]]
) -> None:
    ladder = plan(detector)
    found = [one.attacker for one in ladder.rungs if one.rung == "A4"]
    assert [(str(one.binding), one.low_frequency) for one in found if one is not None] == shapes
    assert [one.rung for one in ladder.rungs] == ["A0", "A0", "A2", "A2", "A2", *["A4"] * len(shapes), "A5"]


def test_every_attacker_of_a_ladder_knows_the_detector_and_looks_at_the_bare_model() -> None:
    for kind in DETECTORS.values():
        attackers = [one.attacker for one in plan(kind()).rungs if one.attacker is not None]
        assert all((one.detector, one.defense, one.budget) == (kind(), None, BUDGET) for one in attackers)
        assert len({one.name for one in attackers}) == len(attackers)


def test_an_attack_is_shown_to_the_detectors_on_whose_ladders_it_is() -> None:
    first, second = (
        replace(plan(TemporalConsistency()), spec=spec)
        for spec in ("a", "b")
    )  # fmt: skip
    specs = detectors_by_attack([first, replace(second, rungs=second.rungs[:2])])
    assert specs["given"] == specs["here"] == ["a", "b"]
    assert specs["A2 cautious (below it)"] == ["a"]


def detection(attack: str, flagged: int, videos: int) -> DetectorRow:
    return DetectorRow(
        detector="it",
        attack=attack,
        clean_videos=videos,
        attacked_videos=videos,
        auc=Estimate(value=0.7, low=0.5, high=0.9),
        operating_point=OperatingPoint(recall=rate_of(flagged, videos), false_positive_rate=rate_of(0, videos)),
    )


def judged_ladder(judged: AttacksOnDetectors) -> DetectorLadder:
    return detector_ladder(plan(TemporalConsistency()), THRESHOLD, judged)


def evidence(
    changed: Mapping[str, Sequence[int]],
    flagged: Mapping[str, Sequence[int]],
    target: int | None = None,
    videos: int = 4,
) -> AttacksOnDetectors:
    """Videos of class 1; the changed ones are taken for class 2, the first video's clean prediction is 3."""
    records = [
        make_record(f"{video}", (1,), (attack, defense, sampler), 2 if video in which else (3 if video == 0 else 1),
                    3 if video == 0 else 1)
        for attack, which in changed.items()
        for defense in ("none", "other")
        for sampler in ("uniform", "random")
        for video in range(videos)
    ]  # fmt: skip
    flags = {
        ("it", attack, f"{video}"): video in flagged.get(attack, ()) for attack in changed for video in range(videos)
    }
    rows = [detection(attack, len(flagged.get(attack, ())), videos) for attack in changed]
    return AttacksOnDetectors(records, rows, flags, "uniform", target, "noise")


NAMES = [one.attack for one in plan(TemporalConsistency()).rungs]


def test_a_video_is_won_when_it_is_changed_and_not_flagged_and_the_worst_rung_counts() -> None:
    changed = dict.fromkeys([*NAMES, "noise"], ()) | {
        NAMES[0]: (0, 1, 2, 3), NAMES[2]: (0, 1, 2), NAMES[5]: (3,)
    }  # fmt: skip
    judged = evidence(changed, {NAMES[0]: (0, 1, 2), NAMES[2]: (0,)})
    result = judged_ladder(judged)
    won = [rung.rows[0].evasion_rate for rung in result.rungs]
    assert won == [rate_of(count, 4) for count in (1, 0, 2, 0, 0, 1, 0)]
    (worst,) = result.robust
    assert (worst.rung, worst.attack) == ("A2", NAMES[2])
    assert worst.robust_rate == rate_of(2, 4)
    assert worst.held_under_every_rung == rate_of(1, 4)  # 1 and 2 fall to A2, 3 to A0 and A4
    assert result.noise[0].evasion_rate == rate_of(0, 4)
    assert result.fit == THRESHOLD


def statuses(won: Mapping[str, int]) -> dict[str, str]:
    """The checks of a ladder whose attacks win so many of 12 videos, the first ones; those not named win none."""
    changed = {name: range(won.get(name, 0)) for name in [*NAMES, "noise"]}
    checks = detector_checks(plan(TemporalConsistency()), LearnedAttacks(), evidence(changed, {}, videos=12))
    return {check.name: check.status for check in checks}


def test_the_checks_pass_where_knowledge_and_gradients_win_more_videos() -> None:
    assert statuses({NAMES[0]: 4, NAMES[2]: 12, NAMES[-1]: 3}) == {
        "the attackers of this run do harm": "PASS",
        "knowing the detector helps": "PASS",
        "white-box beats gradient-free": "PASS",
        "noise does far less": "PASS",
    }


@pytest.mark.parametrize("behind", [-2, 0, 1, 5])
def test_knowledge_and_gradients_that_win_no_more_are_warned_of(behind: int) -> None:
    found = statuses({NAMES[0]: 7 - behind, NAMES[2]: 7, NAMES[-1]: 7 - behind, "noise": 2})
    assert found == {
        "the attackers of this run do harm": "PASS",
        "knowing the detector helps": "WARN",
        "white-box beats gradient-free": "WARN",
        "noise does far less": "WARN",
    }


def test_attackers_of_a_detector_that_win_only_what_was_given_are_named() -> None:
    (further,) = [one.name for one in plan(TemporalConsistency()).attackers if one.start is not None]
    found = statuses({NAMES[0]: 7, further: 7})
    assert found["the attackers of this run do harm"] == found["knowing the detector helps"] == "WARN"


def test_a_flagged_video_is_not_won() -> None:
    changed = {name: range(12) for name in [*NAMES, "noise"]}
    checks = detector_checks(
        plan(TemporalConsistency()),
        LearnedAttacks(),
        evidence(changed, dict.fromkeys(NAMES[:2], range(12)), videos=12),
    )
    shown = next(check.figure for check in checks if check.name == "knowing the detector helps")
    assert "without knowledge: 0.00 (0/12" in shown


def test_a_targeted_attack_wins_by_its_target_only() -> None:
    changed = dict.fromkeys(NAMES, (1, 2))
    result = judged_ladder(evidence(changed, {}, target=3))
    row = result.rungs[2].rows[0]
    assert row.fooling_rate == rate_of(2, 4)
    assert row.evasion_rate == rate_of(0, 3)  # video 0 is taken for the target already


def test_what_no_threshold_could_be_found_for_has_no_rows() -> None:
    nothing = AttacksOnDetectors([], [], {}, "uniform", None, "noise")
    result = judged_ladder(nothing)
    assert (result.robust, result.noise) == ((), ())
    assert detector_checks(plan(TemporalConsistency()), LearnedAttacks(), nothing) == []


def test_one_attacker_of_a_detector_starts_from_the_given_perturbation() -> None:
    start = zeros("cyclic:2")
    ladder = plan_detector_ladder("it", Redness(), ("given",), LadderSettings(start, 40))
    (further,) = [one for one in ladder.rungs if one.attacker is not None and one.attacker.start is start]
    assert further.rung == "A2"
    assert further.attacker is not None
    assert further.attacker.detector == Redness()
