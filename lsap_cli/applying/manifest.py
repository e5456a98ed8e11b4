"""Writing the manifest of a folder that `apply` writes: one line a finished file."""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lsap_cli.errors import LsapError, file_error
from lsap_cli.hashing import output_hash
from lsap_cli.results.files import encode_line, write_atomically, write_errors_named
from lsap_cli.results.manifest import MANIFEST_FILE, ManifestEntry
from lsap_cli.runs.manifest import output_path
from lsap_cli.video.media import Media, readable_media_hash


@contextmanager
def write_errors_explained(path: Path) -> Iterator[None]:
    """Turns the refusal of a file of the output folder, as of a full disk, into a sentence that says how to go on.

    Raises:
        LsapError: naming the file.
    """
    try:
        with write_errors_named(path):
            yield
    except OSError as error:
        refused = file_error(error, "go on with --resume")
        if refused is None:
            raise
        raise refused from None


def begin_manifest(folder: Path) -> None:
    """Marks a folder as one that `apply` writes, before anything else is in it: a run that is killed can go on there.

    Raises:
        LsapError: if it cannot be written.
    """
    with write_errors_explained(folder / MANIFEST_FILE):
        (folder / MANIFEST_FILE).touch()


def append_entry(folder: Path, entry: ManifestEntry) -> None:
    """Adds a line, on disk when this returns; all of it or nothing.

    Raises:
        OSError: if it cannot be written.
    """
    path = folder / MANIFEST_FILE
    with path.open("ab") as file:
        before = file.tell()
        try:
            file.write(encode_line(entry))
            file.flush()
            os.fsync(file.fileno())
        except OSError:
            os.truncate(path, before)
            raise


def rewrite_manifest(folder: Path, entries: Iterable[ManifestEntry]) -> None:
    """Puts these lines in the place of all, ordered by their source.

    Raises:
        LsapError: if they cannot be written.
    """
    path = folder / MANIFEST_FILE
    ordered = sorted(entries, key=lambda entry: entry.source)
    with write_errors_explained(path):
        write_atomically(path, b"".join(map(encode_line, ordered)))


def check_same_recipe(folder: Path, entries: Iterable[ManifestEntry], settings: Mapping[str, Any]) -> None:
    """Refuses to go on in a folder that was begun with other settings.

    Args:
        folder: the output folder.
        entries: of its manifest.
        settings: values of the manifest's fields that must be the same.

    Raises:
        LsapError: naming the first setting that differs.
    """
    for entry in entries:
        for key, value in settings.items():
            earlier = getattr(entry, key)
            if earlier != value:
                raise LsapError(
                    f"--resume: {folder} was begun with {key} {earlier!r}, not {value!r}; "
                    "give the same, or a new folder"
                )


def is_valid_copy(folder: Path, entry: ManifestEntry, source: Media) -> bool:
    """Whether an entry's output is there as it was written, from the source as it is now."""
    try:
        same_output = output_hash(output_path(folder, entry)) == entry.output_sha256
        return same_output and readable_media_hash(source) == entry.source_sha256
    except OSError:
        return False
