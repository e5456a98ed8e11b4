"""What all attackers of a run learn from: decoded fit videos, the classifier, samplers and an objective."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.classifiers.instrumented import InstrumentedClassifier
from lsap_cli.datasets.base import Video
from lsap_cli.datasets.selection import Skipped, skip
from lsap_cli.datasets.store import FrameStore, StoredVideo
from lsap_cli.errors import LsapError
from lsap_cli.learning.settings import FITTED_SAMPLERS, FRAME_STORE_BYTES
from lsap_cli.results.events import StageEvent, VideoEvent
from lsap_cli.runs import Run
from lsap_cli.specs import build_samplers
from lsap_cli.video.reading import UnreadableVideo
from perturbations.objectives import Objective
from perturbations.samplers import Sampler


@dataclass(frozen=True)
class FitVideos:
    """Videos that attackers learn from.

    Attributes:
        videos: listed, not read yet.
        source: what the user called them.
        skipped: the command's list of videos that are left out; unreadable ones are appended to it.
    """

    videos: Sequence[Video]
    source: str
    skipped: Skipped


@dataclass(frozen=True)
class LearningSetup:
    """What all attackers have in common.

    Attributes:
        classifier: on its device.
        videos: decoded, at least one.
        samplers: that are learned through.
        objective: what attackers want.
        seed: of everything that is drawn.
    """

    classifier: Classifier
    videos: Sequence[StoredVideo]
    samplers: Sequence[Sampler]
    objective: Objective
    seed: int

    @property
    def device(self) -> torch.device:
        return self.classifier.mean.device


@dataclass(frozen=True)
class AttackedClassifier:
    """A network for attackers, and what they want of it.

    Attributes:
        network: whose gradients they use.
        objective: what they want.
        seed: of what is drawn.
    """

    network: InstrumentedClassifier
    objective: Objective
    seed: int

    @property
    def device(self) -> torch.device:
        return self.network.classifier.mean.device


@contextmanager
def learning_setup(
    fit: FitVideos, classifier: Classifier, objective: Objective, seed: int, run: Run
) -> Iterator[LearningSetup]:
    """Decodes the fit videos and holds their frames until the block ends.

    Args:
        fit: the videos.
        classifier: on its device.
        objective: what attackers want.
        seed: of everything that is drawn.
        run: gets events.

    Raises:
        LsapError: if none of the videos can be used.
    """
    with FrameStore(classifier.geometry.shrink, FRAME_STORE_BYTES) as store:
        videos = _decode(store, fit, run)
        samplers = list(build_samplers((classifier.sampler_spec, *FITTED_SAMPLERS)).values())
        yield LearningSetup(classifier, videos, samplers, objective, seed)


def _decode(store: FrameStore, fit: FitVideos, run: Run) -> list[StoredVideo]:
    run.event(StageEvent(name="decoding the videos to learn from", videos=len(fit.videos)))
    usable: list[StoredVideo] = []
    for video, stored in store.load(fit.videos):
        if isinstance(stored, UnreadableVideo):
            skip(run, fit.skipped, video, stored)
            continue
        usable.append(stored)
        run.event(VideoEvent(path=video.name, frames=len(stored.times)))
    if not usable:
        raise LsapError(f"none of the {len(fit.videos)} videos in --fit {fit.source} can be used", 1)
    return usable
