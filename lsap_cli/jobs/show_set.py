"""`lsap datasets show`: what a set of videos holds, before anything is done with it."""

import random
from collections.abc import Sequence
from pathlib import Path

from lsap_cli.datasets.base import VideoSet
from lsap_cli.datasets.facts import set_facts
from lsap_cli.datasets.listing import list_videos, without_collection
from lsap_cli.pictures.contact_sheet import SheetFrame, draw_contact_sheet
from lsap_cli.results.sets import SetFacts
from lsap_cli.set_sources import SetSource
from lsap_cli.video.frames import UnreadableVideo
from lsap_cli.video.reading import read_frames

DRAWN = 16  # videos


def show_set(source: SetSource, model: str | None, seed: int, deadline: float | None, preview: Path | None) -> SetFacts:
    """Looks at a set of videos.

    Args:
        source: the set.
        model: whose labels are matched; None: none.
        seed: of the split, and of what is drawn.
        deadline: by `time.monotonic`, when the reading of headers ends; None: all are read.
        preview: a picture to draw of some of the videos.

    Raises:
        LsapError: if the set or the model cannot be read, or the picture cannot be written.
    """
    labels = None if model is None else _labels_of(model)
    with without_collection():
        video_set = list_videos(source, labels or [])
        facts = set_facts(str(source), video_set, seed, labels, deadline)
    if preview is not None:
        _draw(video_set, seed, preview)
    return facts


def _labels_of(model: str) -> Sequence[str]:
    from lsap_cli.classifiers.resolve import load_classifier  # torch: a set alone is shown without it

    return load_classifier(model).labels


def _draw(video_set: VideoSet, seed: int, path: Path) -> None:
    """The first frame of some videos, of different labels where there are such."""
    videos = list(video_set.videos)
    random.Random(seed).shuffle(videos)
    first_of_label = {video.label: video for video in reversed(videos)}
    ordered = [*first_of_label.values(), *(video for video in videos if first_of_label[video.label] is not video)]
    frames: list[SheetFrame] = []
    for video in ordered:
        try:
            pixels = next(iter(read_frames(video.media, "one"))).pixels.permute(1, 2, 0).numpy()
        except UnreadableVideo:  # named among what would be left out
            continue
        frames.append(SheetFrame(pixels, video.label, video.name))
        if len(frames) == DRAWN:
            break
    if frames:
        draw_contact_sheet(frames, path)
