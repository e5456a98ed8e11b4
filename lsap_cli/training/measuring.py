"""What a network says of labelled videos, by the protocol of its card: the clips that `models check` would take."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.nn.functional import nll_loss

from lsap_cli.datasets.store import StoredVideo
from lsap_cli.errors import LsapError
from lsap_cli.evaluation.matrix import Prediction
from lsap_cli.evaluation.predictions import clips_of
from lsap_cli.evaluation.protocol import EvaluationProtocol, NoPrediction
from lsap_cli.evaluation.records import make_records
from lsap_cli.evaluation.two_classes import POSITIVE
from lsap_cli.results.rates import Rate, rate
from lsap_cli.results.records import NO_ATTACK, NO_DEFENSE, Record

SMALLEST = 1e-12  # a probability, before its logarithm


@dataclass(frozen=True)
class CurvePoint:
    """A point of the curve.

    Attributes:
        loss: mean negative logarithm of the right class's probability; what `--patience` looks at.
        accuracy: of clean videos.
        attacked: of `harden`: under the perturbation that the network is hardened against.
    """

    loss: float
    accuracy: Rate
    attacked: Rate | None = None


@dataclass(frozen=True)
class MeasuredVideos:
    """Predictions of videos.

    Attributes:
        records: one a video.
        loss: mean negative logarithm of the right class's probability.
    """

    records: list[Record]
    loss: float

    @property
    def accuracy(self) -> Rate:
        """The share of videos whose likeliest class is their label."""
        measured = rate([bool(one.correct) for one in self.records])
        assert measured is not None  # no part of a split is empty
        return measured

    @property
    def point(self) -> CurvePoint:
        """The same as a point of the curve."""
        return CurvePoint(self.loss, self.accuracy)


def measure_videos(protocol: EvaluationProtocol, videos: Sequence[StoredVideo]) -> MeasuredVideos:
    """Predicts videos with the network in evaluation mode.

    Args:
        protocol: of the network's card.
        videos: decoded, each with a label; at least one.

    Raises:
        LsapError: if a score is not finite.
    """
    records: list[Record] = []
    losses: list[float] = []
    for stored in videos:
        try:
            mean = protocol.probabilities(clips_of(protocol, stored)).mean(0)
        except NoPrediction as error:
            raise LsapError(f"{stored.video.name}: {error}; train with a lower --learning-rate", 1) from None
        right = torch.tensor([stored.video.labels[0]])
        losses.append(float(nll_loss(mean.clamp(min=SMALLEST).log()[None], right)))
        records += make_records(stored.video, [_prediction(protocol, mean.tolist())], protocol.classifier.labels)
    return MeasuredVideos(records, sum(losses) / len(losses))


def _prediction(protocol: EvaluationProtocol, probabilities: list[float]) -> Prediction:
    likeliest = max(range(len(probabilities)), key=probabilities.__getitem__)
    positive = probabilities[POSITIVE] if len(probabilities) == 2 else None
    return Prediction(
        NO_ATTACK, NO_DEFENSE, protocol.first_sampler, likeliest, 0.0, (), positive, probabilities[likeliest]
    )
