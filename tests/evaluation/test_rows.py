from pathlib import Path

import pytest

from lsap_cli.datasets.base import Video
from lsap_cli.evaluation.matrix import Prediction
from lsap_cli.evaluation.records import make_records
from lsap_cli.evaluation.rows import make_rows
from lsap_cli.results.rates import rate_of
from lsap_cli.results.records import Record, RecordClasses
from lsap_cli.results.rows import DominantLabel, Row
from tests.result_objects import known

NAMES = ["yoga", "golf", "surfing"]
CELLS = [("none", "none"), ("none", "jpeg"), ("r", "none"), ("r", "jpeg")]


def records(labels: tuple[int, ...], *predictions: int, sampler: str = "uniform", name: str = "a.mp4") -> list[Record]:
    """One video's records, with a prediction for each of CELLS."""
    made = [
        Prediction(attack, defense, sampler, prediction, 2.0)
        for (attack, defense), prediction in zip(CELLS, predictions, strict=True)
    ]
    return make_records(Video(Path(name), name, labels), made, NAMES)


FOUR = [
    *records((0,), 0, 0, 1, 0, name="a.mp4"),
    *records((1, 2), 2, 1, 1, 1, name="b.mp4"),
    *records((), 2, 2, 1, 1, name="c.mp4"),
    *records((2,), 0, 2, 0, 0, name="d.mp4"),
]


def row(attack: str, defense: str, target: int | None = None) -> Row:
    (found,) = [one for one in make_rows(FOUR, target) if (one.attack, one.defense) == (attack, defense)]
    return found


def test_there_is_one_row_for_each_attack_defense_and_sampler_in_order() -> None:
    both = FOUR + records((0,), 0, 0, 0, 0, sampler="random")
    rows = make_rows(both)
    assert [(one.attack, one.defense, one.sampler, one.videos) for one in rows] == [
        *((attack, defense, "uniform", 4) for attack, defense in CELLS),
        *((attack, defense, "random", 1) for attack, defense in CELLS),
    ]


def test_accuracy_is_over_labelled_videos_and_any_accepted_label_is_right() -> None:
    assert row("none", "none").clean_accuracy == rate_of(2, 3)  # yoga right, surfing accepted, d wrong
    assert row("r", "none").attacked_accuracy == rate_of(1, 3)  # golf accepted
    assert row("r", "jpeg").attacked_accuracy == rate_of(2, 3)


def test_clean_accuracy_stands_beside_with_the_same_defense() -> None:
    assert row("r", "jpeg").clean_accuracy == row("none", "jpeg").attacked_accuracy == rate_of(3, 3)
    assert row("r", "none").clean_accuracy == row("none", "none").attacked_accuracy


def test_fooling_is_against_the_clean_undefended_prediction_with_and_without_labels() -> None:
    assert row("r", "none").fooling_rate == rate_of(3, 4)
    assert row("r", "jpeg").fooling_rate == rate_of(2, 4)


def test_a_defense_alone_shows_the_predictions_that_it_changes() -> None:
    assert row("none", "jpeg").fooling_rate == rate_of(2, 4)
    assert row("none", "none").fooling_rate is None


def test_success_leaves_out_videos_of_the_target_and_those_taken_for_it_already() -> None:
    # of golf (1): b is of it; a, c and d count
    assert row("r", "none", target=1).success_rate == rate_of(2, 3)
    # of surfing (2): b and d are of it, c was taken for it; a counts
    assert row("r", "none", target=2).success_rate == rate_of(0, 1)
    assert row("r", "none").success_rate is None


def test_the_dominant_label_is_what_most_fooled_videos_become() -> None:
    assert row("r", "none").dominant_label == DominantLabel(label="golf", share=known(rate_of(3, 3)))
    assert row("none", "none").dominant_label is None


def test_mcnemar_compares_with_the_unattacked_row_of_the_same_defense() -> None:
    assert row("r", "none").mcnemar_p == 1.0  # a lost alone
    assert row("none", "jpeg").mcnemar_p is None


def test_unlabelled_videos_give_fooling_without_accuracy() -> None:
    rows = make_rows(records((), 0, 0, 1, 0))
    assert all(one.clean_accuracy is None and one.attacked_accuracy is None for one in rows)
    assert rows[2].fooling_rate == rate_of(1, 1)
    assert rows[2].mcnemar_p is None


def test_time_is_the_mean_over_videos() -> None:
    slow = [Prediction("none", "none", "uniform", 0, milliseconds) for milliseconds in (1.0, 4.0)]
    both = [record for one in slow for record in make_records(Video(Path("a"), "a"), [one], NAMES)]
    assert make_rows(both)[0].milliseconds_per_video == 2.5


