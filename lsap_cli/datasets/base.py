"""What every format of a video set gives: videos with names and labels, and warnings for the user."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from lsap_cli.video.media import ArchivedVideo, Media, VideoPart, absolute_media
from lsap_cli.video.picture_sequences import PictureSequence

RECORDINGS = (  # names of sets whose cuts of one recording are called after it
    re.compile(r"(?P<recording>v_.+_g\d+)_c\d+", re.IGNORECASE),  # UCF101
    re.compile(r"(?P<recording>.+)_[fhlu]_(?:nm|cm)_np\d_(?:ba|fr|le|ri)_(?:bad|goo|med)_\d+"),  # HMDB51
    re.compile(r"(?P<recording>[\w-]{11})_\d{6}_\d{6}(?!\d)", re.ASCII),  # Kinetics: a YouTube video's identity
)


@dataclass(frozen=True, slots=True)
class Video:
    """One video of a set.

    Attributes:
        path: the file, or the folder of pictures, or the archive that it is in.
        name: its path inside the set, with forward slashes: how it is called in every output.
        labels: class indices that count as right, the first being its label; empty: not labelled.
        recording: what it was cut from, where the set says it; empty: the name tells.
        inner: what is read of the path, where that is not the whole file.
        label: what the set calls its label, whether or not the classifier has it.
    """

    path: Path
    name: str
    labels: tuple[int, ...] = ()
    recording: str = ""
    inner: VideoPart | PictureSequence | ArchivedVideo | None = None
    label: str = field(default="", compare=False)

    @property
    def media(self) -> Media:
        """What its frames are read from."""
        return self.inner or self.path

    @property
    def group(self) -> str:
        """The recording that it was cut from: as the set says, as its name says (`recording_in`), or itself."""
        return self.recording or recording_in(self.name.rpartition("/")[2]) or self.name


def absolute_video(video: Video) -> Video:
    """The same with an absolute path: for a process whose working folder is another."""
    inner = None if video.inner is None else absolute_media(video.inner)
    assert not isinstance(inner, Path)  # a part, a folder of pictures or a member of an archive stays one
    return replace(video, path=video.path.absolute(), inner=inner)


def recording_in(name: str) -> str:
    """The recording that a file's name says it was cut from; empty: it says none."""
    for pattern in RECORDINGS:
        match = pattern.match(name)
        if match:
            found = match["recording"]
            return found.lower() if pattern.flags & re.IGNORECASE else found
    return ""


@dataclass(frozen=True)
class UnreadablePlace:
    """What a set has and cannot be used: a file without permission, a pipe, a path that is too long, a line of a list.

    Attributes:
        path: where it is; of a line, the list.
        name: its path inside the set, with forward slashes; of a line, its number.
        reason: what is wrong with it, behind "it": "cannot be looked at (no regular file)".
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
        unreadable: what is in the source and cannot be used: places that cannot be looked at, lines of a list.
        notes: sentences on what the source was taken for.
        format: the name of its format.
        missing: names of videos of a list whose files are not there.
    """

    videos: list[Video]
    warnings: list[str] = field(default_factory=list)
    unreadable: tuple[UnreadablePlace, ...] = ()
    notes: list[str] = field(default_factory=list)
    format: str = ""
    missing: frozenset[str] = frozenset()

    @property
    def size(self) -> int:
        """Number of videos with the unreadable places: what every denominator is compared with."""
        return len(self.videos) + len(self.unreadable)


def unknown_labels_warning(names: Sequence[str], what: str, consequence: str) -> list[str]:
    """A warning about names that match no label of the classifier, or nothing where there are none."""
    if not names:
        return []
    subject, verb = (f"{what}s", "match") if len(names) > 1 else (what, "matches")
    return [f"{subject} {few(names)} {verb} no label of the classifier: {consequence}"]


def few(names: Sequence[str], most: int = 3) -> str:
    """The first few of some names in quotes, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(f"'{name}'" for name in names[:most]) + more
