"""The videos of `generate`: decoded once, split into those that are learned from and those that verify."""

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.datasets.selection import Skipped, skip, videos_of_run
from lsap_cli.datasets.splits import merged_groups, split_by_group
from lsap_cli.datasets.store import FrameStore, StoredVideo
from lsap_cli.errors import LsapError
from lsap_cli.hashing import content_hash
from lsap_cli.runs import Run
from lsap_cli.video.reading import UnreadableVideo

LearnFrom = Literal["any", "one-video", "target-class", "random-class"]
VERIFY_SHARE = 0.2
MOST_VERIFIED = 24
LOADING_SHARE = 0.35  # of a time budget: then learning starts with what is there
ENOUGH_VIDEOS = 10  # to begin with, when time runs out


@dataclass(frozen=True)
class Footage:
    """The videos that can be used, decoded and split."""

    fit: list[StoredVideo]
    verify: list[StoredVideo]
    hashes: dict[str, str]  # by video name
    skipped: Skipped

    @property
    def same_video(self) -> bool:
        """Whether verification is on other clips of the very video that is learned from (LSAP's headline protocol)."""
        return [one.video for one in self.fit] == [one.video for one in self.verify]

    def record(self) -> list[dict[str, str]]:
        """What a perturbation file says about the videos behind it."""
        roles = [(self.fit, "fit"), (() if self.same_video else self.verify, "verification")]
        return [
            {"name": one.video.name, "sha256": self.hashes[one.video.name], "group": one.video.group, "role": role}
            for videos, role in roles
            for one in videos
        ]


def load_footage(
    store: FrameStore,
    source: Path,
    classifier: Classifier,
    learn_from: LearnFrom,
    target: int | None,
    seed: int,
    last_moment: float,
    run: Run,
) -> Footage:
    """Decodes the videos in a random order, and splits them by recording.

    Args:
        store: where frames go.
        source: folder or list.
        classifier: whose labels and size are taken.
        learn_from: any video, one video only, videos of the target's class, or of one class drawn at random.
        target: class number, for target-class.
        seed: of order, split and draw.
        last_moment: by `time.monotonic`, when decoding stops if enough videos are there.
        run: is told what happens.

    Raises:
        LsapError: if too few videos are left.
    """
    videos = list(videos_of_run(source, classifier, run).videos)
    random.Random(seed).shuffle(videos)
    if learn_from == "one-video":
        videos = _first_only(videos, run)
    run.event("stage", name="decoding", videos=len(videos))
    usable: list[StoredVideo] = []
    skipped: Skipped = []
    for video, stored in store.load(videos):
        if isinstance(stored, UnreadableVideo):
            skip(run, skipped, video, stored)
            continue
        usable.append(stored)
        run.event("video", path=video.name, frames=len(stored.times))
        if time.monotonic() > last_moment and len(usable) >= ENOUGH_VIDEOS and len(usable) + len(skipped) < len(videos):
            message = f"--time-budget leaves time to learn from {len(usable)} of {len(videos)} videos"
            run.event("warning", message=message)
            break
    if not usable:
        raise LsapError(f"none of the {len(videos)} videos in {source} can be used; {_reasons(skipped)}", 1)
    names = [stored.video.name for stored in usable]
    hashes = [content_hash(stored.video.path) for stored in usable]
    fit, verify = _split(usable, hashes, learn_from, target, seed, run)
    run.event(
        "split", fit=len(fit), verify=len(verify), decode_seconds=round(store.cost.seconds, 2),
        memory_bytes=store.cost.memory_bytes, disk_bytes=store.cost.disk_bytes,
    )  # fmt: skip
    return Footage(fit, verify, dict(zip(names, hashes, strict=True)), skipped)


def _first_only(videos: list[Any], run: Run) -> list[Any]:
    if len(videos) > 1:
        run.event(
            "warning",
            message=f"--from one-video takes one of the {len(videos)} videos, {videos[0].name}; --seed draws another",
        )
    return videos[:1]


def _split(
    usable: Sequence[StoredVideo],
    hashes: Sequence[str],
    learn_from: LearnFrom,
    target: int | None,
    seed: int,
    run: Run,
) -> tuple[list[StoredVideo], list[StoredVideo]]:
    if learn_from == "one-video":
        run.event("warning", message="one video: what verifies are other clips of the very video that is learned from")
        return list(usable), list(usable)
    groups = merged_groups([stored.video for stored in usable], hashes)
    share = min(VERIFY_SHARE, MOST_VERIFIED / len(usable))
    fit, verify = split_by_group(usable, groups, share, seed)
    if learn_from == "any":
        return fit, verify
    labels = sorted({label for one in fit for label in one.video.labels[:1]})
    if not labels:
        raise LsapError(f"--from {learn_from} needs labelled videos; sort them into folders, or give a CSV list")
    wanted = target if learn_from == "target-class" else random.Random(seed).choice(labels)
    chosen = [one for one in fit if one.video.labels[:1] == (wanted,)]
    if not chosen:
        raise LsapError("--from target-class: none of the videos to learn from shows the --target; use --from any")
    others = [one for one in fit if one not in chosen]
    return chosen, (verify + others)[: max(len(verify), MOST_VERIFIED)]


def _reasons(skipped: Skipped) -> str:
    shown = "; ".join(f"{one['path']}: {one['reason']}" for one in skipped[:3])
    return shown + (f"; and {len(skipped) - 3} more" if len(skipped) > 3 else "")
