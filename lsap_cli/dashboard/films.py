"""Picture sequences of a run folder: a perturbation's slots; frames before, after and their difference."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from lsap_cli.dashboard.formatting import figure, one_line
from lsap_cli.results.base import UnsetType, or_none
from lsap_cli.results.documents import DefendResults
from lsap_cli.results.files import RESULTS_FILE, open_regular, read_document
from lsap_cli.results.pictures import (
    LOOK_FILE,
    FilmPictures,
    FramePictures,
    Look,
    Pictures,
    SlotPictures,
    appended_words,
)
from lsap_cli.results.results_file import read_results
from lsap_cli.results.text import printable

MORE_PICTURES = "defend --pictures N draws more"
SIDES = ("before", "after", "difference")
MOST_PIXELS = 2**22  # a run's pictures are small; anything larger is none of them
MOST_BYTES = 2**25
MOST_FRAMES = 240
UNREADABLE = (OSError, ValueError, SyntaxError, UnidentifiedImageError, Image.DecompressionBombError)


@dataclass(frozen=True)
class Film:
    """Pictures in turn: the slots of a perturbation, or the frames of a video.

    Attributes:
        title: what it shows.
        sides: pictures by name (`slot`, or before, after, difference), each list as long as `count`.
        notes: what stands below: the scale, the predictions.
        video: its name in the records; empty for slots.
    """

    title: str
    sides: Mapping[str, Sequence[Image.Image]]
    notes: str
    video: str = ""

    @property
    def count(self) -> int:
        return max(len(pictures) for pictures in self.sides.values())


def read_films(folder: Path) -> tuple[list[Film], list[str]]:
    """The films of a run folder, and what of them is damaged."""
    loaded = read_document(folder / LOOK_FILE, Look)
    problems = list(loaded.problems)
    films = _films(folder, loaded.value, problems) if loaded.value is not None else []
    if not films:
        results = read_results(folder / RESULTS_FILE).value
        if isinstance(results, DefendResults) and results.pictures is not None:
            films = _single_frames(folder, results.pictures, problems)
    return films, problems


def first_slot(folder: Path, problems: list[str]) -> Image.Image | None:
    """The first picture of a run's perturbation; None where it has none. The problems get what is damaged."""
    look = read_document(folder / LOOK_FILE, Look).value
    perturbation = or_none(look.perturbation) if look is not None else None
    if perturbation is None or not perturbation.slots:
        return None
    return _picture(folder, perturbation.slots[0], problems)


def drawn_videos(folder: Path) -> set[str]:
    """Names of the videos that a run has pictures of; the pictures are not read."""
    loaded = read_document(folder / LOOK_FILE, Look).value
    films = (or_none(loaded.videos) or ()) if loaded is not None else ()
    results = None if films else read_results(folder / RESULTS_FILE).value
    if isinstance(results, DefendResults) and results.pictures is not None:
        return {one.video for one in results.pictures.frames}
    return {one.video for one in films}


def _films(folder: Path, look: Look, problems: list[str]) -> list[Film]:
    films: list[Film] = []
    perturbation = or_none(look.perturbation)
    if perturbation is not None:
        read = [_picture(folder, name, problems) for name in perturbation.slots[:MOST_FRAMES]]
        slots = [picture for picture in read if picture is not None]
        if slots:
            films.append(Film("the perturbation", {"slot": slots}, _slot_notes(perturbation)))
    for one in or_none(look.videos) or ():
        films += _video(folder, one, one.frames if 1 <= one.frames <= MOST_FRAMES else 1, problems)
    return films


def _single_frames(folder: Path, pictures: Pictures, problems: list[str]) -> list[Film]:
    """From runs of version 0.1, which drew single frames only."""
    films: list[Film] = []
    perturbation = or_none(pictures.perturbation)
    whole = None if perturbation is None else _picture(folder, perturbation, problems)
    if whole is not None:
        notes = _scale_note(or_none(pictures.perturbation_scale))
        films.append(Film("the perturbation, all slots", {"slot": [whole]}, notes))
    for one in pictures.frames:
        films += _video(folder, one, 1, problems)
    return films


def _video(folder: Path, one: FilmPictures | FramePictures, count: int, problems: list[str]) -> list[Film]:
    """One film, or none where a side of it cannot be read."""
    names = {"before": one.before, "after": one.after, "difference": one.difference}
    sides = {side: _frames(_picture(folder, name, problems), count) for side, name in names.items()}
    if not all(sides.values()):
        return []
    clean, attacked = printable(one.clean_prediction), printable(one.attacked_prediction)
    sees = f"{clean}{_sure(one.clean_confidence)} before, {attacked}{_sure(one.attacked_confidence)} after"
    fooled = "fooled" if clean != attacked else "not fooled"
    predictions = f"{fooled}: the model sees {sees}" if clean and attacked else ""
    amplified = f"the difference is shown {one.factor:.0f} times as strong"
    return [Film(one_line(one.video, 50), sides, _joined(predictions, appended_words(one), amplified), one.video)]


def _sure(confidence: float | UnsetType) -> str:
    return "" if isinstance(confidence, UnsetType) else f" ({confidence:.2f})"


def _slot_notes(perturbation: SlotPictures) -> str:
    binding = f"binding {printable(perturbation.binding)}" if perturbation.binding else ""
    step = f"after step {perturbation.step}" if perturbation.step is not None else ""
    return _joined(binding, step, _scale_note(perturbation.scale))


def _scale_note(scale: float | None) -> str:
    return f"gray is no change, black and white are {figure(scale, 1)} of 255 levels" if scale is not None else ""


def _joined(*parts: str) -> str:
    return " · ".join(part for part in parts if part)


def _picture(folder: Path, name: str, problems: list[str]) -> Image.Image | None:
    """One picture file inside of the run folder; None where there is none, or it is damaged."""
    try:
        with open_regular(folder / name, within=folder) as file:
            if os.fstat(file.fileno()).st_size > MOST_BYTES:
                raise ValueError("the file is too large")
            with Image.open(file) as picture:
                if picture.width * picture.height > MOST_PIXELS:
                    raise ValueError(f"it has {picture.width} x {picture.height} pixels")
                return picture.convert("RGBA")
    except UNREADABLE as error:
        why = " ".join(str(getattr(error, "strerror", None) or error).split())[:80]
        problems.append(printable(f"{name} cannot be shown ({why})"))
        return None


def _frames(strip: Image.Image | None, count: int) -> list[Image.Image]:
    """The frames that stand below each other in one picture."""
    if strip is None:
        return []
    height = strip.height // count
    return [strip.crop((0, place * height, strip.width, (place + 1) * height)) for place in range(count) if height]
