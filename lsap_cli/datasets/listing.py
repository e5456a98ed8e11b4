"""Which videos to use, and what they show: one function that reads a set of any format."""

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from lsap_cli.classifiers.labels import LabelIndex
from lsap_cli.datasets.base import Video, VideoSet, recording_in
from lsap_cli.datasets.class_reading import NUMBER, ClassReader, label_names, read_whole_floats
from lsap_cli.datasets.entries import Entry, Listing, SetFormat
from lsap_cli.datasets.label_files import read_label_names
from lsap_cli.datasets.locating import Located, Locator, named_in_common, split_suffix
from lsap_cli.errors import LsapError
from lsap_cli.plugins import SET_FORMATS
from lsap_cli.results.text import counted
from lsap_cli.set_sources import SETS, SetSource
from lsap_cli.video.media import VideoPart, VideoSpan
from lsap_cli.video.picture_folders import is_picture_folder
from lsap_cli.video.picture_sequences import PictureSequence
from lsap_cli.video.walking import MEDIA_SUFFIXES

DEFAULT_FPS = Fraction(25)  # pictures a second of frame folders whose pace nobody says


def list_videos(source: Path | SetSource, labels: Sequence[str]) -> VideoSet:
    """The videos of a source.

    Args:
        source: a folder (labels from sub-folders' names where they match), a list, or one video file.
        labels: the classifier's, in the order of its logits; none: every video is without a label.

    Raises:
        LsapError: if there is nothing there, a list is malformed, or a label is ambiguous.
    """
    source = source if isinstance(source, SetSource) else SetSource.parse(source)
    kind = _format_of(source)
    with without_collection():
        listing = SET_FORMATS[kind]().read(source)
        index = LabelIndex(labels)
        read_whole_floats(listing, index, str(source.path))
        if source.labels is not None:
            listing.names = _names_of_numbers(source.labels, listing)
        video_set = replace(_looked_up(source, listing, index), format=kind)
    if not video_set.videos and video_set.unreadable:
        place = video_set.unreadable[0]
        where = place.name if place.path == source.path else place.path  # a line of the list itself
        raise LsapError(f"{source} holds no video that can be read: {where} {place.reason}")
    if not video_set.videos:
        taken_for = f" ({video_set.notes[0]})" if video_set.notes else ""
        raise LsapError(f"{source} holds no video{taken_for}; give {SETS}")
    return video_set


@contextmanager
def without_collection() -> Iterator[None]:
    """Stops the search for circles of objects: among a million entries it takes a third of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _format_of(source: SetSource) -> str:
    if source.format is not None:
        return source.format
    if not source.path.exists():
        raise LsapError(f"{source} does not exist; give {SETS}")
    fitting = (name for name in SET_FORMATS if _made(name).fits(source.path))
    return next(fitting, "file")


def _made(name: str) -> SetFormat:
    kind: type[SetFormat] = SET_FORMATS[name]
    return kind()


def _names_of_numbers(path: Path, listing: Listing) -> dict[int, str]:
    written = (one for entry in listing.entries for one in (*entry.labels[:1], *entry.also_accepted))
    numbers = {int(one) for one in written if NUMBER.fullmatch(one)} - {-1}
    names = read_label_names(path, numbers)
    unnamed = sorted(numbers - set(names))
    if unnamed:
        raise LsapError(f"--labels {path} names no label {unnamed[0]}, which the list uses")
    listing.notes.append(f"{path} names the list's numbers: {label_names(names)}")
    return names


def _looked_up(source: SetSource, listing: Listing, labels: LabelIndex) -> VideoSet:
    """Entries as videos: files are found, labels become classes."""
    reader = ClassReader(listing, labels, str(source.path))
    locator = Locator(listing.roots or [source.path])
    pace = _Pace(source, listing)
    videos: dict[str, Video] = {}
    renamed: list[str] = []
    missing: list[str] = []
    places: Sequence[Located | str] = [_place(entry, locator) for entry in listing.entries]
    if locator.leaves_roots:
        places, common = named_in_common(places)
        listing.notes.append(f"{source.path}: videos are called by their paths in {common}, where all of them lie")
    for entry, place in zip(listing.entries, places, strict=True):
        if isinstance(place, str):
            listing.leave_out(source.path, entry.line, f"is not clear: {place}")
            continue
        video = _video(entry, place, reader, pace)
        if video.name in videos:
            listing.leave_out(
                source.path, entry.line, f"names {video.name}, which an earlier {listing.unit} names, too"
            )
            continue
        if place.other_name:
            renamed.append(entry.paths[0])
        if not place.there:
            missing.append(video.name)
        videos[video.name] = video
    reader.finish()
    warnings = [*listing.warnings, *reader.warnings]
    notes = [*listing.notes, *reader.notes, *pace.notes]
    if renamed:
        be = "is" if len(renamed) == 1 else "are"
        notes.append(
            f"{source.path}: {counted(len(renamed), 'file')} {be} called otherwise than listed, such as {renamed[0]}"
        )
    if videos and len(missing) == len(videos):
        notes.append(f"{source.path}: none of its files is there; --root DIR says where its paths begin")
    if len(labels) and videos and not any(video.labels for video in videos.values()):
        notes.append(f"{source}: no video has a label of the model, so that every accuracy stays empty")
    return VideoSet([*videos.values()], warnings, tuple(listing.unreadable), notes, missing=frozenset(missing))


def _place(entry: Entry, locator: Locator) -> Located | str:
    if entry.archived is not None:
        return Located(entry.archived.path, entry.name)
    return locator.find(entry.paths)


class _Pace:
    """Pictures a second of frame folders: the entry's own, the user's, the format's, or 25, which is said."""

    def __init__(self, source: SetSource, listing: Listing) -> None:
        self._where = source.path
        self._given = source.fps or listing.fps
        self.notes: list[str] = []

    def of(self, entry: Entry) -> Fraction:
        pace = entry.fps or self._given
        if pace is None and not self.notes:
            self.notes.append(
                f"{self._where}: frame folders are taken as {DEFAULT_FPS} pictures a second; --fps says it"
            )
        return pace or DEFAULT_FPS


