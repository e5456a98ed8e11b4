"""Colors of a video: matrix and range of its bytes, which a copy keeps and declares."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, VideoReformatter
from numpy.typing import NDArray

from defenses.encoding import UNBIASED_CONVERSION

RGB, UNSPECIFIED = 0, 2  # AVColorSpace
IN_RGB = ("rgb24", "bgr0", "gbrp")
TO_SWSCALE = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9}  # AVColorSpace to swscale's own numbers; all others are BT.601 to it
BT601 = 5
CALIBRATION_NOISE = 32  # levels
CALIBRATION_ENDS = 16  # levels from black and white within which shifted values may be cut
CALIBRATION_SHARE = 0.4  # of a picture's values that must lie between them
CALIBRATIONS = 3  # rounds after which a frame's mean color is met to a twentieth of a level


@dataclass(frozen=True)
class Colors:
    """FFmpeg's numbers for matrix, range, primaries and transfer, as ITU-T H.273 has them.

    Attributes:
        pixel_format: of the frames that are stored.
    """

    matrix: int = UNSPECIFIED
    range: int = int(ColorRange.UNSPECIFIED)
    primaries: int = UNSPECIFIED
    transfer: int = UNSPECIFIED
    pixel_format: str = "rgb24"

    @classmethod
    def of(cls, frame: VideoFrame) -> Colors:
        """Those of a decoded frame."""
        return cls(int(frame.colorspace), int(frame.color_range), int(frame.color_primaries), int(frame.color_trc))

    @property
    def in_rgb(self) -> bool:
        """Whether frames are stored in RGB, every byte as it is."""
        return self.pixel_format in IN_RGB

    def stored_as(self, pixel_format: str) -> Colors:
        """The same colors in another pixel format: RGB has no matrix and the full range."""
        if pixel_format in IN_RGB:
            return replace(self, matrix=RGB, range=int(ColorRange.JPEG), pixel_format=pixel_format)
        if self.matrix == RGB:  # a source in RGB, such as a GIF: written as most videos are
            return replace(self, matrix=UNSPECIFIED, range=int(ColorRange.MPEG), pixel_format=pixel_format)
        return replace(self, pixel_format=pixel_format)

    def tag_context(self, context: VideoCodecContext) -> None:
        """Lets an encoder say so in its file."""
        context.colorspace, context.color_range = self.matrix, self.range
        context.color_primaries, context.color_trc = self.primaries, self.transfer

    def tag_frame(self, frame: VideoFrame) -> None:
        """Says so of a frame."""
        frame.colorspace, frame.color_range = self.matrix, self.range
        frame.color_primaries, frame.color_trc = self.primaries, self.transfer


class ColorConverter:
    """Turns RGB pictures into frames of one video's colors.

    The usual conversion from YUV to RGB, which readers of 8-bit videos take, does not round to the nearest: in 4:2:0,
    what is read is about one level darker than what was written. Pictures are converted so that the mean color that is
    read is the one that was meant: the first picture says how much is missing in each channel.

    Args:
        colors: of the frames that are made.
    """

    def __init__(self, colors: Colors) -> None:
        self._colors = colors
        self._to_frame, self._to_rgb = VideoReformatter(), VideoReformatter()
        self._levels: NDArray[np.uint16] | None = None  # (3, 256): what is converted in the place of each level

    def frame(self, picture: NDArray[np.uint8]) -> VideoFrame:
        """An (H, W, 3) picture as a frame, tagged with its colors."""
        if self._colors.in_rgb:
            frame = VideoFrame.from_ndarray(picture, format="rgb24")
            converted = self._to_frame.reformat(frame, format=self._colors.pixel_format)
            self._colors.tag_frame(converted)
            return converted
        if self._levels is None:
            self._levels = self._calibrated(picture)
        return self._converted(picture, self._levels)

    def _calibrated(self, picture: NDArray[np.uint8]) -> NDArray[np.uint16]:
        """The levels with which a picture like this one is read with the mean color that it has.

        What is missing depends on the picture's own colors, so it is measured on the picture itself; on noise in its
        place where nearly all of it is black or white, and says nothing about other colors (a video that begins in
        black).
        """
        between = (picture >= CALIBRATION_ENDS) & (picture <= 255 - CALIBRATION_ENDS)
        if between.mean() < CALIBRATION_SHARE:
            noise = np.random.default_rng(0).integers(0, CALIBRATION_NOISE, picture.shape, dtype=np.uint8)
            picture = picture // 2 + (255 - 127 - CALIBRATION_NOISE) // 2 + noise  # with all shades
        missing = np.zeros(3)
        for _ in range(CALIBRATIONS):
            read = self._to_rgb.reformat(self._converted(picture, _shifted_levels(missing)), format="rgb24")
            missing += picture.mean((0, 1)) - read.to_ndarray().mean((0, 1))
        return _shifted_levels(missing)

    def _converted(self, picture: NDArray[np.uint8], levels: NDArray[np.uint16]) -> VideoFrame:
        deep = np.empty(picture.shape, dtype=np.uint16)
        for channel in range(3):
            np.take(levels[channel], picture[..., channel], out=deep[..., channel])
        converted = self._to_frame.reformat(
            VideoFrame.from_ndarray(deep, format="rgb48le"),
            format=self._colors.pixel_format,
            dst_colorspace=TO_SWSCALE.get(self._colors.matrix, BT601),
            dst_color_range=ColorRange.JPEG if self._colors.range == ColorRange.JPEG else ColorRange.MPEG,
            interpolation=UNBIASED_CONVERSION,
        )
        self._colors.tag_frame(converted)
        return converted


def _shifted_levels(missing: NDArray[np.float64]) -> NDArray[np.uint16]:
    """(3, 256) 16-bit levels: each 8-bit level plus what is missing in its channel."""
    levels = (np.arange(256)[None] + missing[:, None]) * 257
    return np.rint(np.clip(levels, 0, 65535)).astype(np.uint16)
