"""What a network says of each video of a set, before anything is attacked."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.datasets.base import Video
from lsap_cli.datasets.selection import skip
from lsap_cli.datasets.store import FrameStore, StoredVideo
from lsap_cli.evaluation.protocol import Evaluation, EvaluationProtocol, NoPrediction
from lsap_cli.evaluation.two_classes import POSITIVE
from lsap_cli.results.events import VideoEvent
from lsap_cli.video.reading import UnreadableVideo

AT_A_TIME = 32  # videos whose frames are held, so that memory does not grow with the set
MEMORY = 2**29  # bytes of them; more goes to disk


class VideoPrediction(NamedTuple):
    """A video, and the classes that the network takes for the likeliest, with their probabilities."""

    video: Video
    classes: list[tuple[int, float]]


def predict_videos(evaluation: Evaluation, videos: Sequence[Video], classes: int) -> Iterator[VideoPrediction]:
    """Predictions of all videos that can be read, in order; the others are appended to the skipped.

    Args:
        evaluation: of the classifier, with its own protocol; the first sampler is used.
        videos: of the set.
        classes: how many are given of each video, the likeliest first.
    """
    geometry = evaluation.protocol.classifier.geometry
    for start in range(0, len(videos), AT_A_TIME):
        with FrameStore(geometry.shrink, MEMORY) as store:
            for video, stored in store.load(videos[start : start + AT_A_TIME]):
                if isinstance(stored, UnreadableVideo):
                    skip(evaluation.run, evaluation.skipped, video, stored)
                    continue
                try:
                    mean = evaluation.protocol.probabilities(clips_of(evaluation.protocol, stored)).mean(0)
                except NoPrediction as error:
                    skip(evaluation.run, evaluation.skipped, video, error)
                    continue
                evaluation.run.event(VideoEvent(path=video.name))
                values, places = mean.topk(min(classes, len(mean)))
                yield VideoPrediction(video, list(zip(places.tolist(), values.tolist(), strict=True)))


def clips_of(protocol: EvaluationProtocol, stored: StoredVideo) -> Tensor:
    """The clips that stand for a video, those of `defend` with the first sampler: views, and the crops of each.

    Returns:
        (views * crops, T, 3, h, w) uint8.
    """
    classifier = protocol.classifier
    views = protocol.clip_indices(stored.video, protocol.first_sampler, stored.times)
    return torch.stack(
        [crop for view in views for crop in classifier.geometry.crops_of(stored.clip(view), classifier.crops)]
    )


def says_more_than(classifier: Classifier, classes: int) -> bool:
    """Whether it says something to look for a label among so many of the likeliest classes."""
    return classifier.gives.kind != "label" and len(classifier.labels) > classes


def scored_video(
    classifier: Classifier, video: Video, probabilities: Mapping[int, float]
) -> list[tuple[bool, float, str]]:
    """A labelled video for `two_class_figures`; none, where the network has other than two classes or no scores.

    Args:
        classifier: whose probabilities they are.
        video: which.
        probabilities: by class.
    """
    if len(classifier.labels) != 2 or classifier.gives.kind == "label" or not video.labels:
        return []
    return [(video.labels[0] == POSITIVE, probabilities[POSITIVE], video.group)]
