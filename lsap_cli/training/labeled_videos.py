"""The videos of `train` and `harden`: decoded once, split by recording into those learned from and those held out."""

import dataclasses
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lsap_cli.datasets.base import Video, few
from lsap_cli.datasets.listing import list_videos
from lsap_cli.datasets.selection import Skipped, skip, videos_of_run
from lsap_cli.datasets.splits import merged_groups, shared_videos, split_by_group
from lsap_cli.datasets.store import FrameStore, StoredVideo
from lsap_cli.errors import LsapError
from lsap_cli.results.events import SplitEvent, StageEvent, VideoEvent, WarningEvent
from lsap_cli.runs import Run
from lsap_cli.set_sources import SetSource
from lsap_cli.training.settings import VALIDATION_SHARE, TrainingOptions
from lsap_cli.video.media import media_hash
from lsap_cli.video.reading import UnreadableVideo

DRAWS = 200  # of a split, until every class is on both sides
LARGEST_SHARE = 0.5  # of the last of them


@dataclass(frozen=True)
class LabeledVideos:
    """Decoded videos with a label, no recording in two of the parts (law 5).

    Attributes:
        fit: to learn from.
        validation: that end learning early; empty without --patience.
        held_out: that the network is measured on, once it is trained.
        recordings: by the video's name; those that share a file of equal content are one.
        hashes: content hashes, by the video's name.
    """

    fit: list[StoredVideo]
    validation: list[StoredVideo]
    held_out: list[StoredVideo]
    recordings: Mapping[str, str]
    hashes: Mapping[str, str]

    def recordings_of(self, part: Sequence[StoredVideo]) -> list[str]:
        """The recording of each video of a part."""
        return [self.recordings[one.video.name] for one in part]


def labels_of_set(settings: TrainingOptions) -> list[str]:
    """The distinct labels of a set, in alphabetical order, numbers in theirs.

    Raises:
        LsapError: if there are fewer than two.
    """
    found = {video.label for video in list_videos(settings.source, []).videos} - {"", "-1"}
    if not found:
        raise LsapError(
            f"{settings.source} has no labels; sort the videos into folders by label, or give a CSV list with the "
            "columns path and label"
        )
    if len(found) == 1:
        raise LsapError(
            f"{settings.source} has one label only, {few(sorted(found))}; training needs videos of two classes or more"
        )
    return sorted(found, key=lambda one: (0, int(one), one) if one.isdecimal() else (1, 0, one))


def load_labeled_videos(
    store: FrameStore, labels: Sequence[str], settings: TrainingOptions, skipped: Skipped, run: Run
) -> LabeledVideos:
    """Decodes the videos that have a label, and splits them by recording.

    Args:
        store: where frames go.
        labels: the classes.
        settings: the set, the shares of the split, and its seed.
        skipped: the command's list of videos that are left out; unreadable ones are appended to it.
        run: gets the events.

    Raises:
        LsapError: if a class is not on both sides of the split, or the recordings cannot be split.
    """
    labeled = _labeled(settings.source, labels, run, skipped)
    named = [(video.labels[0], video.group) for video in labeled]
    _check_recordings(named, labels, "held out")  # by names, before anything is decoded
    usable = _Decoded(_decoded(store, labeled, skipped, run))
    fit, held_out = _split(usable.videos, usable.groups, settings.held_out, settings.seed, labels, "held out")
    validation: list[StoredVideo] = []
    if settings.patience is not None:
        rest = [usable.recordings[one.video.name] for one in fit]
        fit, validation = _split(fit, rest, VALIDATION_SHARE, settings.seed, labels, "for validation")
    return usable.parts(fit, validation, held_out, store, run)


