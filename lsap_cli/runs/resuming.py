"""A stopped run goes on only with the settings that it began with."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec.json import decode, encode

from lsap_cli.errors import LsapError
from lsap_cli.results.files import RUN_FILE, read_facts_document

MAY_DIFFER = ("memory", "cluster", "storage", "timeout")  # none of them changes a result


def check_same_settings(folder: Path, settings: Mapping[str, Any]) -> None:  # each command has options of its own
    """Compares with the settings in the folder's run.json, if there is one.

    Raises:
        LsapError: naming the first setting that differs, or that run.json cannot be read.
    """
    loaded = read_facts_document(folder)
    if loaded.value is None and not loaded.problems:
        return
    if loaded.value is None or loaded.problems:
        raise LsapError(f"--resume: {folder / RUN_FILE} is damaged; start a new run with another --run", 1)
    if loaded.value.status == "done":
        raise LsapError(f"--resume: the run in {folder} is done already; start a new one with another --run")
    begun = loaded.value.settings
    for name, now in decode(encode(settings)).items():  # as JSON holds them: lists, no tuples
        if name not in MAY_DIFFER and begun.get(name) != now:
            raise LsapError(
                f"--resume: the run in {folder} began with {name} {begun.get(name)!r}, not {now!r}; give the same"
            )
