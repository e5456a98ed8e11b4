"""Which videos to use, and what they show: a folder with a sub-folder a class, a CSV, or a folder without labels."""

import csv
import hashlib
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

from lsap_cli.errors import LsapError
from lsap_cli.video.walking import find_media

CSV_SUFFIXES = (".csv",)
RECORDING = re.compile(r"(v_.+_g\d+)_c\d+", re.IGNORECASE)  # UCF101: cuts of one recording share its group


@dataclass(frozen=True)
class Video:
    """One video of a set.

    Attributes:
        path: the file.
        name: its path inside the set, with forward slashes: how it is called in every output.
        labels: class numbers that count as right, the first being its label; empty: not labelled.
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
class Listing:
    """A set of videos and what was said about it.

    Attributes:
        videos: in a fixed order.
        remarks: sentences for the user, such as a sub-folder that is no label.
    """

    videos: list[Video]
    remarks: list[str]


def slug(text: str) -> str:
    """Lower case, runs of anything but letters and digits (of any script) as one `_`, none at the ends."""
    return re.sub(r"[\W_]+", "_", unicodedata.normalize("NFC", text).lower()).strip("_")


def list_videos(source: Path, labels: Sequence[str]) -> Listing:
    """The videos of a folder or of a CSV list.

    Args:
        source: a folder (labels from sub-folders' names where they match) or a CSV with the columns
            path, label and, if wanted, also_accepted (labels joined by `|`).
        labels: the classifier's class names.

    Raises:
        LsapError: if there is nothing there, or a list is malformed or reaches outside of its folder.
    """
    if source.is_dir():
        listing = _from_folder(source, labels)
    elif source.suffix.lower() in CSV_SUFFIXES and source.is_file():
        listing = _from_csv(source, labels)
    elif source.is_file():
        listing = Listing([Video(source, source.name)], [])
    else:
        raise LsapError(f"{source} does not exist; give a folder of videos or a CSV list")
    if not listing.videos:
        raise LsapError(f"{source} holds no video; give a folder of videos (sub-folders named by label) or a CSV list")
    return listing


def content_hash(path: Path) -> str:
    """SHA-256 of a file's bytes: what makes two files the same video."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _from_folder(root: Path, labels: Sequence[str]) -> Listing:
    numbers = {slug(label): number for number, label in enumerate(labels)}
    videos: list[Video] = []
    strange: dict[str, None] = {}
    for path in find_media(root):
        name = path.relative_to(root).as_posix()
        folders = PurePosixPath(name).parts[:-1]
        known = [numbers[slug(folder)] for folder in reversed(folders) if slug(folder) in numbers]
        if folders and not known:
            strange[folders[0]] = None
        videos.append(Video(path, name, tuple(known[:1])))
    return Listing(videos, _strange_remark([*strange], f"{root}: sub-folder"))


def _from_csv(path: Path, labels: Sequence[str]) -> Listing:
    numbers = {slug(label): number for number, label in enumerate(labels)}
    root = path.parent
    videos: list[Video] = []
    strange: dict[str, None] = {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, strict=True)
            if "path" not in (reader.fieldnames or []):
                raise LsapError(
                    f"{path} has no column 'path' in its first line; write path,label or path,label,also_accepted"
                )
            for row in reader:
                where = f"{path}, line {reader.line_num}"
                video = _inside(root, row["path"], where)
                names = [row.get("label") or "", *(row.get("also_accepted") or "").split("|")]
                names = [name.strip() for name in names if name.strip()]
                strange.update({name: None for name in names if slug(name) not in numbers})
                known = tuple(numbers[slug(name)] for name in names if slug(name) in numbers)
                videos.append(Video(root / video, video.as_posix(), known))
    except (csv.Error, UnicodeDecodeError) as error:
        raise LsapError(f"{path} is not a CSV list that can be read: {error}") from None
    twice = {video.name for index, video in enumerate(videos) if video.name in {one.name for one in videos[:index]}}
    if twice:
        raise LsapError(f"{path} lists {', '.join(sorted(twice)[:3])} twice; list each video once")
    return Listing(videos, _strange_remark([*strange], f"{path}: label"))


def _inside(root: Path, text: str | None, where: str) -> PurePosixPath:
    """A listed path, checked: relative, and inside of the list's folder also when links are followed."""
    path = PurePosixPath(text or "")
    if not text or path.is_absolute() or ".." in (*path.parts, *PureWindowsPath(text).parts):
        raise LsapError(f"{where}: the path '{text}' is not inside the list's folder; use paths relative to {root}")
    try:
        inside = (root / path).resolve().is_relative_to(root.resolve())
        (root / path).is_file()
    except (OSError, ValueError, RuntimeError) as error:
        raise LsapError(f"{where}: the path '{text}' cannot be that of a file ({error})") from None
    if not inside:
        raise LsapError(f"{where}: the path '{text}' is a link that leads out of {root}; list files inside of it")
    return path


def _strange_remark(names: list[str], what: str) -> list[str]:
    if not names:
        return []
    shown = ", ".join(f"'{name}'" for name in names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return [
        f"{what}{'s' if len(names) > 1 else ''} {shown} match no label of the classifier: those videos have no label"
    ]
