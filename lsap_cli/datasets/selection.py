"""The videos of a set that a run uses; what is left out of it, and why, becomes an event."""

from pathlib import Path

from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.datasets.base import Video, VideoSet
from lsap_cli.datasets.listing import list_videos
from lsap_cli.results.events import SkippedEvent, WarningEvent
from lsap_cli.runs import Run

Skipped = list[dict[str, str]]


def videos_of_run(source: Path, classifier: Classifier, run: Run) -> VideoSet:
    """The videos of a set; its warnings become events of the run."""
    video_set = list_videos(source, classifier.labels)
    for warning in video_set.warnings:
        run.event(WarningEvent(message=warning))
    return video_set


def skip(run: Run, skipped: Skipped, video: Video, reason: object) -> None:
    """Names a video that is left out, and why."""
    skipped.append({"path": video.name, "reason": str(reason)})
    run.event(SkippedEvent(path=video.name, file=str(video.path), reason=str(reason)))
