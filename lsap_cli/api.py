"""lsap from Python: the clips of a folder as a tensor, and the commands as functions that give typed results.

    classifier = load_classifier("model.toml")
    clips = load_clips(Path("videos"), classifier)
    results = run_defend(DefendSettings("videos", model="model.toml", perturbation="r.safetensors"), Path("runs/mine"))

Tensors alone need none of this: see `perturbations` and `defenses`.
"""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor

from lsap_cli.applying.settings import ApplySettings
from lsap_cli.classifiers import Classifier
from lsap_cli.datasets import FrameStore, StoredVideo, list_videos
from lsap_cli.errors import LsapError
from lsap_cli.jobs.apply import apply
from lsap_cli.jobs.defend import defend
from lsap_cli.jobs.defend_settings import DefendSettings, check_defend_settings
from lsap_cli.jobs.generate import generate
from lsap_cli.learning.settings import GenerateSettings
from lsap_cli.results.documents import ApplyResults, DefendResults, GenerateResults
from lsap_cli.runs import Listener, Run
from perturbations.seeds import seeded

__all__ = [
    "ApplySettings",
    "DefendSettings",
    "GenerateSettings",
    "load_clips",
    "run_apply",
    "run_defend",
    "run_generate",
]

FRAME_STORE_BYTES = 2**30
WORKERS = 2


def load_clips(source: Path, classifier: Classifier, clips_per_video: int = 1, seed: int = 0) -> Tensor:
    """Clips of a folder's videos, as the classifier's own sampler and resize give them.

    Args:
        source: a folder of videos, a list, or one video.
        classifier: whose sampler, number of frames and size are taken.
        clips_per_video: spread evenly over each video.
        seed: of a sampler that draws.

    Returns:
        (videos * clips_per_video, T, 3, h, w) float32 in [0, 1], the clips of a video one after the other.

    Raises:
        LsapError: if there is no video, or one cannot be read.
    """
    if clips_per_video < 1:
        raise LsapError(f"clips_per_video is {clips_per_video}; use a number from 1")
    with FrameStore(classifier.geometry.shrink, FRAME_STORE_BYTES, WORKERS) as store:
        return torch.cat([*_clips(store, source, classifier, clips_per_video, seed)])


def _clips(
    store: FrameStore, source: Path, classifier: Classifier, clips_per_video: int, seed: int
) -> Iterator[Tensor]:
    video_set = list_videos(source, classifier.labels)
    for place in video_set.unreadable:
        raise LsapError(f"{place.path} {place.reason}")
    for video, stored in store.load(video_set.videos):
        if not isinstance(stored, StoredVideo):
            raise LsapError(f"{video.name} cannot be used: {stored}")
        generator = seeded(seed, "clips", video.name)
        indices = classifier.sampler.choose(stored.times, classifier.frames, clips_per_video, generator)
        frames = classifier.geometry.crop(stored.clip(indices.flatten()))
        yield frames.unflatten(0, indices.shape).float() / 255


def run_generate(settings: GenerateSettings, folder: Path, *listeners: Listener) -> GenerateResults:
    """`lsap generate`: learns a perturbation from videos, verifies it on others, and writes its file.

    Args:
        settings: the command's options.
        folder: a new run folder, which the dashboard can watch meanwhile.
        listeners: called with every event.

    Raises:
        LsapError: for anything that the caller can mend.
    """
    with Run(folder, "generate", asdict(settings), [*listeners]) as run:
        results = generate(settings, run)
    if results is None:
        raise LsapError("run_generate learns in one process; use torchrun with the command for several")
    return results


def run_apply(settings: ApplySettings, folder: Path, *listeners: Listener) -> ApplyResults:
    """`lsap apply`: writes every video again with a perturbation in it, and proves what is in the written files.

    Args:
        settings: the command's options.
        folder: a new run folder.
        listeners: called with every event.

    Raises:
        LsapError: for anything that the caller can mend.
    """
    with Run(folder, "apply", asdict(settings), [*listeners]) as run:
        return apply(settings, run)


def run_defend(settings: DefendSettings, folder: Path, *listeners: Listener) -> DefendResults:
    """`lsap defend`: judges videos clean and perturbed, behind defenses; with `adaptive`, against ladders of attacks.

    Args:
        settings: the command's options.
        folder: a new run folder.
        listeners: called with every event.

    Raises:
        LsapError: for anything that the caller can mend.
    """
    check_defend_settings(settings)
    with Run(folder, "defend", asdict(settings), [*listeners]) as run:
        return defend(settings, run)
