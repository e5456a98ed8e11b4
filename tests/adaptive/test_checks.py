"""Each check passes on what is sound and warns on what is not, with the figure behind it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from lsap_cli.adaptive.judging.attacks_on_defense import AttacksOnDefense
from lsap_cli.adaptive.judging.checks import defense_checks, disjoint_check
from lsap_cli.adaptive.judging.comparisons import AttackOutcomes, outcomes_by_attack
from lsap_cli.adaptive.learning.gradient_probe import GradientProbe
from lsap_cli.results.ladders import Check
from lsap_cli.results.rates import rate_of
from lsap_cli.results.records import Record
from lsap_cli.results.rows import Row

VIDEOS = 40


def attack(right: int, name: str = "x") -> AttackOutcomes:
    """An attack that leaves so many of 40 predictions right: always the first ones."""
    return AttackOutcomes(name, {str(video): video >= right for video in range(VIDEOS)})


def clean_row(right: int, changed: int) -> Row:
    return Row(
        attack="none",
        defense="jpeg",
        sampler="uniform",
        videos=VIDEOS,
        attacked_accuracy=rate_of(right, VIDEOS),
        fooling_rate=rate_of(changed, VIDEOS),
    )


PROBE = GradientProbe(without_gradient=0, batches=4, along=2.0, by_chance=0.1, low=0.0, high=1.0, shape_kept=True)
SOUND = AttacksOnDefense(
    defense="jpeg",
    classes=10,
    clean=clean_row(36, 2),
    no_attack=attack(36),
    noise=attack(34, "noise"),
    transfer=[attack(20, "r")],
    iterative=[attack(8, "A1"), attack(6, "A2")],
    learned=[attack(8, "A1"), attack(6, "A2")],
    single_step=attack(15, "one"),
    base=attack(6, "A2"),
    doubled=attack(6, "A2 longer"),
    search=attack(22, "A5"),
    expectations=[(2, attack(7)), (8, attack(7))],
    curve=[("8/255", attack(10)), ("64/255", attack(3))],
    probe=PROBE,
)
COMPARISONS = {"iterative beats a single step", "white-box beats gradient-free", "white-box beats transfer"}


def statuses(checks: Sequence[Check]) -> dict[str, str]:
    return {one.name: one.status for one in checks}


def warned(evidence: AttacksOnDefense) -> set[str]:
    return {one.name for one in defense_checks(evidence) if one.status == "WARN"}


def test_a_sound_defense_passes_all_checks() -> None:
    checks = defense_checks(SOUND)
    assert statuses(checks) == dict.fromkeys(statuses(checks), "PASS")
    assert len(checks) == 14
    assert all(one.figure and one.sentence and one.defense == "jpeg" for one in checks)


def probed(**changed: Any) -> AttacksOnDefense:
    return replace(SOUND, probe=msgspec.structs.replace(PROBE, **changed))


@pytest.mark.parametrize(
    ("broken", "names"),
    [
        (probed(without_gradient=4), {"no zero gradients"}),
        (probed(along=0.0), {"the gradient points somewhere"}),
        (probed(along=0.1), {"the gradient points somewhere"}),
        (probed(low=0.0, high=255.0), {"the defense gives a video"}),
        (probed(low=-0.5), {"the defense gives a video"}),
        (probed(shape_kept=False), {"the defense gives a video"}),
        (replace(SOUND, clean=clean_row(4, 2)), {"clean videos are still recognized"}),
        (replace(SOUND, clean=clean_row(36, 30)), {"the defense keeps most predictions"}),
        (replace(SOUND, noise=attack(10, "noise")), {"noise does far less"}),
        (replace(SOUND, single_step=attack(0, "one")), {"iterative beats a single step"}),
        (replace(SOUND, search=attack(0, "A5")), {"white-box beats gradient-free"}),
        (replace(SOUND, transfer=[attack(0, "r")]), {"white-box beats transfer"}),
        (replace(SOUND, doubled=attack(1, "longer")), {"doubling the steps changes nothing"}),
        (replace(SOUND, expectations=[(2, attack(20)), (8, attack(7))]), {"more expectation samples change nothing"}),
        (
            replace(SOUND, curve=[("8/255", attack(6)), ("64/255", attack(30))]),
            {"success rises with epsilon", "a large epsilon reaches chance"},
        ),
        (
            replace(SOUND, curve=[("4/255", attack(20)), ("8/255", attack(30)), ("64/255", attack(3))]),
            {"success rises with epsilon"},
        ),
    ],
)
def test_each_fault_is_warned_of_and_nothing_else_is(broken: AttacksOnDefense, names: set[str]) -> None:
    assert warned(broken) == names


@pytest.mark.parametrize("behind", [0, 1, 5])
def test_a_tie_and_a_difference_within_chance_beat_nothing(behind: int) -> None:
    others = attack(6 + behind)  # the best attacker leaves 6 right; of five videos that differ, p is 0.06
    tied = replace(SOUND, single_step=others, search=others, transfer=[others])
    assert warned(tied) == COMPARISONS
    shown = next(one for one in defense_checks(tied) if one.name == "white-box beats transfer")
    assert f"(+{behind}, -0 videos, " in shown.figure


def test_six_videos_that_only_one_attack_harms_are_a_difference() -> None:
    others = attack(12)
    assert warned(replace(SOUND, single_step=others, search=others, transfer=[others])) == set()


def test_where_both_attacks_harm_all_videos_nothing_is_compared() -> None:
    everything = attack(0)
    names = statuses(
        defense_checks(
            replace(SOUND, iterative=[everything], single_step=everything, search=everything, transfer=[everything])
        )
    )
    assert not COMPARISONS & set(names)
    flat = replace(SOUND, curve=[("8/255", everything), ("64/255", everything)])
    assert "success rises with epsilon" not in statuses(defense_checks(flat))
    assert warned(flat) == set()


def test_a_flat_budget_curve_does_not_rise() -> None:
    flat = replace(SOUND, curve=[("8/255", attack(6)), ("64/255", attack(6))])
    assert "success rises with epsilon" in warned(flat)
    figure = next(one.figure for one in defense_checks(flat) if one.name == "success rises with epsilon")
    assert figure == f"{flat.curve[0][1].attack} at 8/255: 34/40, 64/255: 34/40 (+0, -0 videos, no video differs)"


def test_attackers_that_do_nothing_by_themselves_are_named_and_prove_no_convergence() -> None:
    nothing = attack(36)
    idle = replace(
        SOUND,
        iterative=[attack(20, "from the given one"), nothing],
        learned=[nothing],
        base=nothing,
        doubled=nothing,
        single_step=nothing,
        search=nothing,
        expectations=[(2, nothing), (8, nothing)],
        curve=[("8/255", nothing), ("64/255", nothing)],
    )
    assert warned(idle) == {
        "the attackers of this run do harm",
        "white-box beats transfer",  # 20 right, as without knowledge: what was given, not what was learned
        "doubling the steps changes nothing",
        "more expectation samples change nothing",
        "success rises with epsilon",
        "a large epsilon reaches chance",
    }


def test_one_video_more_by_twice_the_steps_is_no_reason_to_warn() -> None:
    assert warned(replace(SOUND, doubled=attack(5, "longer"))) == set()


def record(video: int, name: str, defense: str, prediction: int, correct: bool | None) -> Record:
    return Record(
        video=str(video),
        attack=name,
        defense=defense,
        sampler="uniform",
        prediction=str(prediction),
        clean_prediction="1",
        changed=prediction != 1,
        correct=correct,
    )


def test_harm_is_a_wrong_prediction_of_labelled_videos_and_a_changed_one_without_labels() -> None:
    labelled = [record(0, "r", "it", 2, True), record(1, "r", "it", 1, False), record(2, "r", "it", 2, None)]
    elsewhere = [record(0, "r", "other", 2, False)]
    bare = [record(0, "q", "it", 2, None), record(1, "q", "it", 1, None)]
    outcomes = outcomes_by_attack([*labelled, *elsewhere, *bare], "it", "uniform")
    assert outcomes["r"].harmed == {"0": False, "1": True}
    assert outcomes["q"].harmed == {"0": True, "1": False}


def test_what_was_not_measured_is_not_checked() -> None:
    assert statuses(defense_checks(AttacksOnDefense("none", 10, clean_row(36, 0), attack(36)))) == {
        "clean videos are still recognized": "PASS",
        "the defense keeps most predictions": "PASS",
    }


def test_shared_videos_are_warned_of_by_number() -> None:
    assert disjoint_check(5, 10, []).status == "PASS"
    overlapping = disjoint_check(5, 10, ["a", "b"])
    assert overlapping.status == "WARN"
    assert overlapping.figure.startswith("2 of 10")