def load_videos_of_network(
    store: FrameStore,
    labels: Sequence[str],
    settings: TrainingOptions,
    test: SetSource | None,
    skipped: Skipped,
    run: Run,
) -> LabeledVideos:
    """The same for a network that knows its classes: a set need not have all of them, nor each on both sides.

    Where it can, the split has each class on both sides, and is that of `load_labeled_videos`.

    Args:
        store: where frames go.
        labels: the network's classes.
        settings: the set, the shares of the split, and its seed.
        test: other videos, which are held out in place of a share; None: a share is.
        skipped: the command's list of videos that are left out; unreadable ones are appended to it.
        run: gets the events.

    Raises:
        LsapError: if no video has a label of the network, or the recordings cannot be split.
    """
    labeled = _labeled(settings.source, labels, run, skipped)
    _require_labels(labeled, settings.source)
    tested: list[Video] = []
    if test is not None:
        tested = _told_apart(_labeled(test, labels, run, skipped), labeled)
        _require_labels(tested, test)
        _refuse_shared(tested, labeled)
    usable = _Decoded(_decoded(store, [*labeled, *tested], skipped, run))
    names = {video.name for video in tested}
    fit = [one for one in usable.videos if one.video.name not in names]
    held_out = [one for one in usable.videos if one.video.name in names]
    if test is None:
        fit, held_out = _loose_split(fit, usable, settings.held_out, settings.seed)
    if not fit or not held_out:
        raise LsapError(f"none of the videos {'to learn from' if held_out else 'of --test'} can be read", 1)
    validation: list[StoredVideo] = []
    if settings.patience is not None:
        fit, validation = _loose_split(fit, usable, VALIDATION_SHARE, settings.seed)
    return usable.parts(fit, validation, held_out, store, run)


class _Decoded:
    """Decoded videos with their contents and recordings.

    Raises:
        LsapError: if a file is there twice, under two labels.
    """

    def __init__(self, videos: list[StoredVideo]) -> None:
        self.videos = videos
        self.hashes = [media_hash(one.video.media) for one in videos]
        self.groups = merged_groups([one.video for one in videos], self.hashes)
        self.names = [one.video.name for one in videos]
        self.recordings = dict(zip(self.names, self.groups, strict=True))
        _check_one_label(videos, self.hashes)

    def parts(
        self, fit: list[StoredVideo], validation: list[StoredVideo], held_out: list[StoredVideo], store: FrameStore,
        run: Run,
    ) -> LabeledVideos:  # fmt: skip
        """The parts of a split, which becomes an event."""
        cost = store.cost
        run.event(
            SplitEvent(fit=len(fit), verify=len(held_out) + len(validation), decode_seconds=round(cost.seconds, 2),
            memory_bytes=cost.memory_bytes, disk_bytes=cost.disk_bytes,
        ))  # fmt: skip
        hashes = dict(zip(self.names, self.hashes, strict=True))
        return LabeledVideos(fit, validation, held_out, self.recordings, hashes)


def _labeled(source: SetSource, labels: Sequence[str], run: Run, skipped: Skipped) -> list[Video]:
    """The videos of a set that have a label; how many have none becomes a warning."""
    videos = list(videos_of_run(source, labels, run, skipped).videos)
    labeled = [video for video in videos if video.labels]
    if len(labeled) < len(videos):
        message = f"{len(videos) - len(labeled)} of {len(videos)} videos have no label; they are not used"
        run.event(WarningEvent(message=message))
    return labeled


def _require_labels(labeled: Sequence[Video], source: SetSource) -> None:
    if not labeled:
        raise LsapError(
            f"no video in {source} has a label of the network; sort the videos into folders by its labels, or give a "
            "CSV list with the columns path and label"
        )


def _told_apart(tested: Sequence[Video], others: Sequence[Video]) -> list[Video]:
    """Videos by names that no other video has: two folders can hold files of one name."""
    taken = {video.name for video in others}
    if taken.isdisjoint(video.name for video in tested):
        return list(tested)
    return [dataclasses.replace(video, name=f"test/{video.name}") for video in tested]


def _refuse_shared(tested: Sequence[Video], fit: Sequence[Video]) -> None:
    """Law 5: no video or recording on both sides.

    Raises:
        LsapError: naming some.
    """
    shared = shared_videos(tested, fit)
    if shared:
        raise LsapError(
            f"{len(shared)} of {len(tested)} videos in --test are, by content or recording, among those to learn from: "
            f"{few(shared)}; leave them out of one of the sets"
        )


