"""The videos of `generate`: decoded once, split into those that are learned from and those that verify."""

import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from lsap_cli.datasets.base import Video
from lsap_cli.datasets.selection import Skipped, skip, videos_of_run
from lsap_cli.datasets.splits import MOST_VERIFIED, merged_groups, split_by_group, verified_share
from lsap_cli.datasets.store import FrameStore, StoredVideo
from lsap_cli.errors import LsapError
from lsap_cli.learning.problems import ENOUGH_VIDEOS
from lsap_cli.learning.settings import GenerateSettings, LearnFrom
from lsap_cli.learning.task import LearningTask
from lsap_cli.results.events import SplitEvent, StageEvent, VideoEvent, WarningEvent
from lsap_cli.runs import Run
from lsap_cli.video.media import media_hash
from lsap_cli.video.reading import UnreadableVideo

ONE_VERIFIED = "one video verifies: a rate of 0 or 1 of it tells nothing; give more recordings"


@dataclass(frozen=True)
class TrainingVideos:
    """The videos that can be used, decoded and split.

    Attributes:
        fit: videos to learn from.
        verify: videos of other recordings, to verify on; the fit video itself where there is only one.
        hashes: content hashes, by video name.
    """

    fit: list[StoredVideo]
    verify: list[StoredVideo]
    hashes: Mapping[str, str]

    @property
    def same_video(self) -> bool:
        """Whether verification is on other clips of the very video that is learned from (LSAP's headline protocol)."""
        return [one.video for one in self.fit] == [one.video for one in self.verify]

    def first(self, fit: int, verify: int, run: Run) -> "TrainingVideos":
        """The same with the first videos to learn from, and to verify on; what that leaves out is said."""
        for what, count, of in (("learn from", fit, self.fit), ("verify on", verify, self.verify)):
            if count < len(of):
                message = f"--time-budget leaves time to {what} {count} of {len(of)} videos, by the model's own pace"
                run.event(WarningEvent(message=message))
        return replace(self, fit=self.fit[:fit], verify=self.verify[:verify])

    def record(self) -> list[dict[str, str]]:
        """The metadata of a perturbation file on its fit videos."""
        roles = [(self.fit, "fit"), (() if self.same_video else self.verify, "verification")]
        return [
            {"name": one.video.name, "sha256": self.hashes[one.video.name], "group": one.video.group, "role": role}
            for videos, role in roles
            for one in videos
        ]


def load_training_videos(
    store: FrameStore, task: LearningTask, settings: GenerateSettings, deadline: float, skipped: Skipped, run: Run
) -> TrainingVideos:
    """Decodes the videos in a random order, and splits them by recording.

    Args:
        store: where frames go.
        task: whose classifier's labels and target are taken.
        settings: the folder or list, which of its videos to learn from, and the seed of order, split and draw.
        deadline: by `time.monotonic`, when decoding stops if enough videos are there.
        skipped: the command's list of videos that are left out; unreadable ones are appended to it.
        run: gets the events.

    Raises:
        LsapError: if too few videos are left.
    """
    source = settings.source
    videos = list(videos_of_run(source, task.classifier.labels, run, skipped).videos)
    random.Random(settings.seed).shuffle(videos)
    if settings.learn_from == "one-video":
        videos = _first_only(videos, run)
    usable = _decode(store, videos, deadline, skipped, run)
    if not usable:
        raise LsapError(f"none of the {len(videos)} videos in {source} can be used; {_reasons(skipped)}", 1)
    names = [stored.video.name for stored in usable]
    hashes = [media_hash(stored.video.media) for stored in usable]
    if settings.learn_from == "one-video":
        run.event(
            WarningEvent(message="one video: what verifies are other clips of the very video that is learned from")
        )
        fit, verify = list(usable), list(usable)
    else:
        fit, verify = _split(usable, hashes, task.target, settings)
        if len(verify) == 1:
            run.event(WarningEvent(message=ONE_VERIFIED))
    cost = store.cost
    run.event(
        SplitEvent(fit=len(fit), verify=len(verify), decode_seconds=round(cost.seconds, 2),
        memory_bytes=cost.memory_bytes, disk_bytes=cost.disk_bytes,
    ))  # fmt: skip
    return TrainingVideos(fit, verify, dict(zip(names, hashes, strict=True)))


def _first_only(videos: list[Video], run: Run) -> list[Video]:
    if len(videos) > 1:
        run.event(
            WarningEvent(
                message=f"--from one-video takes one of the {len(videos)} videos, {videos[0].name}; "
                "--seed draws another",
            )
        )
    return videos[:1]


def _decode(
    store: FrameStore, videos: Sequence[Video], deadline: float, skipped: Skipped, run: Run
) -> list[StoredVideo]:
    run.event(StageEvent(name="decoding", videos=len(videos)))
    usable: list[StoredVideo] = []
    for number, (video, stored) in enumerate(store.load(videos), start=1):
        if isinstance(stored, UnreadableVideo):
            skip(run, skipped, video, stored)
            continue
        usable.append(stored)
        run.event(VideoEvent(path=video.name, frames=len(stored.times)))
        if time.monotonic() > deadline and len(usable) >= ENOUGH_VIDEOS and number < len(videos):
            message = f"--time-budget leaves time to learn from {len(usable)} of {len(videos)} videos"
            run.event(WarningEvent(message=message))
            break
    return usable


def _split(
    usable: Sequence[StoredVideo], hashes: Sequence[str], target: int | None, settings: GenerateSettings
) -> tuple[list[StoredVideo], list[StoredVideo]]:
    """Fit and verification videos; a class to learn from narrows the first."""
    groups = merged_groups([stored.video for stored in usable], hashes)
    fit, verify = split_by_group(usable, groups, verified_share(len(usable)), settings.seed)
    if settings.learn_from == "any":
        return fit, verify
    chosen = videos_of_one_class(fit, settings.learn_from, target, settings.seed)
    recordings = dict(zip((stored.video.name for stored in usable), groups, strict=True))
    learned_from = {recordings[one.video.name] for one in chosen}
    others = [one for one in fit if recordings[one.video.name] not in learned_from]  # law 5 holds for them, too
    return chosen, (verify + others)[: max(len(verify), MOST_VERIFIED)]


def videos_of_one_class(
    fit: Sequence[StoredVideo], learn_from: LearnFrom, target: int | None, seed: int
) -> list[StoredVideo]:
    """The videos of one class among those to learn from.

    Args:
        fit: all of them.
        learn_from: target-class; or random-class: one that is drawn of all but the target.
        target: class number of a targeted attack.
        seed: of the draw of a random class.

    Raises:
        LsapError: if there is none.
    """
    labels = sorted({label for one in fit for label in one.video.labels[:1]})
    if not labels:
        raise LsapError(f"--from {learn_from} needs labelled videos; sort them into folders, or give a CSV list")
    others = [label for label in labels if label != target]
    if learn_from == "random-class" and not others:
        raise LsapError("--from random-class: all videos to learn from show the --target; use --from any")
    label = target if learn_from == "target-class" else random.Random(seed).choice(others)
    chosen = [one for one in fit if one.video.labels[:1] == (label,)]
    if not chosen:
        raise LsapError("--from target-class: none of the videos to learn from shows the --target; use --from any")
    return chosen


def _reasons(skipped: Skipped) -> str:
    shown = "; ".join(f"{one['path']}: {one['reason']}" for one in skipped[:3])
    return shown + (f"; and {len(skipped) - 3} more" if len(skipped) > 3 else "")
