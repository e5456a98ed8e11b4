"""Each check passes on what is sound and warns on what is not, with the figure behind it."""

from dataclasses import replace

import msgspec
import pytest

from lsap_cli.adaptive.judging.checks import defense_checks, disjoint_check
from lsap_cli.adaptive.judging.defense_evidence import DefenseEvidence
from lsap_cli.adaptive.learning.gradient_probe import GradientProbe
from lsap_cli.results.ladders import Check
from lsap_cli.results.rates import rate_of
from lsap_cli.results.rows import Row

VIDEOS = 40


def row(right: int, attack: str = "x", changed: int | None = None) -> Row:
    """A row with so many right answers of 40."""
    return Row(
        attack=attack,
        defense="jpeg",
        sampler="uniform",
        videos=VIDEOS,
        attacked_accuracy=rate_of(right, VIDEOS),
        fooling_rate=rate_of(VIDEOS - right if changed is None else changed, VIDEOS),
    )


PROBE = GradientProbe(without_gradient=0, batches=4, along=2.0, by_chance=0.1, low=0.0, high=1.0, shape_kept=True)
SOUND = DefenseEvidence(
    defense="jpeg",
    classes=10,
    clean=row(36, "none", 2),
    noise=row(34, "noise"),
    transfer=[row(20, "r")],
    iterative=[row(8, "A1"), row(6, "A2")],
    single_step=row(15, "one"),
    base=row(6, "A2"),
    doubled=row(6, "A2 longer"),
    search=row(22, "A5"),
    expectations=[(2, row(7)), (8, row(7))],
    curve=[("8/255", row(6)), ("64/255", row(3))],
    probe=PROBE,
)


def named(found: list[Check]) -> dict[str, str]:
    return {one.name: one.status for one in found}


def test_a_sound_defense_passes_all_checks() -> None:
    found = defense_checks(SOUND)
    assert named(found) == dict.fromkeys(named(found), "PASS")
    assert len(found) == 13
    assert all(one.figure and one.sentence and one.defense == "jpeg" for one in found)


@pytest.mark.parametrize(
    ("broken", "warned"),
    [
        (replace(SOUND, probe=msgspec.structs.replace(PROBE, without_gradient=4)), {"no zero gradients"}),
        (replace(SOUND, probe=msgspec.structs.replace(PROBE, along=0.0)), {"the gradient points somewhere"}),
        (replace(SOUND, probe=msgspec.structs.replace(PROBE, low=0.0, high=255.0)), {"the defense gives a video"}),
        (replace(SOUND, probe=msgspec.structs.replace(PROBE, low=-0.5)), {"the defense gives a video"}),
        (replace(SOUND, probe=msgspec.structs.replace(PROBE, shape_kept=False)), {"the defense gives a video"}),
        (replace(SOUND, clean=row(4, "none", 2)), {"clean videos are still recognized"}),
        (replace(SOUND, clean=row(36, "none", 30)), {"the defense keeps most predictions"}),
        (replace(SOUND, noise=row(10, "noise")), {"noise does far less"}),
        (replace(SOUND, single_step=row(1, "one")), {"iterative beats a single step"}),
        (replace(SOUND, search=row(1, "A5")), {"white-box beats gradient-free"}),
        (replace(SOUND, transfer=[row(1, "r")]), {"white-box beats transfer"}),
        (replace(SOUND, doubled=row(1, "longer")), {"doubling the steps changes nothing"}),
        (replace(SOUND, expectations=[(2, row(20)), (8, row(7))]), {"more expectation samples change nothing"}),
        (
            replace(SOUND, curve=[("8/255", row(6)), ("64/255", row(30))]),
            {"success rises with epsilon", "a large epsilon reaches chance"},
        ),
    ],
)
def test_each_fault_is_warned_of_and_nothing_else_is(broken: DefenseEvidence, warned: set[str]) -> None:
    assert {name for name, status in named(defense_checks(broken)).items() if status == "WARN"} == warned


def test_one_video_of_difference_is_no_reason_to_warn() -> None:
    assert (
        named(defense_checks(replace(SOUND, doubled=row(5, "longer"))))["doubling the steps changes nothing"] == "PASS"
    )


def without_labels(row: Row) -> Row:
    return msgspec.structs.replace(row, attacked_accuracy=None)


def test_without_labels_changed_predictions_are_counted() -> None:
    bare = replace(
        SOUND,
        noise=without_labels(row(34, "noise")),
        iterative=[without_labels(row(6, "A2"))],
    )
    figure = next(one.figure for one in defense_checks(bare) if one.name == "noise does far less")
    assert "34/40" in figure
    assert "6/40" in figure


def test_what_was_not_measured_is_not_checked() -> None:
    assert named(defense_checks(DefenseEvidence("none", 10, row(36, "none", 0)))) == {
        "clean videos are still recognized": "PASS",
        "the defense keeps most predictions": "PASS",
    }


def test_shared_videos_are_warned_of_by_number() -> None:
    assert disjoint_check(5, 10, []).status == "PASS"
    warned = disjoint_check(5, 10, ["a", "b"])
    assert warned.status == "WARN"
    assert warned.figure.startswith("2 of 10")
