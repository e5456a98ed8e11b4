"""Deleting runs so that it can be undone: they are moved into `.trash` of the folder that they lie in.

A move inside one folder keeps every byte and every time, and nothing outside the folder is ever touched: links are
refused, not followed.
"""

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from lsap_cli.errors import LsapError
from lsap_cli.results.files import read_document, write_document
from lsap_cli.results.trashed_run import ENTRY_FILE, TrashedRun
from lsap_cli.runs.finding import MARKS, find_runs
from lsap_cli.runs.reading import read_snapshot

TRASH_FOLDER = ".trash"


@dataclass(frozen=True)
class TrashEntry:
    """A run in the trash.

    Attributes:
        place: its folder in `.trash`, which holds the run's.
        path: where it came from, below the folder with the runs.
        time: when it was deleted, in seconds since 1970.
    """

    place: Path
    path: PurePosixPath
    time: float


def move_to_trash(root: Path, folder: Path) -> TrashEntry:
    """Moves a run folder, and the runs in it, into the trash of the folder with the runs.

    Args:
        root: the folder with the runs.
        folder: of the run, below it.

    Raises:
        LsapError: if it is not a run folder below `root`, is reached through a link, or a process writes into it.
        OSError: if it cannot be moved.
    """
    path = _path_below(root, folder)
    if not any((folder / name).exists() for name in MARKS):
        raise LsapError(f"{folder} is no run folder: it is not deleted")
    with _not_written(folder):
        place = _new_place(root, folder.name)
        moment = time.time()
        try:
            write_document(place / ENTRY_FILE, TrashedRun(path=path.as_posix(), time=moment))
            folder.rename(place / folder.name)
        except OSError:
            with suppress(OSError):
                (place / ENTRY_FILE).unlink(missing_ok=True)
                place.rmdir()
            raise
    return TrashEntry(place, path, moment)


def restore_from_trash(root: Path, entry: TrashEntry) -> Path:
    """Moves a run back to where it was; its folder.

    Raises:
        LsapError: if something else is there now, or the run is no longer in the trash.
        OSError: if it cannot be moved.
    """
    folder = root / entry.path
    if os.path.lexists(folder):
        raise LsapError(f"{folder} exists again: move it away first, then restore the run from the trash")
    stored = entry.place / entry.path.name
    if not stored.is_dir() or stored.is_symlink():
        raise LsapError(f"{entry.path} is no longer in the trash")
    _path_below(root, folder)  # no link on the way
    folder.parent.mkdir(parents=True, exist_ok=True)
    stored.rename(folder)
    with suppress(OSError):  # the run is back; what is left is an empty folder in the trash
        (entry.place / ENTRY_FILE).unlink(missing_ok=True)
        entry.place.rmdir()
    return folder


def trash_entries(root: Path) -> list[TrashEntry]:
    """The runs in the trash, those deleted last first. What is damaged or leads elsewhere is passed over."""
    trash = root / TRASH_FOLDER
    if trash.is_symlink():
        return []
    try:
        places = [one for one in trash.iterdir() if one.is_dir() and not one.is_symlink()]
    except OSError:
        return []
    return sorted((one for place in places if (one := _read_entry(place))), key=lambda one: -one.time)


def delete_for_good(root: Path, entry: TrashEntry) -> None:
    """Removes a run that is in the trash; this cannot be undone.

    Raises:
        LsapError: if it does not lie in the trash of `root`.
        OSError: if it cannot be removed.
    """
    trash = root / TRASH_FOLDER
    if trash.is_symlink() or entry.place.is_symlink() or entry.place.parent != trash:
        raise LsapError(f"{entry.place} is not in the trash: it is not deleted")
    shutil.rmtree(entry.place)


def _path_below(root: Path, folder: Path) -> PurePosixPath:
    """The path of a folder below another.

    Raises:
        LsapError: if it is not below it, or a link leads to it.
    """
    try:
        path = folder.relative_to(root)
    except ValueError:
        path = Path()
    if not path.parts or ".." in path.parts:
        raise LsapError(f"{folder} is not a folder below {root}: it is not deleted")
    if TRASH_FOLDER in path.parts:
        raise LsapError(f"{folder} is in the trash already")
    below = [root.joinpath(*path.parts[: number + 1]) for number in range(len(path.parts))]
    if any(one.is_symlink() for one in below):
        raise LsapError(f"{folder} is reached through a link: it is not deleted; delete it where it lies")
    return PurePosixPath(path.as_posix())


@contextmanager
def _not_written(folder: Path) -> Iterator[None]:
    """Keeps every run in a folder from being written to in the block.

    Raises:
        LsapError: if a process writes into one now.
    """
    held = []
    try:
        for run in dict.fromkeys((folder, *find_runs(folder))):
            if read_snapshot(run).live:
                raise LsapError(f"{run} is live: stop it first; then it can be deleted")
            with suppress(FileNotFoundError):
                lock = (run / ".lock").open("rb")
                held.append(lock)
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    raise LsapError(f"{run} is written to now: stop it first; then it can be deleted") from None
        yield
    finally:
        for lock in held:
            lock.close()


def _new_place(root: Path, name: str) -> Path:
    """A folder of its own in the trash; another process may make one at the same moment."""
    trash = root / TRASH_FOLDER
    if trash.is_symlink():
        raise LsapError(f"{trash} is a link: nothing is deleted through it; remove the link")
    trash.mkdir(exist_ok=True)
    stem = f"{time.strftime('%Y%m%d-%H%M%S')}-{name}"[:200]
    for number in range(1, 10_000):
        place = trash / (stem if number == 1 else f"{stem}-{number}")
        with suppress(FileExistsError):
            place.mkdir()
            return place
    raise LsapError(f"{trash} has no free name for {name}; empty the trash first")


def _read_entry(place: Path) -> TrashEntry | None:
    found = read_document(place / ENTRY_FILE, TrashedRun).value
    if found is None:
        return None
    path = PurePosixPath(found.path)
    if path.is_absolute() or ".." in path.parts or not path.parts or TRASH_FOLDER in path.parts:
        return None
    stored = place / path.name
    return TrashEntry(place, path, found.time) if stored.is_dir() and not stored.is_symlink() else None
