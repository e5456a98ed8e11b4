"""How much of a set stands behind a denominator: a set that shrank says so beside its rates."""

from collections.abc import Sequence

from lsap_cli.results.documents import DefendResults, GenerateResults, SkippedVideo
from lsap_cli.results.hardening import HardenResults
from lsap_cli.results.training import TrainResults


def left_out_words(used: int, skipped: Sequence[SkippedVideo]) -> str:
    """`1 of 12 videos was left out`; empty where none was.

    Args:
        used: videos that were not left out.
        skipped: as results list them; a video that was refused twice counts once.
    """
    count = len({one.path for one in skipped})
    return _words(count, used + count)


def left_out_of(results: DefendResults | GenerateResults | TrainResults | HardenResults) -> str:
    """The same of a run's results; of `defend`, of the videos that it judges, not of those that attackers learn from.

    Args:
        results: of `defend`, `generate`, `train` or `harden`.
    """
    if isinstance(results, GenerateResults):
        return left_out_words(results.fit_videos + results.verification_videos, results.skipped)
    if isinstance(results, TrainResults | HardenResults):
        parts = (results.fit, results.validation, results.held_out)
        return left_out_words(sum(part.videos for part in parts if part is not None), results.skipped)
    protocol = results.protocol
    if protocol is None or protocol.listed is None:
        return ""
    return _words(protocol.listed - protocol.videos, protocol.listed)


def left_out_in_a_part(results: DefendResults) -> int:
    """How many videos are left out, but not of all rates: of a further measurement, or of what attackers learn from."""
    protocol = results.protocol
    if protocol is None or protocol.listed is None:
        return 0
    return max(0, len({one.path for one in results.skipped}) - (protocol.listed - protocol.videos))


def _words(count: int, of: int) -> str:
    return f"{count} of {of} videos {'was' if count == 1 else 'were'} left out" if count > 0 else ""
