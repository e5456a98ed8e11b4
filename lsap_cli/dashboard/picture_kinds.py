"""How pictures are drawn: as half blocks, or in pixels where the terminal's name promises that it can."""

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Literal, cast

PictureKind = Literal["blocks", "kitty", "sixel"]
KITTY_TERMINALS = ("xterm-kitty", "xterm-ghostty")
SIXEL_TERMINALS = ("foot", "foot-extra", "mlterm")


def picture_kind(wanted: str, environment: Mapping[str, str]) -> PictureKind:
    """How pictures are drawn: what was asked for, or what the terminal's name promises.

    The terminal itself is not asked: its answer would arrive among the keys that a person types.

    Args:
        wanted: `auto`, `blocks`, `kitty` or `sixel`.
        environment: of the process.
    """
    if wanted != "auto":
        return cast(PictureKind, wanted)
    name, inside = (
        environment.get("TERM", ""),
        "TMUX" in environment or environment.get("TERM", "").startswith("screen"),
    )
    if inside or environment.get("NO_COLOR") or not is_installed():
        return "blocks"
    return "kitty" if name in KITTY_TERMINALS else "sixel" if name in SIXEL_TERMINALS else "blocks"


def is_installed() -> bool:
    """Whether textual-image is there."""
    return find_spec("textual_image") is not None
