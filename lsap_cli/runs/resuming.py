"""A stopped run goes on only with the settings that it began with."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lsap_cli.errors import LsapError

MAY_DIFFER = ("memory",)


def check_same_settings(folder: Path, settings: Mapping[str, Any]) -> None:
    """Compares with the settings in the folder's run.json, if there is one.

    Raises:
        LsapError: naming the first setting that differs, or that run.json cannot be read.
    """
    path = folder / "run.json"
    if not path.exists():
        return
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        begun: dict[str, Any] = facts["settings"]
        status = facts["status"]
    except (ValueError, KeyError, TypeError):
        raise LsapError(f"--resume: {path} is damaged; start a new run with another --run", 1) from None
    if status == "done":
        raise LsapError(f"--resume: the run in {folder} is done already; start a new one with another --run")
    for name, now in json.loads(json.dumps(settings)).items():
        if name not in MAY_DIFFER and begun.get(name) != now:
            raise LsapError(
                f"--resume: the run in {folder} began with {name} {begun.get(name)!r}, not {now!r}; give the same"
            )
