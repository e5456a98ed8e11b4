"""Facts about a set of videos from its names and headers: nothing is decoded."""

import os
import random
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from statistics import median

from lsap_cli.datasets.base import Video, VideoSet
from lsap_cli.datasets.splits import split_by_group, verified_share
from lsap_cli.results.documents import SkippedVideo
from lsap_cli.results.sets import ClassCount, SetFacts, SplitCounts, Spread, ValueCount
from lsap_cli.video.frames import UnreadableVideo
from lsap_cli.video.media import Media
from lsap_cli.video.picture_sequences import PictureSequence
from lsap_cli.video.reading import VideoHeader, read_header

WORKERS = 4
AT_A_TIME = 64


def set_facts(source: str, video_set: VideoSet, seed: int, has_model: bool, deadline: float | None) -> SetFacts:
    """Looks at a set.

    Args:
        source: what the user called it.
        video_set: its videos.
        seed: of the split, and of the order in which headers are read.
        has_model: whether labels were matched with those of a model.
        deadline: by `time.monotonic`, when the reading of headers ends; None: all are read.
    """
    videos = video_set.videos
    groups = Counter(video.group for video in videos)
    headers, unreadable, gaps, looked_at = _headers(video_set, seed, deadline)
    rates = [float(header.rate) for header in headers]
    lengths = [header.frames / rate for header, rate in zip(headers, rates, strict=True) if rate]
    return SetFacts(
        source=source,
        format=video_set.format,
        videos=len(videos),
        groups=len(groups),
        largest_group=max(groups.values(), default=0),
        classes=_classes(videos, has_model),
        looked_at=looked_at,
        frames=_spread([header.frames for header in headers]),
        seconds=_spread(lengths),
        sizes=_counted(f"{header.width}x{header.height}" for header in headers),
        rates=_counted(f"{rate:.5g}" for rate in rates),
        codecs=_counted(header.codec for header in headers),
        left_out=(
            *(SkippedVideo(path=place.name, reason=f"it {place.reason}") for place in video_set.unreadable),
            *unreadable,
        ),
        split=_split(videos, seed),
        notes=(*video_set.notes, *video_set.warnings, *gaps),
    )


def _classes(videos: Sequence[Video], has_model: bool) -> tuple[ClassCount, ...]:
    counts: Counter[str] = Counter()
    known: dict[str, bool] = {}
    for video in videos:
        counts[video.label] += 1
        known[video.label] = bool(video.labels)
    return tuple(
        ClassCount(label=label, videos=count, known=known[label] if has_model else None)
        for label, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    )


def _headers(
    video_set: VideoSet, seed: int, deadline: float | None
) -> tuple[list[VideoHeader], list[SkippedVideo], list[str], int]:
    """Headers of as many videos as time allows; videos without one; notes on missing pictures; how many were read."""
    order = list(video_set.videos)
    if deadline is not None:
        random.Random(seed).shuffle(order)
    headers: list[VideoHeader] = []
    unreadable: list[SkippedVideo] = []
    gaps: list[str] = []
    with ThreadPoolExecutor(WORKERS) as pool:
        for block in _blocks(order):
            for video, header in zip(block, pool.map(_attempt, (video.media for video in block)), strict=True):
                if isinstance(header, VideoHeader):
                    headers.append(header)
                    gaps += _gaps(video) if video_set.format != "frames" else []
                else:
                    unreadable.append(SkippedVideo(path=video.name, reason=header))
            if deadline is not None and time.monotonic() > deadline:
                break
    looked_at = len(headers) + len(unreadable)
    for video in order[looked_at:]:  # whether a file is there is looked up for all
        if not os.path.lexists(video.path):
            unreadable.append(SkippedVideo(path=video.name, reason="it does not exist"))
    unreadable.sort(key=lambda one: one.path)
    return headers, unreadable, gaps, looked_at


def _blocks(videos: Sequence[Video]) -> Iterator[Sequence[Video]]:
    for start in range(0, len(videos), AT_A_TIME):
        yield videos[start : start + AT_A_TIME]


def _attempt(media: Media) -> VideoHeader | str:
    try:
        return read_header(media)
    except UnreadableVideo as error:
        return str(error)


def _gaps(video: Video) -> list[str]:
    if not isinstance(video.media, PictureSequence):
        return []
    missing = video.media.gaps()
    return [f"{video.name}: no pictures have the numbers {', '.join(map(str, missing))}"] if missing else []


def _spread(values: Sequence[float]) -> Spread | None:
    if not values:
        return None
    least, middle, most = (round(one, 3) for one in (min(values), median(values), max(values)))
    return Spread(least=least, median=middle, most=most)


def _counted(values: Iterable[str]) -> tuple[ValueCount, ...]:
    counts = Counter(values)
    return tuple(ValueCount(value=value, videos=count) for value, count in counts.most_common())


def _split(videos: Sequence[Video], seed: int) -> SplitCounts | None:
    """The split by recording; that files with equal content are one recording is found when they are learned from."""
    shuffled = list(videos)
    random.Random(seed).shuffle(shuffled)
    groups = [video.group for video in shuffled]
    if len(set(groups)) < 2:
        return None
    fit, verify = split_by_group(shuffled, groups, verified_share(len(shuffled)), seed)
    return SplitCounts(
        fit=len(fit),
        fit_groups=len({video.group for video in fit}),
        verify=len(verify),
        verify_groups=len({video.group for video in verify}),
    )
