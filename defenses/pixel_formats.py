"""Conversion between RGB and the YUV formats of codecs.

swscale's default conversion rounds down: each trip from RGB to 4:2:0 and back makes a frame about one level darker.
"""

from typing import Any

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

UNBIASED = Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT


def from_rgb(
    picture: NDArray[np.uint8],
    pixel_format: str,
    reformatter: VideoReformatter,
    **colors: Any,  # as PyAV's reformat takes them
) -> VideoFrame:
    """An (H, W, 3) picture as a frame in another pixel format, rounded to the nearest."""
    return reformatter.reformat(
        VideoFrame.from_ndarray(picture, format="rgb24"), format=pixel_format, interpolation=UNBIASED, **colors
    )


def to_rgb(frame: VideoFrame, reformatter: VideoReformatter) -> NDArray[np.uint8]:
    """A frame as an (H, W, 3) picture, rounded to the nearest.

    This is the way back of `from_rgb`. Files are read as other readers read them, see `lsap_cli/video/frames.py`.
    """
    return np.asarray(reformatter.reformat(frame, format="rgb24", interpolation=UNBIASED).to_ndarray(), dtype=np.uint8)
