"""How perturbed videos are encoded: one frozen dataclass a codec, one table of names."""

from dataclasses import dataclass
from typing import ClassVar, Protocol

from lsap_cli.video.threads import ENCODER_THREADS

AUTO = "auto"
ANY_RATE = 10**9


class Codec(Protocol):
    """A video encoder with its settings."""

    name: ClassVar[str]
    encoder: ClassVar[str]  # FFmpeg's name
    lossless: ClassVar[bool]  # RGB bytes come back exactly
    suffixes: ClassVar[tuple[str, ...]]  # of the files it can be in, the best first
    highest_rate: ClassVar[int]  # frames a second that the encoder takes
    may_repeat_stamps: ClassVar[bool]  # whether it takes two frames with one timestamp

    @property
    def bytes_a_pixel(self) -> float:
        """About how large a file with a perturbation in it becomes: what was measured for 8/255 on real clips."""
        ...

    def stored_as(self, height: int, width: int) -> str:
        """FFmpeg's name of the pixel format for frames of this size.

        Raises:
            ValueError: if frames of this size cannot be stored without losing pixels.
        """
        ...

    def options(self, height: int, width: int) -> dict[str, str]:
        """The encoder's options for frames of this size."""
        ...


@dataclass(frozen=True)
class Ffv1Codec:
    """FFV1 (RFC 9043) in RGB: lossless, made for archives, Matroska."""

    name: ClassVar[str] = "ffv1"
    encoder: ClassVar[str] = "ffv1"
    lossless: ClassVar[bool] = True
    suffixes: ClassVar[tuple[str, ...]] = (".mkv",)
    highest_rate: ClassVar[int] = ANY_RATE
    may_repeat_stamps: ClassVar[bool] = True

    @property
    def bytes_a_pixel(self) -> float:
        return 1.5

    def stored_as(self, height: int, width: int) -> str:
        return "bgr0"

    def options(self, height: int, width: int) -> dict[str, str]:
        slices = "4" if min(height, width) > 1 else "1"  # 2 x 2 of them need two rows and two columns
        return {"level": "3", "slices": slices, "slicecrc": "1"}


@dataclass(frozen=True)
class H264RgbCodec:
    """H.264 in RGB with quantizer 0: lossless, faster and larger than FFV1; few players show it."""

    name: ClassVar[str] = "x264rgb"
    encoder: ClassVar[str] = "libx264rgb"
    lossless: ClassVar[bool] = True
    suffixes: ClassVar[tuple[str, ...]] = (".mp4", ".mkv")
    highest_rate: ClassVar[int] = ANY_RATE
    may_repeat_stamps: ClassVar[bool] = False

    @property
    def bytes_a_pixel(self) -> float:
        return 1.8

    def stored_as(self, height: int, width: int) -> str:
        return "rgb24"

    def options(self, height: int, width: int) -> dict[str, str]:
        return {"qp": "0", "preset": "ultrafast"}


@dataclass(frozen=True)
class PngCodec:
    """A folder of PNG pictures, one a frame; what else was in the file lies beside them."""

    name: ClassVar[str] = "png"
    encoder: ClassVar[str] = "png"
    lossless: ClassVar[bool] = True
    suffixes: ClassVar[tuple[str, ...]] = (".frames",)
    highest_rate: ClassVar[int] = ANY_RATE
    may_repeat_stamps: ClassVar[bool] = True

    @property
    def bytes_a_pixel(self) -> float:
        return 1.9

    def stored_as(self, height: int, width: int) -> str:
        return "rgb24"

    def options(self, height: int, width: int) -> dict[str, str]:
        return {}


@dataclass(frozen=True)
class H264Codec:
    """H.264 in 4:2:0, as most videos are; 4:4:4 where a side is odd, so that no pixel is dropped.

    Args:
        crf: quality, 0 (best) to 51.
        preset: x264's speed.
        pixel_format: yuv420p, yuv422p, yuv444p, or auto.
    """

    name: ClassVar[str] = "h264"
    encoder: ClassVar[str] = "libx264"
    lossless: ClassVar[bool] = False
    suffixes: ClassVar[tuple[str, ...]] = (".mp4", ".mkv")
    highest_rate: ClassVar[int] = ANY_RATE
    may_repeat_stamps: ClassVar[bool] = False
    crf: int = 18
    preset: str = "medium"
    pixel_format: str = AUTO

    PRESETS: ClassVar[tuple[str, ...]] = (
        "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow",
    )  # fmt: skip
    FORMATS: ClassVar[tuple[str, ...]] = (AUTO, "yuv420p", "yuv422p", "yuv444p")

    def __post_init__(self) -> None:
        _check_quality(self.crf, 51)
        _check_choice("preset", self.preset, self.PRESETS)
        _check_choice("pixel_format", self.pixel_format, self.FORMATS)

    @property
    def bytes_a_pixel(self) -> float:
        return _lossy_bytes(0.14, self.crf - 18)

    def stored_as(self, height: int, width: int) -> str:
        return _chosen(self.pixel_format, height, width, "yuv444p")

    def options(self, height: int, width: int) -> dict[str, str]:
        # x264's macroblock tree reads memory that was not set: the same frames gave other bytes.
        return {"crf": str(self.crf), "preset": self.preset, "x264-params": "mbtree=0"}