def test_each_samplers_reference_is_its_own() -> None:
    made = [
        Prediction("none", "none", "uniform", 0, 0),
        Prediction("none", "none", "random", 1, 0),
        Prediction("r", "none", "random", 1, 0),
        Prediction("r", "none", "uniform", 1, 0),
    ]
    found = make_records(Video(Path("a"), "a"), made, NAMES)
    assert [record.clean_prediction for record in found] == ["yoga", "golf", "golf", "yoga"]


def test_a_record_names_classes_and_keeps_their_numbers() -> None:
    assert FOUR[6] == Record(
        video="b.mp4",
        label="golf",
        also_accepted=("surfing",),
        attack="r",
        defense="none",
        sampler="uniform",
        prediction="golf",
        clean_prediction="surfing",
        correct=True,
        changed=True,
        recording="b.mp4",
        draws=None,
        milliseconds=2.0,
        classes=RecordClasses(labels=(1, 2), prediction=1, clean_prediction=2),
    )
    assert (FOUR[10].label, FOUR[10].correct) == (None, None)


def test_two_classes_of_one_name_are_two_classes() -> None:
    made = [Prediction(attack, "none", "uniform", label, 0) for attack, label in (("none", 0), ("r", 1))]
    records = make_records(Video(Path("a"), "a", (0,)), made, ["twin", "twin", "other"])
    assert (records[1].correct, records[1].changed) == (False, True)
    (row,) = [one for one in make_rows(records, target=1) if one.attack == "r"]
    assert (row.attacked_accuracy, row.fooling_rate, row.success_rate) == (rate_of(0, 1), rate_of(1, 1), rate_of(1, 1))


def test_a_discriminative_attack_is_judged_on_its_class_and_its_stealth_on_the_others() -> None:
    made = [
        *records((0,), 0, 0, 1, 0, name="a.mp4"),
        *records((0,), 0, 0, 0, 0, name="b.mp4"),
        *records((1,), 1, 1, 1, 1, name="c.mp4"),
        *records((2,), 2, 2, 2, 2, name="d.mp4"),
        *records((2,), 2, 2, 0, 2, name="e.mp4"),
    ]
    (found,) = [one for one in make_rows(made, source_class=0) if (one.attack, one.defense) == ("r", "none")]
    assert (found.success_rate, found.stealth) == (rate_of(1, 2), rate_of(2, 3))


def random_records(name: str, clean: list[int], attacked: list[int]) -> list[Record]:
    """A video whose undefended label is 0, behind a random defense with three draws."""
    made = [
        Prediction("none", "none", "uniform", 0, 0),
        Prediction("none", "noise", "uniform", clean[0], 0, tuple(clean)),
        Prediction("r", "noise", "uniform", attacked[0], 0, tuple(attacked)),
    ]
    return make_records(Video(Path(name), name, (0,)), made, NAMES)


def test_a_random_defense_is_charged_with_the_predictions_that_it_changes_by_itself() -> None:
    records = [
        *random_records("a", [0, 0, 1], [1, 1, 1]),  # 1/3 alone, 3/3 attacked
        *random_records("b", [0, 0, 0], [0, 2, 0]),  # 0 alone, 1/3 attacked
        *random_records("c", [1, 1, 0], [1, 0, 0]),  # 2/3 alone, 1/3 attacked
    ]
    rows = {(one.attack, one.defense): one for one in make_rows(records)}
    net = known(rows["r", "noise"].net_fooling_rate)
    assert (net.alone, net.attacked) == pytest.approx((1 / 3, 5 / 9))
    assert net.draws == 3
    assert net.value == pytest.approx(5 / 9 - 1 / 3)
    assert net.low <= net.value <= net.high
    assert rows["r", "noise"].fooling_rate == rate_of(2, 3)  # of the first draw
    assert rows["none", "noise"].net_fooling_rate is None
    assert records[1].draws == ("yoga", "yoga", "golf")


def test_a_deterministic_defense_has_a_net_rate_too() -> None:
    net = known(row("r", "jpeg").net_fooling_rate)
    assert (net.attacked, net.alone, net.value, net.draws) == (0.5, 0.5, 0.0, 1)


def test_intervals_by_recording_are_wider_where_recordings_have_several_videos() -> None:
    alone = [record for number in range(12) for record in records((0,), 0, 0, number % 2, 0, name=f"{number}.mp4")]
    cut = [
        record
        for number in range(12)
        for record in records((0,), 0, 0, number // 2 % 2, 0, name=f"v_a_g{number // 2:02d}_c{number % 2:02d}.avi")
    ]
    widths = []
    for made, recordings in ((alone, 12), (cut, 6)):
        (found,) = [one for one in make_rows(made) if (one.attack, one.defense) == ("r", "none")]
        by_recording = known(found.by_recording)
        fooling = known(by_recording.fooling_rate)
        assert by_recording.recordings == recordings
        assert fooling.value == known(found.fooling_rate).value == 0.5
        widths.append(fooling.high - fooling.low)
    assert widths[1] > 1.2 * widths[0]
