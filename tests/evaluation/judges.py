"""Small videos, protocols and matrices for the tests of judging."""

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from defenses import Defense
from defenses.chain import Chain
from defenses.compression import H264, Jpeg
from defenses.resampling import TemporalResample
from defenses.temporal import TemporalMean, TemporalMedian
from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.classifiers.formats import InputFormat, SamplingFormat
from lsap_cli.datasets.base import Video
from lsap_cli.evaluation.matrix import EvaluationMatrix, Prediction
from lsap_cli.evaluation.protocol import EvaluationProtocol
from lsap_cli.evaluation.sources import PerturbationSource, Unperturbed
from lsap_cli.video.codecs import H264RgbCodec
from lsap_cli.video.reading import read_frames
from perturbations import Budget, Perturbation, parse_binding
from perturbations.samplers import Dense, RandomFrames, RateSampler, Sampler, Segments, Uniform
from tests.tiny import make_bytes, make_classifier, write_timed, write_tiny

DEFENSES: dict[str, Defense | None] = {
    "none": None,
    "mean": TemporalMean(),
    "median": TemporalMedian(5),
    "resample": TemporalResample(),
    "jpeg": Jpeg(),
    "h264": H264(stretch=5),
    "chain": Chain((TemporalMean(), H264(40, 3), TemporalMedian())),
}


SAMPLERS: dict[str, Sampler] = {
    "uniform": Uniform(),
    "dense": Dense(),
    "rate": RateSampler(),
    "random": RandomFrames(),
    "segments": Segments(),
}


def make_videos(root: Path) -> list[Video]:
    """Of several lengths, sizes and frame rates."""
    write_tiny(root / "a.mkv", make_bytes(14, 20, 30, seed=1))
    write_tiny(root / "b.mp4", make_bytes(3, 16, 12, seed=2), codec=H264RgbCodec())
    write_timed(root / "c.mkv", make_bytes(9, 24, 16, seed=3), [0, 20, 30, 400, 410, 900, 1300, 1301, 1900])
    write_tiny(root / "d.mkv", make_bytes(1, 9, 9, seed=4))
    return [Video(path, path.name, (0,)) for path in sorted(root.iterdir())]


def make_protocol(
    classifier: Classifier,
    samplers: Mapping[str, Sampler] | None = None,
    views: int = 1,
    seed: int = 0,
    draws: int = 1,
) -> EvaluationProtocol:
    return EvaluationProtocol(classifier, samplers or SAMPLERS, views, seed, torch.device("cpu"), draws=draws)


def make_matrix(
    sources: Mapping[str, PerturbationSource] | None = None, defenses: Mapping[str, Defense | None] | None = None
) -> EvaluationMatrix:
    return EvaluationMatrix(sources or {"none": Unperturbed()}, defenses or {"none": None})


def whole(video: Video) -> Tensor:
    return torch.stack([frame.pixels for frame in read_frames(video.path)])


def labels(predictions: list[Prediction]) -> dict[tuple[str, str, str], int]:
    return {(one.source, one.defense, one.sampler): one.label for one in predictions}


def strong_perturbation() -> Perturbation:
    """Pushes `make_classifier` from what it sees in plain gray to its second choice."""
    classifier = make_classifier()
    gray = classifier.score(torch.full((1, 4, 3, 8, 8), 0.5))[0]
    first, second = gray.topk(2).indices.tolist()
    weights = classifier.state_dict()["network.weight"].view(4, 3, 8, 8, -1).mean(0)
    direction = (weights[..., second] - weights[..., first]).sign()
    binding, budget = parse_binding("cyclic:2"), Budget("linf", Fraction(64, 255))
    return Perturbation(torch.stack([direction, direction / 2]) * (64 / 255), binding, budget)


def cropping_classifier(crops: Literal[1, 3]) -> Classifier:
    """Two classes, from crops of frames whose shorter side becomes 8 pixels."""
    expects = InputFormat("BTCHW", 4, (8, 8), resize=8)
    sampling = SamplingFormat(crops=crops)
    return Classifier(make_classifier(classes=2).network, "tiny", ["calm", "fight"], expects, sampling=sampling)
