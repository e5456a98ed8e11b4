"""The manifest of a folder that apply writes: one line a finished file, and what is valid of an earlier part of it."""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from lsap_cli.datasets.base import content_hash
from lsap_cli.errors import LsapError
from lsap_cli.runs.run import write_atomically

MANIFEST = "manifest.jsonl"
MANIFEST_SCHEMA = "lsap.manifest/1"
COPY = "perturbation.safetensors"  # beside the manifest: what was added, for lsap defend --perturbed
WORDS = ("source", "output", "source_sha256", "output_sha256", "perturbation_sha256", "codec")
NUMBERS = ("frames", "height", "width", "linf", "l2_rms", "map")

Entry = dict[str, Any]


def read_manifest(folder: Path) -> dict[str, Entry]:
    """The entries by their source; a last line that was not finished is left out.

    Raises:
        LsapError: if it is damaged, or names files outside of the folder.
    """
    path = folder / MANIFEST
    entries: dict[str, Entry] = {}
    try:
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        for line in text.splitlines() if text.endswith("\n") else text.splitlines()[:-1]:
            entry = json.loads(line)
            _check(entry, line)
            entries[entry["source"]] = entry
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise LsapError(f"{path} is damaged ({error}); apply the perturbation again, into a new folder") from None
    except OSError as error:
        raise LsapError(f"{path} cannot be read ({error.strerror})", 1) from None
    return entries


def begin(folder: Path) -> None:
    """Marks a folder as one that `apply` writes, before anything else is in it: a run that is killed can go on there.

    Raises:
        LsapError: if it cannot be written.
    """
    try:
        (folder / MANIFEST).touch()
    except OSError as error:
        raise LsapError(f"{folder / MANIFEST} cannot be written ({error.strerror})", 1) from None


def append(folder: Path, entry: Entry) -> None:
    """Adds a line, on disk when this returns; all of it or nothing.

    Raises:
        OSError: if it cannot be written.
    """
    with (folder / MANIFEST).open("ab") as file:
        before = file.tell()
        try:
            file.write(json.dumps(entry).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        except OSError:
            os.truncate(folder / MANIFEST, before)
            raise


def rewrite(folder: Path, entries: Iterable[Entry]) -> None:
    """Puts these lines in the place of all, ordered by their source.

    Raises:
        LsapError: if they cannot be written.
    """
    ordered = sorted(entries, key=lambda entry: str(entry["source"]))
    try:
        write_atomically(folder / MANIFEST, "".join(json.dumps(entry) + "\n" for entry in ordered))
    except OSError as error:
        raise LsapError(f"{folder / MANIFEST} cannot be written ({error.strerror})", 1) from None


def check_same(folder: Path, entries: Mapping[str, Entry], wanted: Mapping[str, Any]) -> None:
    """Refuses to go on in a folder that was begun in another way.

    Raises:
        LsapError: naming the first setting that differs.
    """
    for entry in entries.values():
        for key, value in wanted.items():
            if entry.get(key) != value:
                raise LsapError(
                    f"--resume: {folder} was begun with {key} {entry.get(key)!r}, not {value!r}; give the same, or a new folder"
                )


def is_valid(folder: Path, entry: Entry, source: Path) -> bool:
    """Whether an entry's output is there as it was written, from the source as it is now."""
    try:
        same_output = output_hash(inside(folder, entry)) == entry["output_sha256"]
        return bool(same_output and content_hash(source) == entry["source_sha256"])
    except OSError:
        return False


def output_hash(path: Path) -> str:
    """SHA-256 of a file, or over the names and hashes of a folder's files."""
    if not path.is_dir():
        return content_hash(path)
    digest = hashlib.sha256()
    for part in sorted(path.iterdir()):
        digest.update(f"{part.name}\0{content_hash(part)}\n".encode())
    return digest.hexdigest()


def inside(folder: Path, entry: Entry) -> Path:
    """An entry's output.

    Raises:
        LsapError: if it is a link that leads out of the folder.
    """
    path = folder / str(entry["output"])
    if not path.resolve().is_relative_to(folder.resolve()):
        raise LsapError(f"{path} is a link that leads out of {folder}; apply the perturbation again, into a new folder")
    return path


def _check(entry: Any, line: str) -> None:
    output = PurePosixPath(entry["output"])
    if entry["schema"] != MANIFEST_SCHEMA or output.is_absolute() or ".." in output.parts:
        raise ValueError(f"unexpected entry {line[:80]}")
    wrong = [key for key in WORDS if not isinstance(entry[key], str)]
    wrong += [key for key in NUMBERS if not isinstance(entry[key], int | float) or isinstance(entry[key], bool)]
    if wrong:
        raise ValueError(f"an entry's {', '.join(wrong)} cannot be")
