"""Codecs as defenses: what an encoder discards is lost to the attack. PyAV is used here and in lsap_cli/video."""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from typing import Any, ClassVar, final

import av
import numpy as np
import torch
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from torch import Tensor

from defenses.base import Defense, FrameDependence, GradientKind, PictureDefense
from defenses.clip import Clip, check_indices, unique_indices
from defenses.encoding import UNBIASED_CONVERSION, opening_encoder
from defenses.gradients import wants_gradient, with_gradient_of
from defenses.pixels import Pixels, frames_of, opencv, pixels_of
from defenses.quantizing import flat_steps, frame_stand_in, jpeg_steps, stretch_stand_in
from defenses.settings import bad_setting

FRAMES_PER_SECOND = 25  # for the encoder; it changes nothing at constant quality


@dataclass(frozen=True)
class Jpeg(PictureDefense):
    """Every frame to JPEG and back: y = decode(encode(round(255 x), quality)) / 255, with 4:2:0 chroma.

    Proposed for images by Dziugaite et al. 2016 and Das et al. 2017; qualities of 75, 50 and 30 are usual.
    Rounding has no useful gradient; that of a stand-in is used, see `defenses.quantizing`.

    Attributes:
        quality: 1 (smallest file) to 100, on libjpeg's scale.
    """

    quality: int = 75

    deterministic: ClassVar[bool] = True
    gradient: ClassVar[GradientKind] = "surrogate"
    passes_constant_in_time: ClassVar[bool] = False
    passes_low_frequencies: ClassVar[bool] = True
    passes_stripes: ClassVar[bool] = True
    whole_levels: ClassVar[bool] = True
    null_space: ClassVar[str] = (
        "A pattern whose cosines in blocks of 8 x 8 are larger than half a quantizer step: a smooth one, and one of "
        "few frequencies, such as stripes or a checkerboard of single pixels."
    )

    def __post_init__(self) -> None:
        if not 1 <= self.quality <= 100:
            raise bad_setting("quality", self.quality, "a whole number from 1 to 100")

    def defend_frames(self, frames: Tensor) -> Tensor:
        values = to_frames(self._round_trips(to_pixels(frames)), frames)
        if not wants_gradient(frames):
            return values
        return with_gradient_of(frame_stand_in(frames, jpeg_steps(self.quality)), values)

    def defend_picture(self, picture: Pixels, out: Pixels) -> None:
        jpeg_round_trip(picture, self.quality, out)

    def _round_trips(self, pixels: Tensor) -> Tensor:
        """Each picture through its own file: (S, H, W, 3) uint8 -> the same shape."""
        decoded = torch.empty_like(pixels)
        for picture, result in zip(pixels.numpy(), decoded.numpy(), strict=True):
            jpeg_round_trip(picture, self.quality, result)
        return decoded


def jpeg_round_trip(picture: Pixels, quality: int, out: Pixels) -> None:
    """Encode and decode one RGB picture with libjpeg's defaults and 4:2:0 chroma: (H, W, 3) -> the same shape."""
    cv2 = opencv()
    written, file = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = cv2.imdecode(file, cv2.IMREAD_COLOR_RGB) if written else None
    if decoded is None:
        height, width, _ = picture.shape
        raise RuntimeError(f"OpenCV makes no JPEG of a picture of {width} x {height} pixels")
    out[:] = decoded


