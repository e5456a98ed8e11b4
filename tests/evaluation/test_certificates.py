"""A certificate is of the label that the protocol's crops give."""

from pathlib import Path
from typing import Literal

import pytest
import torch
from torch import Tensor, nn

from defenses.certify import PixelSmoothing
from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.classifiers.formats import InputFormat, SamplingFormat
from lsap_cli.datasets.base import Video
from lsap_cli.evaluation.certificates import certify_video
from lsap_cli.evaluation.matrix_judge import MatrixJudge
from tests.evaluation.judges import make_matrix, make_protocol
from tests.tiny import write_tiny

SIDE, WIDTH = 8, 24


class Bright(nn.Module):
    """Two classes: dark, and bright."""

    def forward(self, clips: Tensor) -> Tensor:
        mean = clips.mean((1, 2, 3, 4))
        return torch.stack([torch.zeros_like(mean), 10 * (mean - 0.5)], 1)


@pytest.mark.parametrize(("crops", "label"), [(1, 0), (3, 1)])
def test_a_certificate_is_of_the_label_that_judging_gives(tmp_path: Path, crops: Literal[1, 3], label: int) -> None:
    frames = torch.full((4, 3, SIDE, WIDTH), 255, dtype=torch.uint8)
    frames[..., SIDE : 2 * SIDE] = 0  # dark in its middle alone
    video = Video(write_tiny(tmp_path / "a.mkv", frames), "a.mkv", (label,))
    taken = InputFormat("BTCHW", frames=2, size=(SIDE, SIDE), resize=SIDE)
    classifier = Classifier(Bright(), "bright", ["dark", "bright"], taken, sampling=SamplingFormat(crops=crops))
    protocol = make_protocol(classifier)
    assert MatrixJudge(protocol, make_matrix()).predict(video)[0].label == label
    smoothing = PixelSmoothing(sigma=0.01, samples=20, first=5)
    (certified,) = certify_video(protocol, {"pixels": smoothing}, video, 1e-6)
    assert (certified.certificate.label, certified.certificate.covers) == (label, True)
    values = 2 * 3 * SIDE * (WIDTH if crops == 3 else SIDE)  # those that an attacker can change
    assert certified.certificate.needed == pytest.approx(1e-6 * values**0.5)
