"""Which of the judged videos a person is shown: fooled ones first."""

from collections.abc import Sequence

from lsap_cli.datasets.base import Video
from lsap_cli.evaluation.sources import PerturbationSource
from lsap_cli.pictures.before_after import ShownVideo
from lsap_cli.results.records import NO_DEFENSE, Record

SHOWN = 3


def choose_shown(videos: Sequence[Video], source: PerturbationSource, records: Sequence[Record]) -> list[ShownVideo]:
    """The first videos whose prediction changed, then others.

    Args:
        videos: that were judged.
        source: whose frames are shown.
        records: under that source.
    """
    undefended = {one.video: one for one in reversed(records) if one.defense == NO_DEFENSE}
    ordered = sorted(videos, key=lambda video: not undefended[video.name].changed)
    return [
        ShownVideo(
            name=video.name,
            before=video.media,
            after=source.file_of(video),
            change=source.change,
            clean_prediction=undefended[video.name].clean_prediction,
            attacked_prediction=undefended[video.name].prediction,
        )
        for video in ordered[:SHOWN]
    ]
