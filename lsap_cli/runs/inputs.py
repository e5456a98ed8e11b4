"""What determines the figures of a run, by content: a stopped run is resumed with the same inputs, or not at all."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from lsap_cli.errors import LsapError
from lsap_cli.results.files import write_atomically

INPUTS_FILE = "inputs.json"
SHOWN = 3  # differences that an error names


def keep_inputs(folder: Path, inputs: Mapping[str, str], resume: bool, name: str = INPUTS_FILE) -> None:
    """Writes the inputs of a new run, or compares those of a resumed one.

    Args:
        folder: of the run.
        inputs: hashes and versions, by what they are of: `video a.mp4`, `weights_sha256`.
        resume: whether the run was begun before. A run of version 0.1 has no file to compare with.
        name: of the file.

    Raises:
        LsapError: naming what differs, or that the file is damaged.
    """
    path = folder / name
    inputs = {_escaped(one): value for one, value in inputs.items()}
    if not resume or not path.exists():
        write_atomically(path, msgspec.json.format(msgspec.json.encode(inputs), indent=1) + b"\n")
        return
    try:
        begun = msgspec.json.decode(path.read_bytes(), type=dict[str, str])
    except msgspec.MsgspecError:
        raise LsapError(f"--resume: {path} is damaged; start a new run with another --run", 1) from None
    differences = [_difference(one, begun.get(one), inputs.get(one)) for one in sorted({*begun, *inputs})]
    changes = [one for one in differences if one]
    if changes:
        more = f" and {len(changes) - SHOWN} more" if len(changes) > SHOWN else ""
        raise LsapError(
            f"--resume: the run in {folder} began with other inputs: {'; '.join(changes[:SHOWN])}{more}; restore them, "
            "or start a new run with another --run"
        )


def remove_inputs(folder: Path) -> None:
    """Removes the files of `keep_inputs`, which only an unfinished run needs."""
    for path in folder.glob(f"*{INPUTS_FILE}"):
        path.unlink()


def _escaped(name: str) -> str:
    """A name whose bytes that are not UTF-8 are written as escapes, as in all files of a run."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def _difference(name: str, begun: str | None, now: str | None) -> str:
    """What differs in one input, in words; empty where nothing does."""
    if begun == now:
        return ""
    if begun is None:
        return f"{name} is new"
    if now is None:
        return f"{name} is gone"
    return f"{name} has changed"
