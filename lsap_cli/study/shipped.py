"""The study files that lsap ships: one for each of LSAP's tables, and for those that the paper did not have."""

import tomllib
from importlib.resources import files
from pathlib import Path

from lsap_cli.errors import LsapError
from lsap_common import unknown_name

PREFIX = "paper:"
ORDER = (
    "overall", "learning-sets", "position", "updates", "transfer", "detector", "per-video", "samplers", "files",
    "defenses", "hardened",
)  # fmt: skip
"""The names behind `paper:`, in the order of the tables."""


def _folder() -> Path:
    return Path(str(files("lsap_cli.study") / "files"))


def shipped_path(spec: str) -> Path:
    """Where a shipped study file is.

    Args:
        spec: `paper:NAME`.

    Raises:
        LsapError: if there is none of that name.
    """
    name = spec.removeprefix(PREFIX)
    if name not in ORDER:
        raise LsapError(unknown_name("study", name, ORDER, [f"{PREFIX}{one}" for one in ORDER]))
    return _folder() / f"{name}.toml"


def shipped_titles() -> dict[str, str]:
    """What each shipped study is about, by its name."""
    texts = {name: (_folder() / f"{name}.toml").read_text(encoding="utf-8") for name in ORDER}
    return {name: str(tomllib.loads(text)["study"]["title"]) for name, text in texts.items()}
