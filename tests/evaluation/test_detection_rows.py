from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score
from torch import Tensor

from defenses.base import GradientKind
from defenses.detectors import Detector, DetectorVideo
from defenses.detectors.consistency import TemporalConsistency
from lsap_cli.evaluation.detection_rows import Ranking, detector_rows
from lsap_cli.evaluation.scores import DetectorScore
from lsap_cli.results.detectors import DetectorRow
from lsap_cli.results.files import decode_line, encode_line
from tests.result_objects import known


@dataclass(frozen=True)
class Given(Detector):
    """A detector whose scores are given."""

    gradient: ClassVar[GradientKind] = "true"
    passes_constant_in_time: ClassVar[bool] = False
    passes_low_frequencies: ClassVar[bool] = False
    null_space: ClassVar[str] = "None."

    def evidence(self, video: DetectorVideo) -> Tensor:
        return torch.zeros(())

    def score(self, evidence: Tensor, others: Sequence[Tensor] = ()) -> Tensor:
        return evidence


def make_scores(clean: Sequence[float], attacked: Sequence[float], detector: str = "given") -> list[DetectorScore]:
    return [
        DetectorScore(detector, attack, f"{number}.mp4", f"{number}.mp4", value, 1.0)
        for attack, values in (("none", clean), ("r", attacked))
        for number, value in enumerate(values)
    ]


def row_of(scores: list[DetectorScore], detector: Detector | None = None) -> DetectorRow:
    (found,), _ = detector_rows(scores, {"given": detector or Given()}, "none")
    return found


def test_a_perfect_detector_has_perfect_figures() -> None:
    row = row_of(make_scores(np.linspace(0, 1, 40).tolist(), np.linspace(2, 3, 40).tolist()))
    assert (known(row.auc).value, known(row.auc).low, known(row.auc).high) == pytest.approx(
        (1.0, 0.025 ** (1 / 40), 1.0)
    )
    assert known(row.average_precision).value == 1.0
    assert row.tpr_at_fpr["0.01"].value == 1.0
    point = row.operating_point
    assert (known(point.recall).count, known(point.recall).of) == (40, 40)
    assert known(point.false_positive_rate).count <= 4


def test_a_blind_detector_is_known_as_one() -> None:
    generator = np.random.default_rng(1)
    row = row_of(make_scores(generator.random(200).tolist(), generator.random(200).tolist()))
    assert known(row.auc).low < 0.5 < known(row.auc).high
    assert row.tpr_at_fpr["0.05"].value < 0.15
    assert known(row.operating_point.f1).value < 0.25


def test_the_area_is_the_share_of_pairs_in_the_right_order() -> None:
    clean, attacked = [0.1, 0.4, 0.4, 0.8], [0.4, 0.5, 0.9, 0.05]
    pairs = [(a > c) + (a == c) / 2 for a in attacked for c in clean]
    assert known(row_of(make_scores(clean, attacked)).auc).value == pytest.approx(sum(pairs) / 16)


def test_true_positives_at_few_false_alarms_worked_out_by_hand() -> None:
    row = row_of(make_scores([float(number) for number in range(20)], [18.5, 19.5, 30.0, 3.0]))
    assert row.tpr_at_fpr["0.01"].value == 0.5  # above 19
    assert row.tpr_at_fpr["0.05"].value == 0.75  # one of 20 clean ones is above 18.5


def test_the_figures_are_scikit_learns() -> None:
    generator = np.random.default_rng(4)
    clean, attacked = generator.random(30).round(1), (generator.random(30) + 0.3).round(1)
    row = row_of(make_scores(clean.tolist(), attacked.tolist()))
    truth, values = np.repeat([False, True], 30), np.concatenate([clean, attacked])
    assert known(row.auc).value == pytest.approx(roc_auc_score(truth, values))
    assert known(row.average_precision).value == pytest.approx(average_precision_score(truth, values))
    _, flagged = detector_rows(make_scores(clean.tolist(), attacked.tolist()), {"given": Given()}, "none")
    alarms = [flagged["given", attack, f"{number}.mp4"] for attack in ("none", "r") for number in range(30)]
    assert known(row.operating_point.f1).value == pytest.approx(f1_score(truth, alarms))


def test_thresholds_come_from_clean_videos_of_other_recordings_only() -> None:
    clean = [float(number) for number in range(20)]
    few, many = make_scores(clean, [50.0] * 20), make_scores(clean, [-50.0] * 20)
    assert row_of(few).operating_point.thresholds == row_of(many).operating_point.thresholds
    _, flagged = detector_rows(few, {"given": Given()}, "none")
    # 19 is alone above everything that the other folds know (18 and less); 18 is known to those that hold 19
    assert [video for (_, attack, video), alarm in flagged.items() if attack == "none" and alarm] == ["19.mp4"]


def test_cuts_of_one_recording_share_a_fold() -> None:
    scores = [
        DetectorScore(
            "given", attack, f"v_a_g{number // 2:02d}_c{number % 2:02d}.avi", f"v_a_g{number // 2:02d}", value, 1.0
        )
        for attack, shift in (("none", 0.0), ("r", 5.0))
        for number, value in enumerate([shift + (number // 2) / 10 for number in range(20)])
    ]
    _, flagged = detector_rows(scores, {"given": Given()}, "none")
    for (_, attack, video), alarm in flagged.items():
        assert alarm == flagged["given", attack, video.replace("_c00", "_c01")]


def test_fixed_points_of_the_literature_stand_beside() -> None:
    row = row_of(make_scores([0.0, 0.1, 0.2, 0.0], [0.2, 0.3, 0.5, 0.1]), TemporalConsistency())
    points = {point.name: point for point in row.fixed_points}
    assert (points["sparse"].threshold, points["dense"].threshold) == (0.175, 0.3)
    assert (known(points["sparse"].true_positive_rate).count, known(points["sparse"].false_positive_rate).count) == (
        3,
        1,
    )
    assert (known(points["dense"].true_positive_rate).count, known(points["dense"].false_positive_rate).count) == (2, 0)
    assert known(points["dense"].precision).value == 1.0


def test_a_row_can_be_written_and_read() -> None:
    row = row_of(make_scores([0.0, 0.1, 0.2], [0.2, 0.3, 0.5]))
    assert decode_line(encode_line(row), DetectorRow) == row
    assert row.curve.true_positive_rate[-1] == 1.0


def test_one_recording_gives_no_row() -> None:
    assert detector_rows(make_scores([0.1], [0.4]), {"given": Given()}, "none") == ([], {})


def test_weighted_figures_are_scikit_learns_on_repeated_videos() -> None:
    generator = np.random.default_rng(6)
    truth = generator.random(40) < 0.5
    values = (generator.random(40) + truth * 0.4).round(1)
    weights = generator.integers(0, 4, (5, 40))
    found = Ranking.of(truth, values).figures(weights)
    for number, weight in enumerate(weights):
        chosen = np.repeat(np.arange(40), weight)
        assert found["auc"][number] == pytest.approx(roc_auc_score(truth[chosen], values[chosen]))
        expected = average_precision_score(truth[chosen], values[chosen])
        assert found["average_precision"][number] == pytest.approx(expected)
