"""The small pictures that a run leaves for the dashboard: a perturbation's slots, and videos before and after."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from msgspec.structs import replace

from lsap_cli.pictures.drawing import SMALL_WIDTH, draw_frame, save_picture, slot_picture, strip_picture
from lsap_cli.results.files import read_document, write_document
from lsap_cli.results.pictures import LOOK_FILE, FilmPictures, FramePictures, Look, SlotPictures

MOST_SLOTS = 32
FramePair = tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]
FILM_FRAMES = 16  # consecutive, so that each slot of a pattern is shown


def draw_slots(folder: Path, delta: npt.ArrayLike, binding: str, step: int | None = None) -> None:
    """Writes each slot of a perturbation as a small PNG, listed in look.json.

    Args:
        folder: the run folder.
        delta: (P, 3, h, w) float, on the CPU, in pixel units of [0, 1].
        binding: which frame gets which slot, in words.
        step: after which it looks like that; None: it is finished.
    """
    slots = np.asarray(delta, dtype=np.float32)
    scale = float(np.abs(slots).max())
    names = []
    for index, slot in enumerate(slots[:MOST_SLOTS]):
        name = f"pictures/slots/{index:02d}.png"
        save_picture(slot_picture(slot, scale), folder / name)
        names.append(name)
    drawn = SlotPictures(slots=tuple(names), of=len(slots), scale=scale * 255, binding=binding, step=step)
    _write(folder, replace(_read(folder), perturbation=drawn))


def draw_films(folder: Path, films: Sequence[FilmPictures]) -> None:
    """Lists in look.json the videos with pictures.

    Args:
        folder: the run folder.
        films: as `draw_film` makes them.
    """
    _write(folder, replace(_read(folder), videos=tuple(films)))


def draw_film(folder: Path, number: int, pairs: Iterable[FramePair], shown: FramePictures) -> FilmPictures:
    """Writes frames before, after, and their amplified difference, each as one tall PNG.

    Args:
        folder: the run folder.
        number: of the video among those that are drawn.
        pairs: frames before and after, (3, H, W) uint8 each; each is drawn small before the next one is asked for.
        shown: the frame of them that results.json shows.

    Returns:
        Where the pictures are.
    """
    drawn = [draw_frame(before, after, int(shown.factor), SMALL_WIDTH) for before, after in pairs]
    strips = {
        "before": strip_picture([one.before for one in drawn]),
        "after": strip_picture([one.after for one in drawn]),
        "difference": strip_picture([one.difference for one in drawn]),
    }
    names = {side: f"pictures/films/{number}-{side}.png" for side in strips}
    for side, picture in strips.items():
        save_picture(picture, folder / names[side])
    return FilmPictures(
        video=shown.video,
        frame=shown.frame,
        factor=shown.factor,
        frames=len(drawn),
        before=names["before"],
        after=names["after"],
        difference=names["difference"],
        clean_prediction=shown.clean_prediction,
        attacked_prediction=shown.attacked_prediction,
        clean_confidence=shown.clean_confidence,
        attacked_confidence=shown.attacked_confidence,
        appended=shown.appended,
    )


def _read(folder: Path) -> Look:
    return read_document(folder / LOOK_FILE, Look).value or Look()


def _write(folder: Path, look: Look) -> None:
    path = folder / LOOK_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    write_document(path, look)
