"""Colors of a video: which matrix and range its bytes are in, so that a copy means the same and says the same."""

from __future__ import annotations

from dataclasses import dataclass, replace

from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, VideoReformatter

RGB, UNSPECIFIED = 0, 2  # AVColorSpace
IN_RGB = ("rgb24", "bgr0", "gbrp")
TO_SWSCALE = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9}  # AVColorSpace to swscale's own numbers; all others are BT.601 to it
BT601 = 5


@dataclass(frozen=True)
class Colors:
    """FFmpeg's numbers for matrix, range, primaries and transfer, as ITU-T H.273 has them.

    Attributes:
        pixel_format: of the frames that `convert` makes.
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

    def convert(self, frame: VideoFrame, reformatter: VideoReformatter) -> VideoFrame:
        """A frame in rgb24 as these colors say, tagged like them."""
        if self.pixel_format in IN_RGB:
            converted = reformatter.reformat(frame, format=self.pixel_format)
        else:
            full = self.range == ColorRange.JPEG
            converted = reformatter.reformat(
                frame,
                format=self.pixel_format,
                dst_colorspace=TO_SWSCALE.get(self.matrix, BT601),
                dst_color_range=ColorRange.JPEG if full else ColorRange.MPEG,
            )
        converted.colorspace, converted.color_range = self.matrix, self.range
        converted.color_primaries, converted.color_trc = self.primaries, self.transfer
        return converted
