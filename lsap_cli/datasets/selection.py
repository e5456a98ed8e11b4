"""The videos of a set that a run uses; what is left out of it, and why, becomes an event."""

from collections.abc import Sequence
from pathlib import Path

from lsap_cli.datasets.base import Video, VideoSet
from lsap_cli.datasets.listing import list_videos
from lsap_cli.results.events import SkippedEvent, WarningEvent
from lsap_cli.runs import Run
from lsap_cli.set_sources import SetSource

Skipped = list[dict[str, str]]


def videos_of_run(source: Path | SetSource, labels: Sequence[str], run: Run, skipped: Skipped) -> VideoSet:
    """The videos of a set; its warnings, and what it was taken for, become events of the run.

    Args:
        source: a folder, a list or one video file.
        labels: see `list_videos`.
        run: gets the events.
        skipped: the command's list of videos that are left out; what cannot be used is appended to it.

    Raises:
        LsapError: see `list_videos`.
    """
    video_set = list_videos(source, labels)
    for warning in (*video_set.notes, *video_set.warnings):
        run.event(WarningEvent(message=warning))
    for place in video_set.unreadable:
        reason = f"it {place.reason}"
        if {"path": place.name, "reason": reason} not in skipped:  # a set may be read for several models
            skipped.append({"path": place.name, "reason": reason})
            run.event(SkippedEvent(path=place.name, file=str(place.path), reason=reason))
    return video_set


def skip(run: Run, skipped: Skipped, video: Video, reason: object) -> None:
    """Names a video that is left out, and why."""
    skipped.append({"path": video.name, "reason": str(reason)})
    run.event(SkippedEvent(path=video.name, file=str(video.path), reason=str(reason)))
