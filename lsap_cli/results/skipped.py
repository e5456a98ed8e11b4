"""Videos that a command left out."""

from lsap_cli.results.base import Result


class SkippedVideo(Result, frozen=True, kw_only=True):
    """A video that was left out.

    Attributes:
        path: its name in the set.
        reason: why, in a sentence.
    """

    path: str
    reason: str
