"""What every detector promises, a check each."""

from collections.abc import Callable
from dataclasses import is_dataclass

import torch

from defenses.detectors.base import Detector
from defenses.testing.requirements import require, require_refusal
from defenses.testing.videos import make_noise_video, read_tiny, spread_four
from lsap_common import require_kind


def check_detector(detector: Detector) -> None:
    """Check every promise of a detector.

    Raises:
        AssertionError: about the first one that does not hold.
        ValueError: if it is no detector.
    """
    require_kind("the detector is", detector, Detector, "give an object of a class on Detector, such as MyDetector()")
    for check in DETECTOR_CHECKS:
        check(detector)


def check_detector_declarations(detector: Detector) -> None:
    """A frozen dataclass with a sentence on what it cannot detect."""
    require(is_dataclass(detector), "a detector is a frozen dataclass whose fields are its settings")
    require(detector.null_space.endswith("."), f"null_space must be a sentence; it is {detector.null_space!r}")
    require(detector.comparison_videos >= 0, "comparison_videos is a count")
    require(detector.blind_period is None or detector.blind_period > 1, "a blind period has at least two frames")


def check_detector_scores(detector: Detector) -> None:
    """Evidence of one shape for all videos, a finite score, the same one again, the input untouched."""
    videos = [make_noise_video(length, 40, 50, seed) for length, seed in ((12, 1), (7, 2), (1, 3), (40, 4))]
    before = [video.clone() for video in videos]
    evidence = [detector.evidence(read_tiny(video)) for video in videos]
    require(len({one.shape for one in evidence}) == 1, "videos of different lengths give evidence of different shapes")
    others = evidence[1:] if detector.comparison_videos else []
    score = detector.score(evidence[0], others)
    require(score.shape == (), f"a score is a scalar; it has the shape {tuple(score.shape)}")
    require(bool(score.isfinite()), "the score is not finite")
    again = detector.score(detector.evidence(read_tiny(videos[0])), others)
    require(torch.equal(score, again), "the same video gave two scores")
    require(all(map(torch.equal, videos, before)), "the input was changed")
    classifier = read_tiny(videos[0]).classifier
    called = detector(videos[0], classifier, spread_four, videos[1:] if detector.comparison_videos else [])
    require(called == float(score), "detector(video, ...) and score(evidence) differ")
    if detector.comparison_videos:
        require_refusal(lambda: detector.score(evidence[0], []), "score() without other videos to compare with")


def check_detector_gradient(detector: Detector) -> None:
    """A score that an attacker can lower by its gradient; one that is declared exact is that of the score."""
    video = make_noise_video(12, 40, 50).requires_grad_()
    others = [detector.evidence(read_tiny(make_noise_video(12, 40, 50, seed))) for seed in (5, 6, 7)]
    others = others if detector.comparison_videos else []
    evidence = detector.evidence(read_tiny(video))
    (gradient,) = torch.autograd.grad(detector.differentiable_score(evidence, others), video)
    require(bool(gradient.isfinite().all()), "the gradient of differentiable_score is not finite")
    require(bool(gradient.any()), "differentiable_score has no gradient")
    if detector.gradient == "true":
        evidence = evidence.detach()
        require(
            torch.equal(detector.differentiable_score(evidence, others), detector.score(evidence, others)),
            "the gradient is declared exact, but differentiable_score is not the score",
        )


DETECTOR_CHECKS: tuple[Callable[[Detector], None], ...] = (
    check_detector_declarations,
    check_detector_scores,
    check_detector_gradient,
)
"""All that `check_detector` runs, in this order."""
