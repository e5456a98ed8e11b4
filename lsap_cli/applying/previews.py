"""Pictures and films of a written file, for people: before, after and the amplified difference."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from lsap_cli.applying.proving import ANY_COUNT, frame_pairs
from lsap_cli.cluster.work import Report
from lsap_cli.pictures.drawing import FrameDrawing, draw_frame, save_picture
from lsap_cli.video.films import Timed, write_film
from lsap_cli.video.media import Media, read_alike

ANIMATED = 24  # frames of the animation
ANIMATION_WIDTH = 960  # pixels, of three pictures side by side
FILM_MILLISECONDS = 20_000  # of a film; of a longer video, those around the frame that was changed most
FILM_PACE = 16  # least milliseconds from picture to picture
FILM_CELL = (426, 480)  # most pixels of each of the three pictures: width, height
CAPTION = 22  # pixels above them
FILM, ANIMATION = "comparison.mp4", "animation.gif"


@dataclass(frozen=True)
class DrawPreview:
    """Draws one written file: a frame before, after and their difference, a short animation, and a film."""

    source: Media
    output: Path
    folder: Path

    def run(self, report: Report) -> None:
        """Raises `UnreadableVideo` or `OSError`."""
        output = read_alike(self.output, self.source)
        changes = _look(self.source, output, report)
        self._draw_pictures(output, changes, report)
        write_film(self.folder / FILM, _film(self.source, output, changes, report))

    def _draw_pictures(self, output: Media, changes: "_Changes", report: Report) -> None:
        first = max(0, min(changes.most - ANIMATED // 2, len(changes.times) - ANIMATED))
        strips: list[Image.Image] = []
        for index, (before, after) in enumerate(_changed_pairs(self.source, output)):
            report(index)
            if index < first:
                continue
            if index >= first + ANIMATED:
                break
            drawn = draw_frame(before.numpy(), after.numpy())
            strips.append(_side_by_side(drawn, ANIMATION_WIDTH))
            if index == changes.most:
                for name, picture in (("before", before), ("after", after)):
                    save_picture(Image.fromarray(_hwc(picture)), self.folder / f"{name}.png")
                save_picture(drawn.difference, self.folder / f"difference-x{drawn.factor}.png")
        strips[0].save(
            self.folder / ANIMATION, save_all=True, append_images=strips[1:], duration=80, loop=0, optimize=False
        )


@dataclass(frozen=True)
class _Changes:
    """What one look at all frames tells.

    Attributes:
        most: index of the frame that was changed most: with a segment, one inside of it.
        factor: that its difference is amplified by.
        times: of all frames, milliseconds from the first.
    """

    most: int
    factor: int
    times: list[int]


def _look(source: Media, output: Media, report: Report) -> _Changes:
    best, most, factor = 0, -1.0, 1
    times: list[int] = []
    for before, after in frame_pairs(source, output, appended=ANY_COUNT):
        if before is None:
            continue
        report(len(times))
        change = float((after.pixels.float() - before.pixels.float()).abs().mean())
        if change > most + 0.05:  # a little more does not make another picture
            best, most = len(times), change
            factor = draw_frame(before.pixels.numpy(), after.pixels.numpy()).factor
        times.append(before.milliseconds)
    return _Changes(best, factor, times)


def _changed_pairs(source: Media, output: Media) -> Iterator[tuple[Tensor, Tensor]]:
    """The pixels of each of the source's own frames, before and after."""
    for before, after in frame_pairs(source, output, appended=ANY_COUNT):
        if before is not None:
            yield before.pixels, after.pixels


def _film(source: Media, output: Media, changes: _Changes, report: Report) -> Iterator[Timed]:
    """The pictures of the film, the difference amplified alike in all of them."""
    begin = max(0, min(changes.times[changes.most] - FILM_MILLISECONDS // 2, changes.times[-1] - FILM_MILLISECONDS))
    shown: int | None = None  # when the last picture appeared
    for index, (before, after) in enumerate(_changed_pairs(source, output)):
        report(index)
        time = changes.times[index]
        if time < begin or (shown is not None and time - shown < FILM_PACE):
            continue
        if time > begin + FILM_MILLISECONDS:
            break
        yield _captioned(draw_frame(before.numpy(), after.numpy(), changes.factor)), time - begin
        shown = time


def _captioned(drawn: FrameDrawing) -> NDArray[np.uint8]:
    """Three pictures side by side with their names above; both sides even."""
    width, height = drawn.before.size
    scale = min(1.0, FILM_CELL[0] / width, FILM_CELL[1] / height)
    strip = _side_by_side(drawn, 3 * max(2, round(width * scale)))
    size = (strip.width + strip.width % 2, CAPTION + strip.height + strip.height % 2)
    page = Image.new("RGB", size)
    page.paste(strip, (0, CAPTION))
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(CAPTION * 0.6)
    for column, name in enumerate(("before", "after", f"difference x {drawn.factor}")):
        pen.text((column * strip.width // 3 + 6, 3), name, fill="white", font=font)
    return np.asarray(page)


def _side_by_side(drawn: FrameDrawing, most_width: int) -> Image.Image:
    pictures = (drawn.before, drawn.after, drawn.difference)
    width, height = drawn.before.size
    scale = min(1.0, most_width / (3 * width))
    cell = (max(1, round(width * scale)), max(1, round(height * scale)))
    strip = Image.new("RGB", (cell[0] * len(pictures), cell[1]))
    for column, picture in enumerate(pictures):
        strip.paste(picture.resize(cell, Image.Resampling.BOX), (column * cell[0], 0))
    return strip


def _hwc(pixels: Tensor) -> NDArray[np.uint8]:
    return np.ascontiguousarray(pixels.permute(1, 2, 0).numpy())
