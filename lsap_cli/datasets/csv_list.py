"""A CSV list of videos: the columns path and, optionally, label and also_accepted (labels joined by `|`)."""

import csv
import os
import re
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from lsap_cli.classifiers.labels import LabelIndex
from lsap_cli.datasets.base import Video, VideoSet, unknown_labels_warning
from lsap_cli.errors import LsapError

SEPARATORS = re.compile(r"[\\/]")  # of every system: a list can have been written on another one


class CsvRow(msgspec.Struct, frozen=True):
    """One line of a list; its fields are the columns that are read.

    Attributes:
        path: of the video, relative to the list's folder and inside of it.
        label: what the video shows; may be empty.
        also_accepted: other labels that count as right, joined by `|`.
    """

    path: str
    label: str = ""
    also_accepted: str = ""


class CsvList:
    """A list with one video a line. Columns are found by their names, which may have spaces and capitals."""

    def fits(self, source: Path) -> bool:
        return source.suffix.lower() == ".csv" and source.is_file()

    def read(self, source: Path, labels: LabelIndex) -> VideoSet:
        root = source.parent
        inside, cells = _InsideCheck(root), _LabelCells(labels)
        videos: dict[str, Video] = {}
        warnings: list[str] = []
        for line, row in _rows(source, warnings):
            where = f"{source}, line {line}"
            name = inside.name_of(row.path, where)
            if name in videos:
                raise LsapError(f"{source} lists {name} twice (again in line {line}); list each video once")
            videos[name] = Video(root / name, name, cells.classes(row.label, row.also_accepted, where))
        return VideoSet([*videos.values()], [*warnings, *cells.warnings(f"{source}: label")])


class _LabelCells:
    """The classes that the label cells of lines name. Equal cells are read once."""

    def __init__(self, labels: LabelIndex) -> None:
        self._labels = labels
        self._read: dict[tuple[str, str], tuple[int, ...]] = {}
        self._unknown: dict[str, bool] = {}  # name -> whether other labels of its lines are known

    def classes(self, label: str, also_accepted: str, where: str) -> tuple[int, ...]:
        if (label, also_accepted) not in self._read:
            names = [one for part in (label, *also_accepted.split("|")) if (one := part.strip())]
            indices = {one: self._labels.find(one, f"{where}: the label") for one in names}
            known = tuple(dict.fromkeys(index for index in indices.values() if index is not None))
            for one, index in indices.items():
                if index is None:
                    self._unknown[one] = bool(known) and self._unknown.get(one, True)
            self._read[label, also_accepted] = known
        return self._read[label, also_accepted]

    def warnings(self, what: str) -> list[str]:
        consequences = {
            False: "those videos have no label",
            True: "those videos are judged by their lines' other labels",
        }
        return [
            warning
            for others_known, consequence in consequences.items()
            for warning in unknown_labels_warning(
                [one for one, known in self._unknown.items() if known is others_known], what, consequence
            )
        ]


def _rows(path: Path, warnings: list[str]) -> Iterator[tuple[int, CsvRow]]:
    """The lines of a list with their numbers, empty ones left out; `warnings` gets what the first line makes likely."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, strict=True, skipinitialspace=True)
            header = next(reader, [])
            places = _columns(path, header)
            warnings += _no_label_warning(path, header)
            for cells in reader:
                if len(cells) > len(header):
                    raise LsapError(
                        f"{path}, line {reader.line_num} has {len(cells)} cells, but the first line names "
                        f"{len(header)} columns; put a cell with a comma in it into quotes, "
                        f'as in "{", ".join(cells[1:3])}"'
                    )
                if cells:
                    yield reader.line_num, CsvRow(*(cells[at] if at < len(cells) else "" for at in places))
    except (csv.Error, UnicodeDecodeError) as error:
        raise LsapError(f"{path} is not a CSV list that can be read: {error}") from None
    except OSError as error:
        raise LsapError(f"the list {path} cannot be read ({error.strerror})") from None


def _columns(path: Path, header: Sequence[str]) -> list[int]:
    """Where each field of a row stands; a column that is not there is behind the last cell."""
    names = [name.strip().lower() for name in header]
    fields = CsvRow.__struct_fields__
    if "path" not in names:
        raise LsapError(f"{path} has no column 'path' in its first line; write path,label or path,label,also_accepted")
    twice = [name for name in fields if names.count(name) > 1]
    if twice:
        raise LsapError(f"{path} names the column '{twice[0]}' twice in its first line; name it once")
    return [names.index(name) if name in names else len(names) for name in fields]


def _no_label_warning(path: Path, header: Sequence[str]) -> list[str]:
    """Of a list with other columns than `path`, none of which is called `label`: perhaps one has another name."""
    names = [name.strip() for name in header]
    others = [name for name in names if name and name.lower() not in CsvRow.__struct_fields__]
    if not others or "label" in map(str.lower, names):
        return []
    quoted = ", ".join(f"'{name}'" for name in others)
    return [f"{path} has no column 'label', and {quoted} {'is' if len(others) == 1 else 'are'} not read: no labels"]


class _InsideCheck:
    """Checks that listed paths stay inside of the list's folder, also when links are followed.

    Folders are resolved once and paths are plain strings, so that a list of a million files takes seconds.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._real_root = os.path.realpath(root)
        self._folders: dict[str, bool] = {}

    def name_of(self, text: str, where: str) -> str:
        """A video's name inside the set, from the path as it is written in the list."""
        parts = text.split("/")
        if not text or text[0] == "/" or (".." in text and ".." in SEPARATORS.split(text)):
            raise LsapError(
                f"{where}: the path '{text}' is not inside the list's folder; use paths relative to {self._root}"
            )
        parts = [part for part in parts if part not in ("", ".")]
        name, folder = "/".join(parts), "/".join(parts[:-1])
        file = f"{self._real_root}/{name}"
        try:
            if folder not in self._folders:
                self._folders[folder] = self._leads_inside(f"{self._real_root}/{folder}")
            inside = self._folders[folder] and (not _is_link(file) or self._leads_inside(file))
        except (OSError, ValueError) as error:
            raise LsapError(f"{where}: the path '{text}' cannot be that of a file ({error})") from None
        if not inside:
            raise LsapError(
                f"{where}: the path '{text}' is a link that leads out of {self._root}; list files inside of it"
            )
        return name

    def _leads_inside(self, path: str) -> bool:
        return Path(os.path.realpath(path)).is_relative_to(self._real_root)


def _is_link(path: str) -> bool:
    """Whether a path is a link; Path.is_symlink takes five times as long.

    Raises:
        OSError: if no file can have that path.
        ValueError: likewise.
    """
    try:
        return stat.S_ISLNK(os.lstat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError, PermissionError):  # named when the video is opened
        return False
