"""A set as it is written: its entries, before paths are looked up and labels become classes."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import ClassVar, NamedTuple

from lsap_cli.datasets.base import UnreadablePlace
from lsap_cli.set_sources import SetSource
from lsap_cli.video.media import ArchivedVideo, VideoSpan


class Entry(NamedTuple):
    """One video of a set, as a format reads it. A tuple: it is made a million times.

    Attributes:
        paths: of the file, as written; where several are possible, the likeliest first. Empty with `archived`.
        line: of the list, or its entry's number, from 1; 0: there is no list.
        labels: what it may show, the likeliest first: the first one that a classifier has counts.
        also_accepted: other labels that count as right.
        group: the recording that it was cut from; empty: the name tells.
        span: the part of a long video.
        pictures: (how many come before it, how many it has) of a frame folder, whose rest is None; None: the whole one.
        fps: pictures a second of its frame folder; None: the set's.
        archived: where it is in an archive.
        name: inside the set; empty: its path.
    """

    paths: tuple[str, ...]
    line: int = 0
    labels: tuple[str, ...] = ()
    also_accepted: tuple[str, ...] = ()
    group: str = ""
    span: VideoSpan | None = None
    pictures: tuple[int, int | None] | None = None
    fps: Fraction | None = None
    archived: ArchivedVideo | None = None
    name: str = ""


@dataclass
class Listing:
    """What a format reads from a source.

    Attributes:
        entries: in order.
        noun: of what a label is taken from, for sentences: "label", "sub-folder".
        roots: folders where relative paths may begin, the likeliest first.
        warnings: sentences for the user.
        notes: sentences on what the source was taken for.
        unreadable: what cannot be used: places that cannot be looked at, lines of another shape.
        names: of labels that are written as numbers, by number.
        fps: the format's own pace of frame folders, in pictures a second.
        unit: what `Entry.line` counts: "line", or "entry" of a document without lines.
    """

    entries: list[Entry] = field(default_factory=list)
    noun: str = "label"
    roots: Sequence[Path] = ()
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unreadable: list[UnreadablePlace] = field(default_factory=list)
    names: dict[int, str] = field(default_factory=dict)
    fps: Fraction | None = None
    unit: str = "line"

    def leave_out(self, path: Path, line: int, reason: str) -> None:
        """Names a line (or entry) of a list that cannot be used; see `UnreadablePlace`."""
        self.unreadable.append(UnreadablePlace(path, f"{path.name}, {self.unit} {line}", reason))


@dataclass(frozen=True)
class SetFormat(ABC):
    """One way to give a set of videos; `lsap_cli.datasets.formats.FORMATS` names them.

    The first line of a format's docstring is what `lsap datasets` says of it.
    """

    said: ClassVar[bool] = True
    """Whether the user is told that a bare path was taken for this format."""

    @abstractmethod
    def fits(self, path: Path) -> bool:
        """Whether a bare path is unmistakably of this format. It looks at names and first lines only."""

    @abstractmethod
    def read(self, source: SetSource) -> Listing:
        """The entries of a source.

        Raises:
            LsapError: if it cannot be read, or is not of this format.
        """
