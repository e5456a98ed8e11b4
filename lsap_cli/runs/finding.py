"""Finding the run folders below a folder."""

import os
from collections.abc import Iterator
from pathlib import Path

from lsap_cli.results.files import RUN_FILE
from lsap_cli.runs.reading import CONSOLE_FILE, EVENTS_FILE

DEEPEST = 3  # folders below the one that is looked in
MARKS = {RUN_FILE, EVENTS_FILE, CONSOLE_FILE}
MOST_FOLDERS = 20_000  # that are looked into: a folder of videos given by mistake must not hang the screen


def find_runs(root: Path) -> Iterator[Path]:
    """Run folders in `root`, and `root` itself if it is one; the parts of a demo follow it.

    A folder is one when it has run.json, events.jsonl or console.txt. Inside of one, only folders right below are
    looked at. Hidden folders and links to folders are passed over.
    """
    looked = 0
    waiting = [(root, 0, False)]
    while waiting and looked < MOST_FOLDERS:
        folder, depth, inside = waiting.pop()
        looked += 1
        try:
            with os.scandir(folder) as entries:
                children = list(entries)
        except OSError:
            continue
        is_run = any(entry.name in MARKS for entry in children)
        if is_run:
            yield folder
        if depth < DEEPEST and not inside:
            waiting += [
                (folder / entry.name, depth + 1, is_run)
                for entry in sorted(children, key=lambda one: one.name, reverse=True)
                if not entry.name.startswith(".") and _is_folder(entry)
            ]


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False
