from pathlib import Path

import pytest

from lsap_cli.datasets.base import Video
from lsap_cli.evaluation.matrix import Prediction
from lsap_cli.evaluation.records import make_records
from lsap_cli.evaluation.rows import make_rows
from lsap_cli.evaluation.two_classes import two_class_rates
from lsap_cli.results.base import UNSET
from lsap_cli.results.rates import rate_of
from lsap_cli.results.records import Record
from lsap_cli.results.rows import TwoClassRates


def records(*videos: tuple[int | None, float]) -> list[Record]:
    """A clean record of each video: its class, and the probability of the second."""
    made: list[Record] = []
    for number, (label, positive) in enumerate(videos):
        prediction = Prediction("none", "none", "uniform", int(positive >= 0.5), 0.0, positive=positive)
        video = Video(Path(f"{number}.mp4"), f"{number}.mp4", () if label is None else (label,))
        made += make_records(video, [prediction], ["calm", "fight"])
    return made


SIX = records((0, 0.1), (0, 0.4), (0, 0.7), (1, 0.35), (1, 0.8), (1, 0.9), (None, 0.5))


def test_figures_worked_out_by_hand() -> None:
    found = two_class_rates(SIX, 0.5)
    assert isinstance(found, TwoClassRates)
    assert (found.false_negatives, found.false_positives) == (rate_of(1, 3), rate_of(1, 3))
    assert found.positive == "fight"
    assert found.auc is not None
    assert found.auc.value == pytest.approx(7 / 9)  # of nine pairs, (0.4, 0.35) and (0.7, 0.35) are in the wrong order
    assert found.auc.low <= found.auc.value <= found.auc.high


def test_the_threshold_moves_errors_from_one_kind_to_the_other() -> None:
    row = make_rows(SIX, threshold=0.3)[0]
    assert isinstance(row.two_class, TwoClassRates)
    assert row.two_class.threshold == 0.3
    assert (row.two_class.false_negatives, row.two_class.false_positives) == (rate_of(0, 3), rate_of(2, 3))


def test_a_set_of_one_class_has_no_auc_and_one_kind_of_errors() -> None:
    found = two_class_rates(records((1, 0.2), (1, 0.7)), 0.5)
    assert isinstance(found, TwoClassRates)
    assert (found.auc, found.false_positives, found.false_negatives) == (None, None, rate_of(1, 2))


def test_videos_without_labels_have_no_figures() -> None:
    assert two_class_rates(records((None, 0.2)), 0.5) is UNSET
