"""Facts about a set of videos from its names and headers: nothing is decoded."""

import random
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from statistics import median

from lsap_cli.datasets.base import Video, VideoSet
from lsap_cli.datasets.splits import verified_groups, verified_share
from lsap_cli.results.documents import SkippedVideo
from lsap_cli.results.sets import ClassCount, SetFacts, SplitCounts, Spread, ValueCount
from lsap_cli.video.frames import UnreadableVideo
from lsap_cli.video.media import Media
from lsap_cli.video.picture_sequences import PictureSequence
from lsap_cli.video.reading import VideoHeader, read_header

WORKERS = 4
AT_A_TIME = 64


def set_facts(
    source: str, video_set: VideoSet, seed: int, model_labels: Sequence[str] | None, deadline: float | None
) -> SetFacts:
    """Looks at a set.

    Args:
        source: what the user called it.
        video_set: its videos.
        seed: of the split, and of the order in which headers are read.
        model_labels: of the model whose labels were matched; None: there is none.
        deadline: by `time.monotonic`, when the reading of headers ends; None: all are read.
    """
    headers, unreadable, gaps, looked_at = _headers(video_set, seed, deadline)
    without_header = {one.path for one in unreadable}
    videos = [video for video in video_set.videos if video.name not in without_header]
    groups = Counter(video.group for video in videos)
    rates = [float(header.rate) for header in headers]
    lengths = [header.frames / rate for header, rate in zip(headers, rates, strict=True) if rate]
    return SetFacts(
        source=source,
        format=video_set.format,
        videos=len(videos),
        groups=len(groups),
        largest_group=max(groups.values(), default=0),
        classes=_classes(videos, model_labels),
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
        unreadable=len(unreadable),
        split=_split(groups, seed),
        notes=(*video_set.notes, *video_set.warnings, *gaps),
    )


def _classes(videos: Sequence[Video], model_labels: Sequence[str] | None) -> tuple[ClassCount, ...]:
    counts: Counter[str] = Counter()
    classes: dict[str, tuple[int, ...]] = {}
    for video in videos:
        counts[video.label] += 1
        classes[video.label] = video.labels
    return tuple(
        ClassCount(
            label=label,
            videos=count,
            known=None if model_labels is None else bool(classes[label]),
            model_class=model_labels[classes[label][0]] if model_labels and classes[label] else None,
        )
        for label, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    )


def _headers(
    video_set: VideoSet, seed: int, deadline: float | None
) -> tuple[list[VideoHeader], list[SkippedVideo], list[str], int]:
    """Headers of as many videos as time allows; videos without one; notes on missing pictures; how many were tried."""
    order = video_set.videos if deadline is None else _in_random_order(video_set.videos, seed)
    seen: list[str] = []
    headers: list[VideoHeader] = []
    unreadable: list[SkippedVideo] = []
    gaps: list[str] = []
    with ThreadPoolExecutor(WORKERS) as pool:
        for block in _blocks(order):
            for video, header in zip(block, pool.map(_attempt, (video.media for video in block)), strict=True):
                seen.append(video.name)
                if isinstance(header, VideoHeader):
                    headers.append(header)
                    gaps += _gaps(video) if video_set.format != "frames" else []
                else:
                    unreadable.append(SkippedVideo(path=video.name, reason=header))
            if deadline is not None and time.monotonic() > deadline:
                break
    missing = video_set.missing.difference(seen)  # known of all, looked at or not
    unreadable += [SkippedVideo(path=name, reason="it does not exist") for name in missing]
    unreadable.sort(key=lambda one: one.path)
    return headers, unreadable, gaps, len(seen)


def _in_random_order(videos: Sequence[Video], seed: int) -> Iterator[Video]:
    """Fisher and Yates's shuffle, made as far as it is asked for."""
    generator, moved = random.Random(seed), dict[int, int]()
    for place in range(len(videos)):
        other = generator.randrange(place, len(videos))
        chosen = moved.get(other, other)
        moved[other] = moved.pop(place, place)
        yield videos[chosen]


def _blocks(videos: Iterable[Video]) -> Iterator[list[Video]]:
    rest = iter(videos)
    while block := list(islice(rest, AT_A_TIME)):
        yield block


def _attempt(media: Media) -> VideoHeader | str:
    try:
        if isinstance(media, PictureSequence):
            media.require_one_size()
        return read_header(media)
    except UnreadableVideo as error:
        return str(error)


def _gaps(video: Video) -> list[str]:
    if not isinstance(video.media, PictureSequence):
        return []
    missing = video.media.gaps()
    numbers = "the number" if len(missing) == 1 else "the numbers"
    return [f"{video.name}: no pictures have {numbers} {', '.join(map(str, missing))}"] if missing else []


def _spread(values: Sequence[float]) -> Spread | None:
    if not values:
        return None
    least, middle, most = (round(one, 3) for one in (min(values), median(values), max(values)))
    return Spread(least=least, median=middle, most=most)


def _counted(values: Iterable[str]) -> tuple[ValueCount, ...]:
    counts = Counter(values)
    return tuple(ValueCount(value=value, videos=count) for value, count in counts.most_common())


def _split(groups: Mapping[str, int], seed: int) -> SplitCounts | None:
    """The split by recording; that files with equal content are one recording is found when they are learned from.

    Args:
        groups: videos of each recording.
        seed: of the split.
    """
    if len(groups) < 2:
        return None
    videos = sum(groups.values())
    chosen = verified_groups(groups, verified_share(videos), seed)
    verify = sum(groups[name] for name in chosen)
    return SplitCounts(
        fit=videos - verify,
        fit_groups=len(groups) - len(chosen),
        verify=verify,
        verify_groups=len(chosen),
    )
