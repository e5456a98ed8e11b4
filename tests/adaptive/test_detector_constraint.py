"""What a detector sees of fit videos, its threshold on them, and the constraint that follows."""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
import torch

from defenses.detectors import Detector
from defenses.detectors.consistency import TemporalConsistency
from defenses.detectors.corpus import CorpusResidual
from defenses.detectors.squeezing import FeatureSqueezing
from defenses.temporal import TemporalMean
from lsap_cli.adaptive.learning.detector_constraint import MOST_STEP_VIDEOS, FitVideoConstraint, PerturbedFitVideos
from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.classifiers.geometry import Geometry
from lsap_cli.classifiers.instrumented import InstrumentedClassifier
from lsap_cli.datasets.base import Video
from lsap_cli.datasets.store import StoredVideo
from lsap_cli.errors import LsapError
from lsap_cli.evaluation.detection_rows import clean_threshold
from perturbations import Binding, Budget, Perturbation, parse_binding
from tests.adaptive.worlds import Redness, color_classifier, gray_videos
from tests.tiny import make_bytes, make_classifier


def textured(count: int, size: tuple[int, int] = (9, 12)) -> list[StoredVideo]:
    return [
        StoredVideo(
            Video(Path(f"{number}.mkv"), f"{number}.mkv"),
            make_bytes(14 + number, 9, 12, number).permute(0, 2, 3, 1),
            torch.arange(14 + number) * 40,
            size,
        )
        for number in range(count)
    ]


def cropping() -> Classifier:
    tiny = make_classifier()
    tiny.geometry = Geometry((8, 8), (9, 12))
    return tiny


def fit_videos(videos: Sequence[StoredVideo]) -> PerturbedFitVideos:
    classifier = cropping()
    return PerturbedFitVideos(classifier, InstrumentedClassifier(classifier), videos, 0)


def a_perturbation() -> Perturbation:
    levels = torch.randint(-8, 9, (3, 3, 9, 12), generator=torch.Generator().manual_seed(4))
    return Perturbation(levels / 255, parse_binding("cyclic:3"), Budget("linf", Fraction(8, 255)))


def test_a_perturbed_fit_video_is_the_perturbed_video_before_the_crop() -> None:
    (stored, *_), added = textured(1), a_perturbation()
    shown = fit_videos([stored]).perturbed(0, added.delta, added.binding)
    numbers = torch.tensor([0, 3, 4, 13])
    expected = added.add_to_bytes(stored.clip(numbers), numbers, 14)
    assert torch.equal((shown.read(numbers).frames * 255).round().byte(), expected)
    assert shown.read(numbers).frames.shape == (4, 3, 9, 12)


def test_probabilities_are_the_classifiers_of_the_defended_cropped_clip() -> None:
    (stored, *_), added = textured(1), a_perturbation()
    shown = fit_videos([stored]).perturbed(0, added.delta, added.binding)
    every = torch.arange(14)
    whole = added.add_to_bytes(stored.clip(every), every, 14).float() / 255
    clips = torch.tensor([[0, 2, 4, 6], [9, 10, 12, 13]])
    classifier = cropping()
    for defense, video in ((None, whole), (TemporalMean(), TemporalMean()(whole))):
        rounded = (video * 255).round() / 255
        expected = classifier.score(classifier.geometry.crop(rounded)[clips]).softmax(1)
        assert torch.allclose(shown.probabilities(clips, defense), expected, atol=1e-6)


def test_probabilities_are_the_mean_of_the_protocols_crops() -> None:
    (stored, *_), added = textured(1), a_perturbation()
    classifier = cropping()
    classifier.crops = 3
    videos = PerturbedFitVideos(classifier, InstrumentedClassifier(classifier), [stored], 0)
    shown = videos.perturbed(0, added.delta, added.binding)
    clips = torch.tensor([[0, 2, 4, 6]])
    frames = shown.read(clips[0]).frames
    outputs = [classifier.score(crop[None]).softmax(1) for crop in classifier.geometry.crops_of(frames, 3)]
    assert torch.allclose(shown.probabilities(clips), torch.stack(outputs).mean(0), atol=1e-6)
    assert not torch.allclose(outputs[0], outputs[2], atol=1e-3)


EXAMPLES = [TemporalConsistency(windows=5, stride=1), FeatureSqueezing((TemporalMean(),)), CorpusResidual(side=16)]


@pytest.mark.parametrize("detector", EXAMPLES)
def test_steps_down_the_gradient_of_every_detector_lower_what_it_follows(detector: Detector) -> None:
    videos = fit_videos(textured(4, (18, 20)))
    constraint = FitVideoConstraint(videos, detector, parse_binding("cyclic:4"), 0.2, aim=-2.0)  # all are flagged
    generator = torch.Generator().manual_seed(3)
    delta = (torch.rand(4, 3, 8, 8, generator=generator) - 0.5) * 0.2
    before = constraint.cost(delta, 0)
    for _ in range(10):
        gradient, flagged = constraint.gradient_at(delta, 0)
        assert flagged == 1.0
        assert bool(gradient.isfinite().all())
        delta = delta - 0.01 * gradient.sign()
    assert constraint.cost(delta, 0) < before


def test_a_video_that_is_not_flagged_gives_no_gradient_and_costs_nothing() -> None:
    aim = 2.1  # more than any score
    constraint = FitVideoConstraint(fit_videos(textured(4)), FeatureSqueezing(), Binding("constant"), 0.2, aim)
    delta = torch.full((1, 3, 8, 8), 0.03)
    result = constraint.gradient_at(delta, 0)
    assert (bool(result.gradient.any()), result.flagged) == (False, 0.0)
    assert constraint.cost(delta, 0) == 0.0


def test_the_threshold_is_that_of_the_clean_fit_videos_and_the_aim_half_way_to_the_median() -> None:
    videos = gray_videos(30, 5)
    classifier = color_classifier()
    point = PerturbedFitVideos(classifier, InstrumentedClassifier(classifier), videos, 0).threshold(Redness())
    scores = sorted(float(one.frames[..., 0].float().mean() / 255) for one in videos)
    assert point.threshold == pytest.approx(scores[29])  # rank ceil(31 * 0.95) = 30 of 30
    assert point.aim == pytest.approx((scores[29] + (scores[14] + scores[15]) / 2) / 2)
    assert clean_threshold([float(number) for number in range(100)]) == 95.0


def test_a_step_shows_videos_of_different_recordings_the_same_at_every_call() -> None:
    cuts = [
        replace(one, video=Video(Path(name), name))
        for number, one in enumerate(textured(40))
        for name in [f"v_a_g{number // 2:02d}_c{number % 2:02d}.avi"]
    ]
    videos = fit_videos(cuts)
    chosen = videos.step_videos(CorpusResidual(), 3)
    assert chosen == videos.step_videos(CorpusResidual(), 3)
    assert len({cuts[number].video.group for number in chosen}) == len(chosen) == MOST_STEP_VIDEOS
    assert len(videos.step_videos(CorpusResidual(videos=5), 3)) == 5
    single = [videos.step_videos(TemporalConsistency(), step) for step in range(40)]
    assert {len(one) for one in single} == {1}
    assert len({one[0] for one in single}) > 15


def test_a_detector_that_compares_videos_says_when_they_are_too_few() -> None:
    with pytest.raises(LsapError, match="at least three recordings"):
        fit_videos(textured(2)).threshold(CorpusResidual(side=16))
