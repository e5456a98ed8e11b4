"""The beginning of a file, to tell what it is."""

from pathlib import Path

LARGEST = 2**16  # bytes


def beginning(path: Path) -> str:
    """The first few kilobytes of a file as text; empty where there is no file."""
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        return file.read(LARGEST).decode("utf-8-sig", "replace")


def first_line(path: Path) -> str:
    """A file's first line, without blanks around it."""
    return beginning(path).partition("\n")[0].strip()
