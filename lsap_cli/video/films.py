"""Short films for people: H.264 in mp4 as every browser plays it."""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path

import numpy as np
from av.video.reformatter import ColorRange
from numpy.typing import NDArray

from lsap_cli.video.codecs import H264Codec
from lsap_cli.video.colors import Colors
from lsap_cli.video.encoding import StreamFormat, VideoEncoder
from lsap_cli.video.output_files import appearing, output_container

TICK = Fraction(1, 1000)  # seconds
BT709 = 1  # ITU-T H.273, of matrix, primaries and transfer
FORM = StreamFormat(
    codec=H264Codec(crf=23, preset="veryfast", pixel_format="yuv420p"),
    rate=Fraction(25),  # of the header; each picture has a time of its own
    tick=TICK,
    colors=Colors(BT709, int(ColorRange.MPEG), BT709, BT709),
)
Timed = tuple[NDArray[np.uint8], int]


def write_film(target: Path, pictures: Iterable[Timed], last_for: int = 40) -> None:
    """Writes a film, whole or not at all.

    Args:
        target: an .mp4 file.
        pictures: (H, W, 3) uint8 of one size with even sides, and the millisecond at which each appears, rising.
        last_for: milliseconds that the last picture is shown.

    Raises:
        ValueError: if there is no picture.
        OSError: if the file cannot be written.
    """
    timed = _with_durations(pictures, last_for)
    first = next(timed, None)
    if first is None:
        raise ValueError("a film needs a picture")
    with appearing(target) as partial, output_container(partial, target, {"movflags": "+faststart"}) as out:
        encoder = VideoEncoder(out, FORM, first[0])
        for picture, stamp, duration in chain([first], timed):
            encoder.write(picture, stamp, duration)
        encoder.finish()


def _with_durations(pictures: Iterable[Timed], last_for: int) -> Iterator[tuple[NDArray[np.uint8], int, int]]:
    held: Timed | None = None
    for picture, stamp in pictures:
        if held is not None:
            yield (*held, stamp - held[1])
        held = picture, stamp
    if held is not None:
        yield (*held, last_for)
