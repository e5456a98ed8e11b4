"""What a network says of each video of a set, before anything is attacked."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch

from lsap_cli.datasets.base import Video
from lsap_cli.datasets.selection import skip
from lsap_cli.datasets.store import FrameStore, StoredVideo
from lsap_cli.evaluation.protocol import Evaluation, NoPrediction
from lsap_cli.results.events import VideoEvent
from lsap_cli.video.reading import UnreadableVideo
from perturbations.seeds import seeded

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
                    best = _best(evaluation, stored, classes)
                except NoPrediction as error:
                    skip(evaluation.run, evaluation.skipped, video, error)
                    continue
                evaluation.run.event(VideoEvent(path=video.name))
                yield VideoPrediction(video, best)


def _best(evaluation: Evaluation, stored: StoredVideo, classes: int) -> list[tuple[int, float]]:
    """The likeliest classes by the mean of the views' probabilities."""
    protocol, classifier = evaluation.protocol, evaluation.protocol.classifier
    sampler = protocol.samplers[protocol.first_sampler]
    generator = seeded(protocol.seed, "prediction", stored.video.name)
    indices = sampler.choose(stored.times, classifier.frames, protocol.views, generator)
    views = torch.stack([classifier.geometry.crop(stored.clip(view)) for view in indices])
    mean = protocol.probabilities(views).mean(0)
    values, places = mean.topk(min(classes, len(mean)))
    return list(zip(places.tolist(), values.tolist(), strict=True))