@dataclass(frozen=True)
class VideoCodec(Defense):
    """Recompression in memory with 4:2:0 chroma at constant quality, one stretch of the video at a time.

    Each stretch of `stretch` frames is coded by itself, as a stream with a key frame every so often is, so a frame
    depends on the frames of its own stretch only. Encoders run in one thread: the same frames give the same bytes.
    Rounding has no useful gradient; that of a stand-in without motion is used, see `defenses.quantizing`.
    """

    deterministic: ClassVar[bool] = True
    depends_on: ClassVar[FrameDependence] = "stretch"
    gradient: ClassVar[GradientKind] = "surrogate"
    passes_constant_in_time: ClassVar[bool] = False
    passes_low_frequencies: ClassVar[bool] = True
    passes_stripes: ClassVar[bool] = True
    whole_levels: ClassVar[bool] = True
    flat_error: ClassVar[float | None] = 8 / 255
    null_space: ClassVar[str] = (
        "A pattern whose cosines in a block are larger than half a quantizer step, once the block is predicted: a "
        "smooth one, and one of few frequencies, such as stripes or a checkerboard of single pixels, best if it "
        "moves with the scene."
    )

    encoder: ClassVar[str]
    decoder: ClassVar[str]
    worst: ClassVar[int]
    smallest_side: ClassVar[int] = 16

    crf: int
    stretch: int

    @abstractmethod
    def options(self) -> dict[str, str]:
        """The encoder's options."""

    @abstractmethod
    def step(self) -> float:
        """The quantizer's step that this quality stands for, in levels of 0-255: for the stand-in's gradient."""

    def __post_init__(self) -> None:
        if not 0 <= self.crf <= self.worst:
            raise bad_setting("crf", self.crf, f"a whole number from 0 (best) to {self.worst}")
        if not 1 <= self.stretch <= 300:
            raise bad_setting("stretch", self.stretch, "from 1 to 300 frames")

    @final
    def needs(self, indices: Tensor, video_length: int) -> Tensor:
        check_indices(indices, video_length)
        whole = [self._stretch_indices(number, video_length) for number in self._stretch_numbers(indices)]
        return torch.cat([indices.new_empty(0), *whole])

    @final
    def defend(self, clip: Clip, indices: Tensor) -> Tensor:
        return self._stretches(clip, indices, self._round_trip)

    @final
    def defend_levels(self, clip: Clip, indices: Tensor) -> Tensor | None:
        return self._stretches(clip, indices, self._round_trip_of_levels)

    def _stretches(self, clip: Clip, indices: Tensor, round_trip: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        """Frames of the stretches that they are in, each of which is coded once."""
        check_indices(indices, clip.video_length)
        wanted, coded = unique_indices(indices), []
        for number in self._stretch_numbers(indices):
            stretch = self._stretch_indices(number, clip.video_length)
            rows = clip.rows_of(stretch)  # side by side, so that no frame is copied
            frames = clip.frames[rows[0] : rows[-1] + 1]
            coded.append(round_trip(frames, wanted[wanted // self.stretch == number] - stretch[0]))
        if not coded:
            return clip.frames[:0].clone()
        made = coded[0] if len(coded) == 1 else torch.cat(coded)
        same_order = len(wanted) == len(indices) and bool((wanted == indices).all())
        return made if same_order else Clip(made, wanted, clip.video_length).frames_at(indices)

    def _stretch_numbers(self, indices: Tensor) -> list[int]:
        numbers: list[int] = unique_indices(indices // self.stretch).tolist()
        return numbers

    def _stretch_indices(self, number: int, video_length: int) -> Tensor:
        return torch.arange(number * self.stretch, min((number + 1) * self.stretch, video_length))

    def _round_trip_of_levels(self, frames: Tensor, kept: Tensor) -> Tensor:
        return frames_of(codec_round_trip(pixels_of(frames), self, kept.tolist()))

    def _round_trip(self, frames: Tensor, kept: Tensor) -> Tensor:
        coded = codec_round_trip(to_pixels(frames).numpy(), self, kept.tolist())
        values = to_frames(torch.from_numpy(coded), frames)
        if not wants_gradient(frames):
            return values
        return with_gradient_of(stretch_stand_in(frames, flat_steps(self.step()))[kept.to(frames.device)], values)


@dataclass(frozen=True)
class H264(VideoCodec):
    """H.264 by x264 at a constant rate factor; VideoCompression of ART uses 28.

    Attributes:
        crf: 0 (best) to 51.
        stretch: frames from one key frame to the next.
    """

    crf: int = 28
    stretch: int = 32

    encoder: ClassVar[str] = "libx264"
    decoder: ClassVar[str] = "h264"
    worst: ClassVar[int] = 51

    def options(self) -> dict[str, str]:
        # Its macroblock tree reads past its memory at widths such as 130: the same frames gave other bytes.
        return {"crf": str(self.crf), "preset": "fast", "x264-params": "mbtree=0"}

    def step(self) -> float:
        return h26x_step(self.crf)


@dataclass(frozen=True)
class H265(VideoCodec):
    """H.265 by x265 at a constant rate factor.

    Attributes:
        crf: 0 (best) to 51.
        stretch: frames from one key frame to the next.
    """

    crf: int = 28
    stretch: int = 32

    encoder: ClassVar[str] = "libx265"
    decoder: ClassVar[str] = "hevc"
    worst: ClassVar[int] = 51
    smallest_side: ClassVar[int] = 128  # x265 uses memory that it did not set when a frame is as small as its units

    def options(self) -> dict[str, str]:
        return {"preset": "veryfast", "x265-params": f"crf={self.crf}:pools=none:frame-threads=1:log-level=none"}

    def step(self) -> float:
        return h26x_step(self.crf)


@dataclass(frozen=True)
class Vp9(VideoCodec):
    """VP9 by libvpx at constant quality.

    Attributes:
        crf: 0 (best) to 63; 31 to 37 are usual.
        stretch: frames from one key frame to the next.
    """

    crf: int = 37
    stretch: int = 32

    encoder: ClassVar[str] = "libvpx-vp9"
    decoder: ClassVar[str] = "vp9"
    worst: ClassVar[int] = 63

    def options(self) -> dict[str, str]:
        return {"crf": str(self.crf), "b": "0", "deadline": "realtime", "cpu-used": "5", "row-mt": "0"}

    def step(self) -> float:
        return h26x_step(self.crf * 51 / 63)


@dataclass(frozen=True)
class Av1(VideoCodec):
    """AV1 by SVT-AV1 at a constant rate factor.

    Attributes:
        crf: 1 (best) to 63; 30 to 40 are usual.
        stretch: frames from one key frame to the next.
    """

    crf: int = 40
    stretch: int = 32

    encoder: ClassVar[str] = "libsvtav1"
    decoder: ClassVar[str] = "libdav1d"
    worst: ClassVar[int] = 63
    smallest_side: ClassVar[int] = 64

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.crf < 1:
            raise bad_setting("crf", self.crf, "a whole number from 1 (best) to 63")

    def options(self) -> dict[str, str]:
        return {"crf": str(self.crf), "preset": "9", "svtav1-params": "lp=1"}

    def step(self) -> float:
        return h26x_step(self.crf * 51 / 63)


def h26x_step(quantizer: float) -> float:
    """The quantizer step of H.264 and H.265: it doubles every six, and is 1 at 4."""
    return float(2 ** ((quantizer - 4) / 6))


def codec_round_trip(pictures: Pixels, codec: VideoCodec, kept: Sequence[int] | None = None) -> Pixels:
    """Encode and decode (N, H, W, 3) uint8 RGB pictures as one stream.

    Pictures go in, and packets to the decoder, one by one: beside the pictures and the result, only what encoder and
    decoder hold back is in memory.

    Args:
        pictures: (N, H, W, 3) uint8.
        codec: which.
        kept: the rows of those that are given back, rising; None: all.

    Returns:
        (K, H, W, 3) uint8.
    """
    count, height, width, _ = pictures.shape
    places = {row: place for place, row in enumerate(range(count) if kept is None else kept)}
    results = np.empty((len(places), height, width, 3), np.uint8)
    to_rgb, decoded = VideoReformatter(), 0
    decoder = av.CodecContext.create(codec.decoder, "r")
    assert isinstance(decoder, VideoCodecContext)
    decoder.thread_count = 1
    for packet in chain(_coded(pictures, codec), [None]):
        for frame in decoder.decode(packet):
            if decoded in places:
                made = to_rgb.reformat(frame, format="rgb24", interpolation=UNBIASED_CONVERSION)
                results[places[decoded]] = made.to_ndarray()[:height, :width]
            decoded += 1
    if decoded != count:
        raise RuntimeError(f"{codec.encoder} took {count} frames and {codec.decoder} gave {decoded} back")
    return results


def _coded(pictures: Pixels, codec: VideoCodec) -> "Iterator[Packet[Any]]":
    """The packets of (N, H, W, 3) pictures, as they come; 4:2:0 has even sides, so edges are repeated."""
    count, height, width, _ = pictures.shape
    sides = [max(side + side % 2, codec.smallest_side) for side in (height, width)]
    missing = ((0, sides[0] - height), (0, sides[1] - width), (0, 0))
    is_padded = sides != [height, width]
    encoder = av.CodecContext.create(codec.encoder, "w")
    assert isinstance(encoder, VideoCodecContext)
    encoder.height, encoder.width = sides
    encoder.pix_fmt = "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, FRAMES_PER_SECOND), Fraction(FRAMES_PER_SECOND)
    encoder.gop_size = count
    encoder.thread_count = 1
    encoder.options = codec.options()
    with opening_encoder():
        encoder.open()
    to_yuv = VideoReformatter()
    for number, picture in enumerate(pictures):
        filled = np.pad(picture, missing, mode="edge") if is_padded else picture
        in_rgb = VideoFrame.from_ndarray(filled, format="rgb24")
        frame = to_yuv.reformat(in_rgb, format="yuv420p", interpolation=UNBIASED_CONVERSION)
        frame.pts, frame.time_base = number, Fraction(1, FRAMES_PER_SECOND)
        yield from encoder.encode(frame)
    yield from encoder.encode(None)


def to_pixels(frames: Tensor) -> Tensor:
    """Round (S, 3, H, W) in [0, 1] to (S, H, W, 3) uint8 on the CPU."""
    levels = frames.detach().mul(255).round_().clamp_(0, 255)  # 255.6 would become 0 in 8 bits
    return levels.to(torch.uint8).permute(0, 2, 3, 1).contiguous().cpu()


def to_frames(pixels: Tensor, like: Tensor) -> Tensor:
    """Turn (S, H, W, 3) uint8 into (S, 3, H, W) in [0, 1] with the type and device of `like`."""
    channels_first = pixels.to(like.device).permute(0, 3, 1, 2).contiguous()
    return channels_first.to(like.dtype).div_(255)
