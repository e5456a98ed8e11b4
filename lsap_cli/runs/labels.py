"""A run's labels: its name, tags and note, which a person gave it."""

from pathlib import Path

from lsap_cli.results.files import read_document, write_document
from lsap_cli.results.run_labels import LABELS_FILE, RunLabels

LONGEST_NAME, LONGEST_NOTE, MOST_TAGS = 80, 4000, 20


def read_run_labels(folder: Path) -> RunLabels:
    """The labels of a run folder; empty ones where it has none, or what it has cannot be read."""
    return read_document(folder / LABELS_FILE, RunLabels).value or RunLabels()


def write_run_labels(folder: Path, labels: RunLabels) -> None:
    """Keeps a run's labels; without any, their file goes.

    Raises:
        OSError: if the folder cannot be written.
    """
    if labels == RunLabels():
        (folder / LABELS_FILE).unlink(missing_ok=True)
    else:
        write_document(folder / LABELS_FILE, labels)


def labels_of(name: str, tags: str, note: str) -> RunLabels:
    """Labels as they are typed: tags with spaces or commas between them, with or without `#`."""
    words = dict.fromkeys(word.lstrip("#") for word in tags.replace(",", " ").split())
    return RunLabels(
        name=" ".join(name.split())[:LONGEST_NAME],
        tags=tuple(word for word in words if word)[:MOST_TAGS],
        note=note.strip()[:LONGEST_NOTE],
    )
