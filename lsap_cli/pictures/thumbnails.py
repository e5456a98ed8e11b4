"""The small pictures that a run leaves for the dashboard: the perturbation's slots, and videos before and after, frame by frame."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lsap_cli.pictures.drawing import save_picture, slot_picture, strip_picture
from lsap_cli.runs.run import write_atomically

LOOK = "pictures/look.json"
SCHEMA = "lsap.look/1"
MOST_SLOTS = 32
FILM_FRAMES = 16  # in a row: a pattern that changes with time is seen at every one of its slots


def draw_slots(folder: Path, delta: npt.ArrayLike, binding: str, step: int | None = None) -> None:
    """Writes each slot of a perturbation as a small PNG, and says so in look.json.

    Args:
        folder: the run folder.
        delta: (P, 3, h, w) float, on the CPU, in pixel units of [0, 1].
        binding: which frame gets which slot, in words.
        step: after which it looks like that; None: it is finished.
    """
    slots = np.asarray(delta, dtype=np.float32)
    scale = float(np.abs(slots).max())
    names = []
    for number, slot in enumerate(slots[:MOST_SLOTS]):
        name = f"pictures/slots/{number:02d}.png"
        save_picture(slot_picture(slot, scale), folder / name)
        names.append(name)
    drawn = {"slots": names, "of": len(slots), "scale": scale * 255, "binding": binding, "step": step}
    _write(folder, {"perturbation": drawn})


def draw_films(folder: Path, films: list[dict[str, Any]]) -> None:
    """Says in look.json which videos can be looked at.

    Args:
        folder: the run folder.
        films: as `draw_film` makes them.
    """
    _write(folder, {"videos": films})


def draw_film(
    folder: Path, number: int, before: npt.NDArray[np.uint8], after: npt.NDArray[np.uint8], factor: int
) -> dict[str, Any]:
    """Writes frames before, after, and their amplified difference, each as one tall PNG.

    Args:
        folder: the run folder.
        number: of the video among those that are drawn.
        before: (S, 3, H, W).
        after: the same frames with the perturbation in them.
        factor: of the difference.

    Returns:
        `frames` and the pictures' paths in the folder.
    """
    pictures = {
        "before": strip_picture(before),
        "after": strip_picture(after),
        "difference": strip_picture(after, before, factor),
    }
    entry: dict[str, Any] = {"frames": len(before)}
    for side, picture in pictures.items():
        entry[side] = f"pictures/films/{number}-{side}.png"
        save_picture(picture, folder / entry[side])
    return entry


def _write(folder: Path, part: Mapping[str, Any]) -> None:
    path = folder / LOOK
    path.parent.mkdir(parents=True, exist_ok=True)
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"schema": SCHEMA}
    write_atomically(path, json.dumps({**known, **part}) + "\n")
