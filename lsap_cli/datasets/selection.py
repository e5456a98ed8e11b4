"""The videos of a set that a run uses; what is left out of it, and why, becomes an event."""

from pathlib import Path

from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.datasets.listing import Listing, Video, list_videos
from lsap_cli.runs import Run

Skipped = list[dict[str, str]]


def listed(source: Path, classifier: Classifier, run: Run) -> Listing:
    """The videos of a set; remarks on it become warnings."""
    listing = list_videos(source, classifier.labels)
    for remark in listing.remarks:
        run.event("warning", message=remark)
    return listing


def skip(run: Run, skipped: Skipped, video: Video, reason: object) -> None:
    """Names a video that is left out, and why."""
    skipped.append({"path": video.name, "reason": str(reason)})
    run.event("skipped", path=video.name, file=str(video.path), reason=str(reason))
