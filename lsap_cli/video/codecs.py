"""How perturbed videos are encoded: one frozen dataclass a codec, one table of names."""

from dataclasses import dataclass
from typing import ClassVar, Protocol

MP4_AUDIO = frozenset({"aac", "mp3", "ac3", "eac3", "opus", "flac", "alac"})


class Codec(Protocol):
    """A video encoder with its settings."""

    name: ClassVar[str]
    encoder: ClassVar[str]  # FFmpeg's name
    lossless: ClassVar[bool]  # RGB bytes come back exactly
    mp4: ClassVar[bool]  # whether mp4 holds it; otherwise Matroska

    def pixel_format(self, height: int, width: int) -> str:
        """FFmpeg's name of the pixel format for frames of this size."""
        ...

    def options(self) -> dict[str, str]:
        """The encoder's options."""
        ...


@dataclass(frozen=True)
class Ffv1:
    """FFV1 (RFC 9043) in RGB: lossless, made for archives, Matroska."""

    name: ClassVar[str] = "ffv1"
    encoder: ClassVar[str] = "ffv1"
    lossless: ClassVar[bool] = True
    mp4: ClassVar[bool] = False

    def pixel_format(self, height: int, width: int) -> str:
        return "bgr0"

    def options(self) -> dict[str, str]:
        return {"level": "3", "slices": "4", "slicecrc": "1"}


@dataclass(frozen=True)
class H264Rgb:
    """H.264 in RGB with quantizer 0: lossless, faster and larger than FFV1; few players show it."""

    name: ClassVar[str] = "x264rgb"
    encoder: ClassVar[str] = "libx264rgb"
    lossless: ClassVar[bool] = True
    mp4: ClassVar[bool] = True

    def pixel_format(self, height: int, width: int) -> str:
        return "rgb24"

    def options(self) -> dict[str, str]:
        return {"qp": "0", "preset": "ultrafast"}


@dataclass(frozen=True)
class H264:
    """H.264 in 4:2:0, as most videos are; 4:4:4 where a side is odd, so that no pixel is dropped.

    Args:
        crf: quality, 0 (best) to 51.
        preset: x264's speed.
    """

    name: ClassVar[str] = "h264"
    encoder: ClassVar[str] = "libx264"
    lossless: ClassVar[bool] = False
    mp4: ClassVar[bool] = True
    crf: int = 18
    preset: str = "medium"

    PRESETS: ClassVar[tuple[str, ...]] = (
        "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow",
    )  # fmt: skip

    def __post_init__(self) -> None:
        if not 0 <= self.crf <= 51:
            raise ValueError(f"crf is {self.crf}; use a number from 0 (best) to 51")
        if self.preset not in self.PRESETS:
            raise ValueError(f"preset is '{self.preset}'; use one of {', '.join(self.PRESETS)}")

    def pixel_format(self, height: int, width: int) -> str:
        return "yuv444p" if height % 2 or width % 2 else "yuv420p"

    def options(self) -> dict[str, str]:
        return {"crf": str(self.crf), "preset": self.preset}


CODECS: dict[str, type[Codec]] = {kind.name: kind for kind in (Ffv1, H264Rgb, H264)}
