"""Which of the judged videos a person is shown: fooled ones first, and some that are not, of several labels."""

from collections import Counter
from collections.abc import Sequence

from lsap_cli.datasets.base import Video
from lsap_cli.evaluation.sources import PerturbationSource
from lsap_cli.pictures.before_after import ShownVideo
from lsap_cli.results.records import NO_DEFENSE, Record
from lsap_cli.results.shown_videos import SHOWN_VIDEOS

NOT_FOOLED = 3  # of so many, where there are as many


def choose_shown(
    videos: Sequence[Video],
    source: PerturbationSource,
    records: Sequence[Record],
    clean: Sequence[Record],
    most: int = SHOWN_VIDEOS,
) -> list[ShownVideo]:
    """Videos whose prediction changed, then some whose prediction did not; each group goes through the labels in turn.

    Args:
        videos: that were judged.
        source: whose frames are shown.
        records: under that source.
        clean: of the same videos without an attack.
        most: videos that are chosen.
    """
    undefended = {one.video: one for one in reversed(records) if one.defense == NO_DEFENSE}
    unattacked = {one.video: one for one in reversed(clean) if one.defense == NO_DEFENSE}
    groups: dict[bool, list[Video]] = {True: [], False: []}
    for video in videos:
        groups[undefended[video.name].changed].append(video)
    fooled, others = (
        _through_labels(group, [undefended[video.name] for video in group]) for group in (groups[True], groups[False])
    )
    kept = min(len(others), max(most * NOT_FOOLED // SHOWN_VIDEOS, most - len(fooled)))
    chosen = [*fooled[: most - kept], *others[:kept]]
    return [
        ShownVideo(
            name=video.name,
            before=video.media,
            after=source.file_of(video),
            change=source.change,
            clean_prediction=undefended[video.name].clean_prediction,
            attacked_prediction=undefended[video.name].prediction,
            clean_confidence=unattacked[video.name].confidence,
            attacked_confidence=undefended[video.name].confidence,
            appended=source.appended,
        )
        for video in chosen
    ]


def _through_labels(videos: Sequence[Video], records: Sequence[Record]) -> list[Video]:
    """The videos of a group: the first of each label, then the second of each, and so on."""
    seen: Counter[str] = Counter()
    turns = []
    for video, record in zip(videos, records, strict=True):
        label = record.label or record.clean_prediction
        turns.append((seen[label], video))
        seen[label] += 1
    return [video for _, video in sorted(turns, key=lambda pair: pair[0])]
