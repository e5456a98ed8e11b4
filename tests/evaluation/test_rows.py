import json
from pathlib import Path
from typing import Any

import pytest

from lsap_cli.datasets.base import Video
from lsap_cli.evaluation.matrix import Prediction
from lsap_cli.evaluation.rates import rate_of
from lsap_cli.evaluation.rows import Record, make_records, make_rows

NAMES = ["yoga", "golf", "surfing"]
CELLS = [("none", "none"), ("none", "jpeg"), ("r", "none"), ("r", "jpeg")]


def records(labels: tuple[int, ...], *predictions: int, sampler: str = "uniform", name: str = "a.mp4") -> list[Record]:
    """One video's records, with a prediction for each of CELLS."""
    made = [
        Prediction(attack, defense, sampler, prediction, 2.0)
        for (attack, defense), prediction in zip(CELLS, predictions, strict=True)
    ]
    return make_records(Video(Path(name), name, labels), made)


FOUR = [
    *records((0,), 0, 0, 1, 0, name="a.mp4"),
    *records((1, 2), 2, 1, 1, 1, name="b.mp4"),
    *records((), 2, 2, 1, 1, name="c.mp4"),
    *records((2,), 0, 2, 0, 0, name="d.mp4"),
]


def row(attack: str, defense: str, target: int | None = None) -> dict[str, Any]:
    (found,) = [one for one in make_rows(FOUR, NAMES, target) if (one["attack"], one["defense"]) == (attack, defense)]
    return found


def test_there_is_one_row_for_each_attack_defense_and_sampler_in_order() -> None:
    both = FOUR + records((0,), 0, 0, 0, 0, sampler="random")
    rows = make_rows(both, NAMES, None)
    assert [(one["attack"], one["defense"], one["sampler"], one["videos"]) for one in rows] == [
        *((attack, defense, "uniform", 4) for attack, defense in CELLS),
        *((attack, defense, "random", 1) for attack, defense in CELLS),
    ]


def test_accuracy_is_over_labelled_videos_and_any_accepted_label_is_right() -> None:
    assert row("none", "none")["clean_accuracy"] == rate_of(2, 3)  # yoga right, surfing accepted, d wrong
    assert row("r", "none")["attacked_accuracy"] == rate_of(1, 3)  # golf accepted
    assert row("r", "jpeg")["attacked_accuracy"] == rate_of(2, 3)


def test_clean_accuracy_stands_beside_with_the_same_defense() -> None:
    assert row("r", "jpeg")["clean_accuracy"] == row("none", "jpeg")["attacked_accuracy"] == rate_of(3, 3)
    assert row("r", "none")["clean_accuracy"] == row("none", "none")["attacked_accuracy"]


def test_fooling_is_against_the_clean_undefended_prediction_with_and_without_labels() -> None:
    assert row("r", "none")["fooling_rate"] == rate_of(3, 4)
    assert row("r", "jpeg")["fooling_rate"] == rate_of(2, 4)


def test_a_defense_alone_shows_the_predictions_that_it_changes() -> None:
    assert row("none", "jpeg")["fooling_rate"] == rate_of(2, 4)
    assert row("none", "none")["fooling_rate"] is None


def test_success_leaves_out_videos_of_the_target_and_those_taken_for_it_already() -> None:
    # of golf (1): b is of it; a, c and d count
    assert row("r", "none", target=1)["success_rate"] == rate_of(2, 3)
    # of surfing (2): b and d are of it, c was taken for it; a counts
    assert row("r", "none", target=2)["success_rate"] == rate_of(0, 1)
    assert row("r", "none")["success_rate"] is None


def test_the_dominant_label_is_what_most_fooled_videos_become() -> None:
    assert row("r", "none")["dominant_label"] == {"label": "golf", "share": rate_of(3, 3)}
    assert row("none", "none")["dominant_label"] is None


def test_mcnemar_compares_with_the_unattacked_row_of_the_same_defense() -> None:
    assert row("r", "none")["mcnemar_p"] == 1.0  # a lost alone
    assert row("none", "jpeg")["mcnemar_p"] is None


def test_unlabelled_videos_give_fooling_without_accuracy() -> None:
    rows = make_rows(records((), 0, 0, 1, 0), NAMES, None)
    assert all(one["clean_accuracy"] is None and one["attacked_accuracy"] is None for one in rows)
    assert rows[2]["fooling_rate"] == rate_of(1, 1)
    assert rows[2]["mcnemar_p"] is None


