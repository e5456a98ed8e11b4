"""The evaluation of all attacks of a run, which ladders, checks and budget curves are made from."""

from collections.abc import Sequence
from dataclasses import dataclass

from lsap_cli.results.per_video import PerVideoAttack
from lsap_cli.results.records import Record
from lsap_cli.results.rows import Row


@dataclass(frozen=True)
class JudgedAttacks:
    """Rows and records of all attacks.

    Attributes:
        rows: of all attacks.
        records: likewise.
        noise: name of the noise control.
        classes: of the classifier.
        per_video: rung P, video by video.
    """

    rows: Sequence[Row]
    records: Sequence[Record]
    noise: str
    classes: int
    per_video: Sequence[PerVideoAttack] = ()
