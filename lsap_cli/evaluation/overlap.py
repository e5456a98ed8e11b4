"""Law 5: videos that a perturbation was learned from are not judged, unless an option allows it."""

from collections.abc import Sequence

from lsap_cli.datasets.base import Video
from lsap_cli.datasets.splits import overlap, shared_videos
from lsap_cli.errors import LsapError
from lsap_cli.results.events import WarningEvent
from lsap_cli.runs import Run
from perturbations import Perturbation


def refuse_overlap(
    videos: Sequence[Video], perturbations: Sequence[Perturbation], fit: Sequence[Video], allowed: bool, run: Run
) -> list[str]:
    """The names of judged videos that were used for learning, by content hash or recording group.

    Args:
        videos: to be judged.
        perturbations: whose records say what they were learned from.
        fit: videos that attackers of this run learn from.
        allowed: whether to judge such videos all the same.
        run: gets a warning where overlaps are allowed.

    Raises:
        LsapError: if there are such videos and they are not allowed.
    """
    if not all(one.record.get("videos") for one in perturbations):
        message = "a perturbation's record names no videos: whether it was learned from these cannot be checked"
        run.event(WarningEvent(message=message))
    overlapping = {name for one in perturbations for name in overlap(videos, one.record)}
    names = sorted(overlapping | set(shared_videos(videos, fit)))
    if not names:
        return []
    shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    if not allowed:
        where = " or are among --fit" if fit else ""
        raise LsapError(
            f"{len(names)} of {len(videos)} videos were used to learn the perturbation{where} ({shown}), or "
            "share a "
            "recording with one that was; use other videos, or --allow-overlap to evaluate all the same and say so in "
            "every output"
        )
    run.event(WarningEvent(message=f"--allow-overlap: {len(names)} of {len(videos)} videos were used for learning"))
    return names
