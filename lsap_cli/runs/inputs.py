"""What determines the figures of a run, by content: a stopped run is resumed with the same inputs, or not at all."""

from collections.abc import Collection, Mapping
from pathlib import Path

import msgspec

from lsap_cli.errors import LsapError
from lsap_cli.results.files import write_atomically

INPUTS_FILE = "inputs.json"
PARAMETERS = "parameters of "  # of a network, in the names of inputs
VERSION = "version of "  # of a package, likewise
PLURALS = ("labels of ", PARAMETERS)
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
    changed = {one for one in {*begun, *inputs} if begun.get(one) != inputs.get(one)}
    if changed:
        changes = [_difference(one, begun.get(one), inputs.get(one)) for one in sorted(changed)]
        more = f" and {len(changes) - SHOWN} more" if len(changes) > SHOWN else ""
        what = f"{'; '.join(changes[:SHOWN])}{more}{_hint(changed)}"
        raise LsapError(
            f"--resume: the run in {folder} began with other inputs: {what}; restore them, or "
            "start a new run with another --run"
        )


def remove_inputs(folder: Path) -> None:
    """Removes the files of `keep_inputs`, which only an unfinished run needs."""
    for path in folder.glob(f"*{INPUTS_FILE}"):
        path.unlink()


def _escaped(name: str) -> str:
    """A name whose bytes that are not UTF-8 are written as escapes, as in all files of a run."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def _difference(name: str, begun: str | None, now: str | None) -> str:
    """What differs in one input, in words."""
    many = name.startswith(PLURALS)
    if name.startswith(VERSION) and begun is not None and now is not None:
        return f"{name} is {now}, and was {begun}"
    if begun is None:
        return f"{name} {'are' if many else 'is'} new"
    if now is None:
        return f"{name} {'are' if many else 'is'} gone"
    return f"{name} {'have' if many else 'has'} changed"


def _hint(changed: Collection[str]) -> str:
    """The likely cause where a network's parameters are all that differs: its files are the same."""
    if all(one.startswith(PARAMETERS) for one in changed):
        return " (its files are the same: what builds it draws numbers at random; seed it, or name weights in its card)"
    return ""
