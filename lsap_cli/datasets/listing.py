"""Which videos to use, and what they show: the formats of a set, and the one function that reads any of them."""

from collections.abc import Sequence
from pathlib import Path

from lsap_cli.classifiers.labels import LabelIndex
from lsap_cli.datasets.base import VideoSet, VideoSetFormat
from lsap_cli.datasets.csv_list import CsvList
from lsap_cli.datasets.folder import SingleVideo, VideoFolder
from lsap_cli.errors import LsapError

FORMATS: tuple[VideoSetFormat, ...] = (VideoFolder(), CsvList(), SingleVideo())
"""Every format of a set; the first one that fits a source reads it."""


def list_videos(source: Path, labels: Sequence[str]) -> VideoSet:
    """The videos of a source.

    Args:
        source: a folder (labels from sub-folders' names where they match), a CSV list, or one video file.
        labels: the classifier's, in the order of its logits; none: every video is without a label.

    Raises:
        LsapError: if there is nothing there, a list is malformed or reaches outside of its folder, or a label is
            ambiguous.
    """
    kind = next((one for one in FORMATS if one.fits(source)), None)
    if kind is None:
        raise LsapError(f"{source} does not exist; give a folder of videos or a CSV list")
    video_set = kind.read(source, LabelIndex(labels))
    if not video_set.videos and video_set.unreadable:
        place = video_set.unreadable[0]
        raise LsapError(f"{source} holds no video that can be read: {place.path} cannot be looked at ({place.reason})")
    if not video_set.videos:
        raise LsapError(f"{source} holds no video; give a folder of videos (sub-folders named by label) or a CSV list")
    return video_set