def _loose_split(
    videos: Sequence[StoredVideo], usable: _Decoded, share: float, seed: int
) -> tuple[list[StoredVideo], list[StoredVideo]]:
    """A split by recording that has every class of two recordings or more on both sides, where one is found."""
    groups = [usable.recordings[one.video.name] for one in videos]
    pairs = {(one.video.labels[0], group) for one, group in zip(videos, groups, strict=True)}
    counts = Counter(number for number, _ in pairs)
    parts, missing = _best_split(videos, groups, share, seed, {one for one, count in counts.items() if count > 1})
    return split_by_group(videos, groups, share, seed) if missing else parts


def _decoded(store: FrameStore, videos: Sequence[Video], skipped: Skipped, run: Run) -> list[StoredVideo]:
    run.event(StageEvent(name="decoding", videos=len(videos)))
    usable: list[StoredVideo] = []
    for video, stored in store.load(videos):
        if isinstance(stored, UnreadableVideo):
            skip(run, skipped, video, stored)
            continue
        usable.append(stored)
        run.event(VideoEvent(path=video.name, frames=len(stored.times)))
    if not usable:
        raise LsapError(f"none of the {len(videos)} labelled videos can be read", 1)
    return usable


def _check_one_label(usable: Sequence[StoredVideo], hashes: Sequence[str]) -> None:
    """Refuses a file that is there twice, under two labels: one of them is wrong."""
    first: dict[str, Video] = {}
    for one, content in zip(usable, hashes, strict=True):
        before = first.setdefault(content, one.video)
        if before.labels[:1] != one.video.labels[:1]:
            raise LsapError(
                f"{before.name} and {one.video.name} have the same content and two labels, '{before.label}' and "
                f"'{one.video.label}'; leave the wrong one out"
            )


def _split(
    videos: Sequence[StoredVideo], groups: Sequence[str], share: float, seed: int, labels: Sequence[str], what: str
) -> tuple[list[StoredVideo], list[StoredVideo]]:
    """The split of `generate`; drawn again with a growing share while a class would be on one side only.

    Raises:
        LsapError: if there is one recording, or a class whose videos cannot be on both sides.
    """
    _check_recordings([(one.video.labels[0], group) for one, group in zip(videos, groups, strict=True)], labels, what)
    parts, missing = _best_split(videos, groups, share, seed, set(range(len(labels))))
    if not missing:
        return parts
    raise LsapError(
        f"in none of {DRAWS} splits by recording, up to half and half, has the class "
        f"{few([labels[number] for number in missing])} videos both to learn from and {what}; give more recordings of "
        "it, or another --held-out"
    )


def _best_split(
    videos: Sequence[StoredVideo], groups: Sequence[str], share: float, seed: int, required: set[int]
) -> tuple[tuple[list[StoredVideo], list[StoredVideo]], list[int]]:
    """The first split with the required classes on both sides, else the last one with those that are missing."""
    for draw in range(DRAWS):
        drawn = seed if draw == 0 else random.Random(f"{seed} {draw}").randrange(2**31)
        larger = share + max(0.0, LARGEST_SHARE - share) * draw / DRAWS
        parts = split_by_group(videos, groups, larger, drawn)
        on_both = _classes(parts[0]) & _classes(parts[1])
        if required <= on_both:
            break
    return parts, sorted(required - on_both)


def _check_recordings(videos: Sequence[tuple[int, str]], labels: Sequence[str], what: str) -> None:
    """Refuses videos, each with its class and recording, of one recording, and classes of one recording."""
    groups = {group for _, group in videos}
    if len(groups) < 2:
        raise LsapError(
            f"all {len(videos)} videos are of one recording, {few(sorted(groups))}: training and the videos that "
            f"are {what} need at least two; name the recordings in a list's column group if they are others"
        )
    pairs = set(videos)
    counts = Counter(number for number, _ in pairs)
    single = [label for number, label in enumerate(labels) if counts[number] < 2]
    if single:
        some = (
            f"{len(single)} of {len(labels)} classes ({few(single)}) have" if len(single) > 1 else f"{few(single)} has"
        )
        raise LsapError(
            f"{some} usable videos of fewer than two recordings, so that none can be {what} while another is learned "
            "from; add recordings, or leave these classes out"
        )


def _classes(videos: Sequence[StoredVideo]) -> set[int]:
    return {one.video.labels[0] for one in videos}
