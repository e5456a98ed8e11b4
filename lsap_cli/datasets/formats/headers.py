"""The beginning of a file, to tell what it is."""

import codecs
from pathlib import Path

LARGEST = 2**16  # bytes
CONTROL_BYTES = frozenset(range(32)) - frozenset(b"\t\n\v\f\r\x1b")


def beginning(path: Path) -> str:
    """The first few kilobytes of a file as text; empty where there is no file."""
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        return file.read(LARGEST).decode("utf-8-sig", "replace")


def first_line(path: Path) -> str:
    """A file's first line, without blanks around it."""
    return beginning(path).partition("\n")[0].strip()


def has_column(path: Path, *names: str) -> bool:
    """Whether a file's first line, of cells set off by commas, holds one of some names, in lower case."""
    cells = {cell.strip().strip('"').strip().lower() for cell in first_line(path).split(",")}
    return not cells.isdisjoint(names)


def is_utf16(path: Path) -> bool:
    """Whether a file begins with a mark of UTF-16, as some programs write text."""
    with path.open("rb") as file:
        return file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def is_text(path: Path) -> bool:
    """Whether a file begins as UTF-8 text does, without control characters; an empty one does."""
    with path.open("rb") as file:
        start = file.read(LARGEST)
    if set(start) & CONTROL_BYTES:
        return False
    try:
        start.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return error.reason == "unexpected end of data"  # cut within a letter
    return True