def test_time_is_the_mean_over_videos() -> None:
    slow = [Prediction("none", "none", "uniform", 0, milliseconds) for milliseconds in (1.0, 4.0)]
    both = [record for one in slow for record in make_records(Video(Path("a"), "a"), [one])]
    assert make_rows(both, NAMES, None)[0]["milliseconds_per_video"] == 2.5


def test_each_samplers_reference_is_its_own() -> None:
    made = [
        Prediction("none", "none", "uniform", 0, 0),
        Prediction("none", "none", "random", 1, 0),
        Prediction("r", "none", "random", 1, 0),
        Prediction("r", "none", "uniform", 1, 0),
    ]
    found = make_records(Video(Path("a"), "a"), made)
    assert [record.clean_prediction for record in found] == [0, 1, 1, 0]


def test_a_record_is_a_line_of_json_with_names() -> None:
    line = FOUR[6].as_json(NAMES)
    assert json.loads(json.dumps(line)) == {
        "video": "b.mp4",
        "label": "golf",
        "also_accepted": ["surfing"],
        "attack": "r",
        "defense": "none",
        "sampler": "uniform",
        "prediction": "golf",
        "clean_prediction": "surfing",
        "correct": True,
        "changed": True,
        "recording": "b.mp4",
        "draws": None,
        "milliseconds": 2.0,
    }
    unlabelled = FOUR[10].as_json(NAMES)
    assert (unlabelled["label"], unlabelled["correct"]) == (None, None)


def random_records(name: str, clean: list[int], attacked: list[int]) -> list[Record]:
    """A video whose undefended label is 0, behind a random defense with three draws."""
    made = [
        Prediction("none", "none", "uniform", 0, 0),
        Prediction("none", "noise", "uniform", clean[0], 0, tuple(clean)),
        Prediction("r", "noise", "uniform", attacked[0], 0, tuple(attacked)),
    ]
    return make_records(Video(Path(name), name, (0,)), made)


def test_a_random_defense_is_charged_with_the_predictions_that_it_changes_by_itself() -> None:
    records = [
        *random_records("a", [0, 0, 1], [1, 1, 1]),  # 1/3 alone, 3/3 attacked
        *random_records("b", [0, 0, 0], [0, 2, 0]),  # 0 alone, 1/3 attacked
        *random_records("c", [1, 1, 0], [1, 0, 0]),  # 2/3 alone, 1/3 attacked
    ]
    rows = {(one["attack"], one["defense"]): one for one in make_rows(records, NAMES, None)}
    net = rows["r", "noise"]["net_fooling_rate"]
    assert (net["alone"], net["attacked"], net["draws"]) == (pytest.approx(1 / 3), pytest.approx(5 / 9), 3)
    assert net["value"] == pytest.approx(5 / 9 - 1 / 3)
    assert net["low"] <= net["value"] <= net["high"]
    assert rows["r", "noise"]["fooling_rate"] == rate_of(2, 3)  # of the first draw
    assert rows["none", "noise"]["net_fooling_rate"] is None
    assert records[1].as_json(NAMES)["draws"] == ["yoga", "yoga", "golf"]


def test_a_deterministic_defense_has_a_net_rate_too() -> None:
    net = row("r", "jpeg")["net_fooling_rate"]
    assert (net["attacked"], net["alone"], net["value"], net["draws"]) == (0.5, 0.5, 0.0, 1)


def test_intervals_by_recording_are_wider_where_recordings_have_several_videos() -> None:
    alone = [record for number in range(12) for record in records((0,), 0, 0, number % 2, 0, name=f"{number}.mp4")]
    cut = [
        record
        for number in range(12)
        for record in records((0,), 0, 0, number // 2 % 2, 0, name=f"v_a_g{number // 2:02d}_c{number % 2:02d}.avi")
    ]
    widths = []
    for made, recordings in ((alone, 12), (cut, 6)):
        (found,) = [one for one in make_rows(made, NAMES, None) if (one["attack"], one["defense"]) == ("r", "none")]
        assert found["by_recording"]["recordings"] == recordings
        assert found["by_recording"]["fooling_rate"]["value"] == found["fooling_rate"]["value"] == 0.5
        widths.append(found["by_recording"]["fooling_rate"]["high"] - found["by_recording"]["fooling_rate"]["low"])
    assert widths[1] > 1.2 * widths[0]