@dataclass(frozen=True)
class H265Codec:
    """H.265, smaller and slower than H.264; 4:4:4 where a side is odd.

    Args:
        crf: quality, 0 (best) to 51.
        preset: x265's speed.
        pixel_format: yuv420p, yuv422p, yuv444p, or auto.
    """

    name: ClassVar[str] = "h265"
    encoder: ClassVar[str] = "libx265"
    lossless: ClassVar[bool] = False
    suffixes: ClassVar[tuple[str, ...]] = (".mp4", ".mkv")
    highest_rate: ClassVar[int] = ANY_RATE
    may_repeat_stamps: ClassVar[bool] = False
    crf: int = 20
    preset: str = "medium"
    pixel_format: str = AUTO

    def __post_init__(self) -> None:
        _check_quality(self.crf, 51)
        _check_choice("preset", self.preset, H264Codec.PRESETS)
        _check_choice("pixel_format", self.pixel_format, H264Codec.FORMATS)

    @property
    def bytes_a_pixel(self) -> float:
        return _lossy_bytes(0.1, self.crf - 20)

    def stored_as(self, height: int, width: int) -> str:
        if min(height, width) < 64:  # x265 crashes, at times, on frames smaller than its coding unit
            raise ValueError(f"h265 takes no frames of {width} x {height}; use h264, or a lossless codec")
        return _chosen(self.pixel_format, height, width, "yuv444p")

    def options(self, height: int, width: int) -> dict[str, str]:
        fixed = f"log-level=error:pools={ENCODER_THREADS}:frame-threads=2"
        return {"crf": str(self.crf), "preset": self.preset, "x265-params": fixed}


@dataclass(frozen=True)
class Vp9Codec:
    """VP9, the codec of WebM; 4:4:4 where a side is odd.

    Args:
        crf: quality, 0 (best) to 63.
        speed: 0 (slow) to 8 (fast).
        pixel_format: yuv420p, yuv422p, yuv444p, or auto.
    """

    name: ClassVar[str] = "vp9"
    encoder: ClassVar[str] = "libvpx-vp9"
    lossless: ClassVar[bool] = False
    suffixes: ClassVar[tuple[str, ...]] = (".webm", ".mkv")
    highest_rate: ClassVar[int] = ANY_RATE
    may_repeat_stamps: ClassVar[bool] = False
    crf: int = 24
    speed: int = 4
    pixel_format: str = AUTO

    def __post_init__(self) -> None:
        _check_quality(self.crf, 63)
        if not 0 <= self.speed <= 8:
            raise ValueError(f"speed is {self.speed}; use a number from 0 (slow) to 8 (fast)")
        _check_choice("pixel_format", self.pixel_format, H264Codec.FORMATS)

    @property
    def bytes_a_pixel(self) -> float:
        return _lossy_bytes(0.1, (self.crf - 24) / 1.5)

    def stored_as(self, height: int, width: int) -> str:
        return _chosen(self.pixel_format, height, width, "yuv444p")

    def options(self, height: int, width: int) -> dict[str, str]:
        return {"crf": str(self.crf), "b": "0", "deadline": "good", "cpu-used": str(self.speed)}


@dataclass(frozen=True)
class Av1Codec:
    """AV1 with SVT-AV1, which stores 4:2:0 only: a video with an odd side is refused.

    Args:
        crf: quality, 0 (best) to 63.
        preset: 0 (slow) to 13 (fast).
        pixel_format: yuv420p or auto.
    """

    name: ClassVar[str] = "av1"
    encoder: ClassVar[str] = "libsvtav1"
    lossless: ClassVar[bool] = False
    suffixes: ClassVar[tuple[str, ...]] = (".mp4", ".mkv")
    highest_rate: ClassVar[int] = 240
    may_repeat_stamps: ClassVar[bool] = False
    crf: int = 30
    preset: int = 8
    pixel_format: str = AUTO

    def __post_init__(self) -> None:
        _check_quality(self.crf, 63)
        if not 0 <= self.preset <= 13:
            raise ValueError(f"preset is {self.preset}; use a number from 0 (slow) to 13 (fast)")
        _check_choice("pixel_format", self.pixel_format, (AUTO, "yuv420p"))

    @property
    def bytes_a_pixel(self) -> float:
        return _lossy_bytes(0.06, (self.crf - 30) / 1.5)

    def stored_as(self, height: int, width: int) -> str:
        if min(height, width) < 64:
            raise ValueError(f"av1 takes no frames of {width} x {height}; use h264, or a lossless codec")
        return _chosen(self.pixel_format, height, width, None)

    def options(self, height: int, width: int) -> dict[str, str]:
        return {"crf": str(self.crf), "preset": str(self.preset), "svtav1-params": "lp=2"}


CODECS: dict[str, type[Codec]] = {
    "ffv1": Ffv1Codec,
    "x264rgb": H264RgbCodec,
    "png": PngCodec,
    "h264": H264Codec,
    "h265": H265Codec,
    "vp9": Vp9Codec,
    "av1": Av1Codec,
}
"""Every codec, by the name that a user writes; it is the class's own `name`, too."""


def _lossy_bytes(at_default: float, coarser: float) -> float:
    """Six steps of the quantizer halve a file, about."""
    return float(at_default * 2 ** (-coarser / 6))


def _check_quality(crf: int, most: int) -> None:
    if not 0 <= crf <= most:
        raise ValueError(f"crf is {crf}; use a number from 0 (best) to {most}")


def _check_choice(key: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(f"{key} is '{value}'; use one of {', '.join(choices)}")


def _chosen(pixel_format: str, height: int, width: int, whole: str | None) -> str:
    """The pixel format: what was asked for, or 4:2:0, or `whole` where 4:2:0 would drop a row or a column."""
    halved = {"yuv420p": height % 2 or width % 2, "yuv422p": width % 2, "yuv444p": 0}
    chosen = "yuv420p" if pixel_format == AUTO else pixel_format
    if not halved[chosen]:
        return chosen
    if pixel_format == AUTO and whole is not None:
        return whole
    raise ValueError(
        f"frames of {width} x {height} cannot be {chosen} without losing pixels; use another codec"
        + (f" or pixel_format={whole}" if whole else "")
    )
