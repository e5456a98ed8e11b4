"""What verification while learning counts as a change."""

from fractions import Fraction
from pathlib import Path

import torch
from torch import Tensor, nn

from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.classifiers.formats import InputFormat
from lsap_cli.classifiers.instrumented import InstrumentedClassifier
from lsap_cli.datasets.base import Video
from lsap_cli.datasets.store import FrameStore, StoredVideo
from lsap_cli.learning.delta_paths import DeltaPaths
from lsap_cli.learning.progress_verification import ProgressVerification
from lsap_cli.results.rates import rate_of
from perturbations import Budget, parse_binding
from perturbations.network import NetworkOutput
from perturbations.objectives import Untargeted
from perturbations.problem import Batch, Problem
from perturbations.samplers import Uniform
from tests.tiny import write_tiny

WHOLE_RANGE = Budget("linf", Fraction(1))
SIDE, FRAMES = 8, 4


class Brightness(nn.Module):
    """Says whether a clip (B, T, 3, H, W) is brighter than 0.3."""

    def forward(self, clips: Tensor) -> Tensor:
        mean = clips.flatten(1).mean(1)
        return torch.stack([mean.new_full(mean.shape, 0.3), mean], 1)


class NotAsked:
    """A network for a problem whose batches nobody draws."""

    device = torch.device("cpu")

    def outputs(self, clips: Tensor, *internals: object) -> NetworkOutput:
        raise AssertionError

    def score(self, clips: Tensor) -> Tensor:
        raise AssertionError


def draw(step: int) -> Batch:
    raise AssertionError(step)


def test_appended_frames_are_counted_against_the_clean_video_and_not_against_black_frames(tmp_path: Path) -> None:
    path = write_tiny(tmp_path / "gray.mkv", torch.full((FRAMES, 3, SIDE, SIDE), 128, dtype=torch.uint8))
    classifier = Classifier(Brightness(), "bright", ["dark", "bright"], InputFormat("BTCHW", FRAMES, (SIDE, SIDE)))
    binding = parse_binding("append:4")
    problem = Problem(
        network=NotAsked(), draw=draw, objective=Untargeted(), budget=WHOLE_RANGE, binding=binding,
        shape=(binding.period, 3, SIDE, SIDE), frames=FRAMES, classes=2, seed=0, device=torch.device("cpu"),
    )  # fmt: skip
    paths = DeltaPaths(classifier.geometry, (SIDE, SIDE), "bilinear", WHOLE_RANGE, torch.device("cpu"))
    with FrameStore(classifier.geometry.shrink, 2**30) as store:
        videos = [one for _, one in store.load([Video(path, path.name)]) if isinstance(one, StoredVideo)]
        network = InstrumentedClassifier(classifier)
        verification = ProgressVerification(network, videos, {"uniform": Uniform()}, problem, paths, 0, 4)
    gray, black = (torch.full(problem.shape, value) for value in (0.5, 0.0))
    assert verification.verify(gray).rates == {"uniform": rate_of(0, 1)}  # bright before and after
    assert verification.verify(black).rates == {"uniform": rate_of(1, 1)}
