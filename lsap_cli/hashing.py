"""SHA-256 of files and texts: what makes two of them the same."""

import hashlib
from pathlib import Path


def content_hash(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal: what makes two files the same video."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def output_hash(path: Path) -> str:
    """SHA-256 of a file, or over the names and hashes of a folder's files, in hexadecimal."""
    if not path.is_dir():
        return content_hash(path)
    digest = hashlib.sha256()
    for part in sorted(path.iterdir()):
        digest.update(f"{part.name}\0{content_hash(part)}\n".encode())
    return digest.hexdigest()


def readable_hash(path: Path) -> str | None:
    """The `output_hash` of a file or folder; None where it cannot be read or is something else, such as a pipe."""
    try:
        return output_hash(path) if path.is_file() or path.is_dir() else None
    except OSError:
        return None


def text_hash(text: str) -> str:
    """SHA-256 of a text, in hexadecimal."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
