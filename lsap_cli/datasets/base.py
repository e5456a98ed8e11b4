"""What every format of a video set gives: videos with names and labels, and warnings for the user."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Protocol

from lsap_cli.classifiers.labels import LabelIndex

RECORDING = re.compile(r"(v_.+_g\d+)_c\d+", re.IGNORECASE)  # UCF101: cuts of one recording share its group


@dataclass(frozen=True)
class Video:
    """One video of a set.

    Attributes:
        path: the file.
        name: its path inside the set, with forward slashes: how it is called in every output.
        labels: class indices that count as right, the first being its label; empty: not labelled.
    """

    path: Path
    name: str
    labels: tuple[int, ...] = ()

    @property
    def group(self) -> str:
        """The recording that it was cut from (`v_*_gNN` of `v_*_gNN_cMM`), or itself."""
        match = RECORDING.match(PurePosixPath(self.name).name)
        return match.group(1).lower() if match else self.name


@dataclass(frozen=True)
class UnreadablePlace:
    """A file or folder of a set that cannot be looked at: no permission, a path that is too long, a pipe.

    Attributes:
        path: where it is.
        name: its path inside the set, with forward slashes.
        reason: what the system says.
    """

    path: Path
    name: str
    reason: str


@dataclass(frozen=True)
class VideoSet:
    """The videos of a source.

    Attributes:
        videos: in a fixed order.
        warnings: sentences for the user, such as a sub-folder that is no label.
        omitted: names of what is in the source and is no video of the set, such as links that lead out of a folder.
        unreadable: files and folders of the source that cannot be looked at, and whose videos are therefore left out.
    """

    videos: list[Video]
    warnings: list[str] = field(default_factory=list)
    omitted: tuple[str, ...] = ()
    unreadable: tuple[UnreadablePlace, ...] = ()

    @property
    def size(self) -> int:
        """Number of videos with the omitted ones and the unreadable places: what every denominator is compared with."""
        return len(self.videos) + len(self.omitted) + len(self.unreadable)


class VideoSetFormat(Protocol):
    """One way to give a set of videos; `lsap_cli.datasets.listing.FORMATS` lists them."""

    def fits(self, source: Path) -> bool:
        """Whether a source is of this format."""
        ...

    def read(self, source: Path, labels: LabelIndex) -> VideoSet:
        """The videos of a source that fits.

        Raises:
            LsapError: if it is malformed, or reaches outside of its folder.
        """
        ...


def unknown_labels_warning(names: Sequence[str], what: str, consequence: str) -> list[str]:
    """A warning about names that match no label of the classifier, or nothing where there are none."""
    if not names:
        return []
    shown = ", ".join(f"'{name}'" for name in names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return [f"{what}{'s' if len(names) > 1 else ''} {shown} match no label of the classifier: {consequence}"]
