"""A list in JSON: an object of videos and their labels, as DFDC's `metadata.json`, or an array of objects or pairs."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from lsap_cli.datasets.class_reading import folders_above
from lsap_cli.datasets.entries import Entry, Listing, SetFormat
from lsap_cli.datasets.formats.columns import SYNONYMS, unread_columns
from lsap_cli.datasets.formats.headers import beginning
from lsap_cli.datasets.label_files import label_text, read_json, read_json_lines
from lsap_cli.datasets.locating import split_suffix
from lsap_cli.errors import LsapError
from lsap_cli.set_sources import SetSource
from lsap_cli.video.walking import MEDIA_SUFFIXES

METADATA = "metadata.json"
TEXT = re.compile(r'"((?:[^"\\]|\\.){1,1000})"')
LOOKED_AT = 200  # texts at a file's beginning, one of which is the name of a video
LOOKED_AT_ROWS = 20  # to tell under which keys an array's objects have their videos and labels
ORIGINAL = "original"
"""Of which video another one was made, in DFDC: both are one recording."""
READ = ("path", "label", "group", ORIGINAL)
SHAPES = (
    '{"a.mp4": "label"}, {"a.mp4": {"label": "…"}}, {"label": ["a.mp4"]}, [{"path": "a.mp4", "label": "…"}] '
    'or [["a.mp4", "label"]]'
)
Document = Any  # whatever the file holds


class _Row(NamedTuple):
    """A video of a list, its label, and what else the list says of it."""

    path: object
    label: object = None
    rest: Mapping[str, object] = {}


@dataclass(frozen=True)
class JsonList(SetFormat):
    """JSON or JSON lines of videos and labels, such as DFDC's `metadata.json`, or a folder that holds one."""

    def fits(self, path: Path) -> bool:
        return any(map(_names_videos, _files(path)))

    def read(self, source: SetSource) -> Listing:
        files = _files(source.path)
        if not files:
            raise LsapError(f"{source.path} has no {METADATA}, there or one folder below; give json:FILE")
        folder = source.path if source.path.is_dir() else source.path.parent
        listing = Listing(roots=[source.root or folder], unit="entry")
        listing.notes.append(f"{', '.join(map(str, files))} is read as a list of videos in JSON")
        for file in files:
            inside = file.parent.relative_to(folder).as_posix()
            rows = list(_rows(file))
            if not rows:
                raise LsapError(
                    f"{file} holds no list of videos that can be read; {_found(file)}such a list is {SHAPES}"
                )
            others = list(dict.fromkeys(key for row in rows for key in row.rest))
            listing.warnings += unread_columns(file, [*others, "path", "label"], READ)
            _add(rows, file, "" if inside == "." else f"{inside}/", listing)
        return listing


def _files(path: Path) -> list[Path]:
    """The lists of a folder, or those of its parts; or the file itself."""
    if path.is_dir():
        own = path / METADATA
        return [own] if own.is_file() else sorted(path.glob(f"*/{METADATA}"))
    return [path] if path.is_file() and path.suffix.lower() in (".json", ".jsonl") else []


def _names_videos(path: Path) -> bool:
    texts = [match[1] for _, match in zip(range(LOOKED_AT), TEXT.finditer(beginning(path)), strict=False)]
    return any(map(_is_video_name, texts))


def _is_video_name(text: object) -> bool:
    return isinstance(text, str) and split_suffix(text)[1].lower() in MEDIA_SUFFIXES


def _add(rows: Sequence[_Row], file: Path, inside: str, listing: Listing) -> None:
    made_of = any(ORIGINAL in row.rest for row in rows)
    splits = {str(row.rest["split"]) for row in rows if row.rest.get("split") is not None}
    if len(splits) > 1:
        listing.notes.append(f"{file}: entries of several splits ({', '.join(sorted(splits)[:5])}) are all read")
    for number, row in enumerate(rows, 1):
        if not isinstance(row.path, str) or not row.path.strip():
            listing.leave_out(file, number, "names no video")
        elif isinstance(row.label, Mapping) or (isinstance(row.label, list) and len(row.label) != 1):
            listing.leave_out(
                file, number, f"({row.path}) has {json.dumps(row.label)[:60]} for its label, not one text"
            )
        else:
            label = label_text(row.label[0] if isinstance(row.label, list) else row.label)
            group = str(row.rest.get("group") or (made_of and (row.rest.get(ORIGINAL) or row.path)) or "")
            labels = (label,) if label else folders_above(row.path)
            listing.entries.append(Entry((inside + row.path,), number, labels, group=group))


def _rows(path: Path) -> Iterator[_Row]:
    """The videos of a file; none, where it is of another shape."""
    if path.suffix.lower() == ".jsonl":
        yield from _of_objects([row for _, row in read_json_lines(path)])
        return
    document: Document = read_json(path)
    if isinstance(document, list) and all(isinstance(one, list) for one in document):
        yield from (_Row(*one) for one in document if len(one) == 2)
    elif isinstance(document, list) and all(map(_is_video_name, document)):
        yield from map(_Row, document)
    elif isinstance(document, list):
        yield from _of_objects([one if isinstance(one, dict) else {} for one in document])
    elif isinstance(document, dict):
        yield from _of_object(document)


def _of_object(document: Mapping[str, Document]) -> Iterator[_Row]:
    """Videos with their labels, or labels with their videos; or the one array of objects among other things."""
    values = [*document.values()]
    if any(map(_is_video_name, document)) or (
        values and all(isinstance(one, dict) and _key(one, "label") for one in values)
    ):
        for path, about in document.items():
            if isinstance(about, dict):
                key = _key(about, "label")
                yield _Row(path, about.get(key) if key else None, _without(about, key))
            else:
                yield _Row(path, about)
    elif values and all(isinstance(one, list) and all(map(_is_video_name, one)) for one in values):
        yield from (_Row(path, label) for label, paths in document.items() for path in paths)
    else:
        arrays = [one for one in values if isinstance(one, list) and one and all(isinstance(row, dict) for row in one)]
        if len(arrays) == 1:
            yield from _of_objects(arrays[0])


def _of_objects(objects: Sequence[Mapping[str, Document]]) -> Iterator[_Row]:
    first = objects[:LOOKED_AT_ROWS]
    path = next((key for one in first if (key := _key(one, "path", is_video=True))), None)
    label = next((key for one in first if (key := _key(one, "label"))), None)
    if path is not None:
        for one in objects:
            yield _Row(one.get(path), one.get(label) if label else None, _without(one, path, label))


def _without(one: Mapping[str, Document], *keys: str | None) -> Mapping[str, Document]:
    return {key: value for key, value in one.items() if key not in keys}


def _key(one: Mapping[str, object], column: str, is_video: bool = False) -> str | None:
    """The key of an object that holds a column, by its name or another word for it."""
    words = (column, *SYNONYMS[column])
    fitting = (key for word in words for key in one if key.lower() == word)
    return next((key for key in fitting if not is_video or _is_video_name(one[key])), None)


def _found(path: Path) -> str:
    """What a file holds in place of a list of videos, for a sentence."""
    if path.suffix.lower() == ".jsonl":
        return ""
    document: Document = read_json(path)
    if isinstance(document, dict) and document:
        return f"it is an object with {', '.join(map(repr, [*document][:3]))}; "
    return f"it is an {'empty ' if not document else ''}array; " if isinstance(document, list) else ""