def _video(entry: Entry, place: Located, reader: ClassReader, pace: _Pace) -> Video:
    path, name = place.path, entry.name or place.name
    classes, label = reader.read(entry)
    if entry.archived is not None:
        return Video(path, name, classes, entry.group, entry.archived, label)
    span: VideoSpan | None = entry.span
    inner: VideoPart | PictureSequence | None = None
    if entry.pictures is not None and _is_a_video_file(name, path):
        span = span or _counted_span(entry)
    elif entry.pictures is not None or _may_be_a_folder(name, path):
        inner, span = _sequence(entry, path, pace)
    if inner is None and span is not None:
        inner = VideoPart(path, span)
    if span is None:
        return Video(path, name, classes, entry.group, inner, label)
    stem, suffix = split_suffix(name) if isinstance(inner, VideoPart) else (name, "")
    return Video(path, f"{stem}_{span}{suffix}", classes, entry.group or recording_in(path.name) or name, inner, label)


def _sequence(entry: Entry, path: Path, pace: _Pace) -> tuple[PictureSequence | None, VideoSpan | None]:
    """The pictures of a folder, and which part of them an entry is, where it is one; none of lsap's own folders."""
    if is_picture_folder(path):
        return None, entry.span
    first, count = _pictures(entry, pace)
    whole = entry.span is None and first == 0
    span = VideoSpan(Fraction(first), None if count is None else Fraction(first + count), in_frames=True)
    return PictureSequence(path, pace.of(entry), first, count), None if whole else span


def _is_a_video_file(name: str, path: Path) -> bool:
    """Whether a path is called as a video is, and is no folder that is called so."""
    try:
        return split_suffix(name)[1].lower() in MEDIA_SUFFIXES and not path.is_dir()
    except OSError:  # no file can have that path: it is named when it is read
        return True


def _counted_span(entry: Entry) -> VideoSpan | None:
    """The frames of a video file that a list of frame folders names; a count from the first frame on is the file's."""
    if entry.pictures is None or not entry.pictures[0]:
        return None
    first, count = entry.pictures
    return VideoSpan(Fraction(first), None if count is None else Fraction(first + count), in_frames=True)


def _may_be_a_folder(name: str, path: Path) -> bool:
    try:
        return split_suffix(name)[1].lower() not in MEDIA_SUFFIXES and path.is_dir()
    except OSError:  # no file can have that path: it is named when it is read
        return False


def _pictures(entry: Entry, pace: _Pace) -> tuple[int, int | None]:
    """How many pictures come before an entry, and how many it has."""
    if entry.pictures is not None:
        return entry.pictures
    if entry.span is None:
        return 0, None
    factor = Fraction(1) if entry.span.in_frames else pace.of(entry)
    first = -(-entry.span.start * factor // 1)  # the first picture that is not before the start
    end = None if entry.span.end is None else -(-entry.span.end * factor // 1)
    return int(first), None if end is None else int(end - first)
