"""What `models predict` says of a video is what `defend` says of it without an attack."""

from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
from sklearn.metrics import roc_auc_score

from lsap_cli.datasets.store import FrameStore, StoredVideo
from lsap_cli.evaluation.matrix_judge import MatrixJudge
from lsap_cli.evaluation.model_check import channel_findings, measure_accuracy
from lsap_cli.evaluation.predictions import clips_of, predict_videos
from lsap_cli.evaluation.protocol import Evaluation
from lsap_cli.results.documents import ModelAccuracy
from lsap_cli.results.rates import rate_of
from lsap_cli.results.rows import TwoClassRates
from lsap_cli.runs import Run
from tests.evaluation.judges import SAMPLERS, cropping_classifier, make_matrix, make_protocol, make_videos


@pytest.mark.parametrize("sampler", ["uniform", "random", "segments"])
@pytest.mark.parametrize("crops", [1, 3])
def test_predictions_are_those_of_an_evaluation_without_an_attack(
    tmp_path: Path, sampler: str, crops: Literal[1, 3]
) -> None:
    (tmp_path / "videos").mkdir()
    videos = make_videos(tmp_path / "videos")
    classifier = cropping_classifier(crops)
    protocol = make_protocol(classifier, {sampler: SAMPLERS[sampler]}, views=2, seed=3)
    with Run(tmp_path / "run", "models predict", {}, []) as run:
        evaluation = Evaluation(protocol, run, [])
        predicted = {one.video.name: dict(one.classes)[1] for one in predict_videos(evaluation, videos, 2)}
        accuracy = measure_accuracy(evaluation, videos)
    judge = MatrixJudge(protocol, make_matrix())
    judged = {video.name: judge.predict(video)[0] for video in videos}
    assert predicted == pytest.approx({name: one.positive for name, one in judged.items()}, abs=1e-6)
    assert len(set(predicted.values())) == len(videos)
    assert accuracy.top1 is not None
    assert accuracy.top1.count == sum(one.label == 0 for one in judged.values())


def test_a_video_has_its_views_times_its_crops_as_clips(tmp_path: Path) -> None:
    videos = make_videos(tmp_path)[:1]
    classifier = cropping_classifier(3)
    protocol = make_protocol(classifier, views=2)
    with FrameStore(classifier.geometry.shrink, 2**20) as store:
        ((_, stored),) = store.load(videos)
        assert isinstance(stored, StoredVideo)
        assert clips_of(protocol, stored).shape == (6, classifier.frames, 3, *classifier.geometry.size)


def test_a_network_of_two_classes_has_an_auc_and_both_kinds_of_errors_and_no_top_5(tmp_path: Path) -> None:
    (tmp_path / "videos").mkdir()
    videos = [replace(one, labels=(number % 2,)) for number, one in enumerate(make_videos(tmp_path / "videos"))]
    protocol = make_protocol(cropping_classifier(1))
    with Run(tmp_path / "run", "models check", {}, []) as run:
        evaluation = Evaluation(protocol, run, [])
        accuracy = measure_accuracy(evaluation, videos)
        positive = [dict(one.classes)[1] for one in predict_videos(evaluation, videos, 2)]
    truth = [one.labels[0] for one in videos]
    assert accuracy.top5 is None
    assert isinstance(accuracy.two_class, TwoClassRates)
    assert accuracy.two_class.auc is not None
    assert accuracy.two_class.auc.value == pytest.approx(roc_auc_score(truth, positive))
    missed = [value < 0.5 for label, value in zip(truth, positive, strict=True) if label]
    assert accuracy.two_class.false_negatives == rate_of(sum(missed), len(missed))


@pytest.mark.parametrize(("exchanged", "p", "verdicts"), [(70, 0.34, ["PASS"]), (80, 0.001, ["WARN"]), (60, 0.01, [])])
def test_exchanged_channels_are_warned_of_where_chance_does_not_explain_them(
    exchanged: int, p: float, verdicts: list[str]
) -> None:
    accuracy = ModelAccuracy(top1=rate_of(66, 83), top1_red_and_blue_exchanged=rate_of(exchanged, 83), channels_p=p)
    assert [one.verdict for one in channel_findings(accuracy)] == verdicts
