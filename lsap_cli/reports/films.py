"""Short animations of a report: the small strips of frames that a run keeps for its screens, moved by CSS alone."""

from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from lsap_cli.reports.run_pictures import RunPictures, open_picture
from lsap_cli.results.base import or_none
from lsap_cli.results.files import read_document
from lsap_cli.results.pictures import LOOK_FILE, FilmPictures, Look

FRAME_SECONDS = 0.12
MOST_FILMS = 8


@dataclass(frozen=True)
class ReportFilm:
    """A video before, after and their difference, as strips of frames below each other.

    Attributes:
        video: its name.
        before: a data: URI.
        after: likewise.
        difference: likewise.
        frames: of each strip.
        ratio: width by height of one frame.
        clean: the label before.
        attacked: the label after.
        factor: by which the difference is amplified.
    """

    video: str
    before: str
    after: str
    difference: str
    frames: int
    ratio: float
    clean: str
    attacked: str
    factor: float

    @property
    def seconds(self) -> float:
        """How long it takes once."""
        return round(FRAME_SECONDS * self.frames, 2)

    @property
    def sides(self) -> tuple[tuple[str, str, str], ...]:
        """Strip, label and what it is, of each side."""
        return (
            (self.before, self.clean, "before"),
            (self.after, self.attacked, "after"),
            (self.difference, "", f"difference × {self.factor:g}"),
        )


def report_films(run: Path, pictures: RunPictures) -> list[ReportFilm]:
    """The films of a run, in its order: fooled ones first, of several labels; none where the run keeps none.

    Args:
        run: its folder.
        pictures: that embed; they name what cannot be shown.
    """
    look = read_document(run / LOOK_FILE, Look).value
    found = (or_none(look.videos) if look is not None else None) or ()
    return [film for one in found[:MOST_FILMS] if (film := _film(run, one, pictures)) is not None]


def _film(run: Path, film: FilmPictures, pictures: RunPictures) -> ReportFilm | None:
    if film.frames < 2:
        return None
    ratio = _ratio(run, film)
    before, after, difference = (pictures.uri(name) for name in (film.before, film.after, film.difference))
    if ratio is None or before is None or after is None or difference is None:
        return None
    return ReportFilm(
        film.video,
        before,
        after,
        difference,
        film.frames,
        ratio,
        film.clean_prediction,
        film.attacked_prediction,
        film.factor,
    )


def _ratio(run: Path, film: FilmPictures) -> float | None:
    """Width by height of one frame; None where the strip is no picture, or is not made of so many frames."""
    try:
        with open_picture(run, film.before) as (file, _), Image.open(file) as picture:
            width, height = picture.size
    except OSError:
        return None
    return None if height % film.frames else round(width * film.frames / height, 4)
