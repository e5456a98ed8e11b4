"""Input and output of a network: the tables [input], [output] and [sampling] of a model card.

No torch here: a card's fields are checked before it is imported.
"""

import math
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from msgspec import Meta

from lsap_cli.classifiers.crops import CropRounding, Interpolation, check_crop

if TYPE_CHECKING:
    from lsap_cli.classifiers.geometry import Geometry
    from perturbations.samplers import Sampler

Side = Annotated[int, Meta(ge=1, le=16_384)]
Pair = Annotated[tuple[Side, ...], Meta(min_length=2, max_length=2)]
Positive = Annotated[float, Meta(gt=0)]
Channels = Literal["RGB", "BGR", "GRAY"]
ONE_CHANNEL = "GRAY"
Kind = Literal["logits", "probabilities", "logit", "probability", "label"]
Layout = Literal["BTCHW", "BCTHW", "BTHWC", "NCHW", "NHWC"]
SINGLE_FRAMES = ("NCHW", "NHWC")


class InputFormat(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a network wants its clips to look like.

    Attributes:
        layout: the order of a clip's dimensions; NCHW and NHWC: single frames, those of all clips as one batch.
        frames: T, frames of a clip.
        size: (height, width) that the network takes, in pixels.
        resize: (height, width) that frames are brought to before the crop, or the length of the shorter side; None:
            size.
        antialias: whether shrinking averages over all pixels it covers.
        interpolation: of the resize.
        crop_rounding: of the crop's corner where the margin is odd: half to even, or down.
        channels: RGB, BGR, or GRAY: one channel, the luma of ITU-R BT.601 (as OpenCV and Pillow make it).
        scale: 1 for pixels in [0, 1], 255 for [0, 255].
        mean: subtracted after scaling, one number a channel in the network's own order, or one for all.
        std: divided by after that, likewise.
    """

    layout: Annotated[Layout, Meta(description="BTCHW, BCTHW, BTHWC, NCHW or NHWC")]
    frames: Annotated[int, Meta(ge=1, le=16_384, description="a whole number from 1 to 16384")]
    size: Annotated[Pair, Meta(description="[height, width], each from 1 to 16384")]
    resize: Annotated[Pair | Side | None, Meta(description="[height, width] or the shorter side, from 1 to 16384")] = (
        None
    )
    antialias: Annotated[bool, Meta(description="true or false")] = True
    interpolation: Annotated[Interpolation, Meta(description="bilinear or bicubic")] = "bilinear"
    crop_rounding: Annotated[CropRounding, Meta(description="even or down")] = "even"
    channels: Annotated[Channels, Meta(description="RGB, BGR or GRAY")] = "RGB"
    scale: Annotated[float, Meta(description="1 or 255")] = 1.0
    mean: Annotated[
        tuple[float, ...], Meta(min_length=1, max_length=3, description="a list of three numbers, or of one")
    ] = (0.0, 0.0, 0.0)
    std: Annotated[
        tuple[Positive, ...], Meta(min_length=1, max_length=3, description="a list of three numbers above 0, or of one")
    ] = (
        1.0,
        1.0,
        1.0,
    )

    def __post_init__(self) -> None:
        if self.scale not in (1, 255):
            raise ValueError(f"scale is {self.scale}; it must be 1 or 255")
        if not all(map(math.isfinite, (*self.mean, *self.std))):
            raise ValueError(f"mean is {self.mean} and std is {self.std}; they must be finite numbers")
        for name, numbers in (("mean", self.mean), ("std", self.std)):
            if self.channels == ONE_CHANNEL and len(set(numbers)) > 1:
                raise ValueError(f"{name} is {list(numbers)}; channels is GRAY, which has one channel: give one number")
            if len(numbers) == 2:
                raise ValueError(f"{name} is {list(numbers)}; it must be three numbers, or one for all channels")
        check_crop(self._crop, self._resize)

    @property
    def single_frames(self) -> bool:
        """Whether the network takes the frames of all clips as one batch of pictures."""
        return self.layout in SINGLE_FRAMES

    @property
    def _crop(self) -> tuple[int, int]:
        height, width = self.size
        return height, width

    @property
    def _resize(self) -> tuple[int, int] | int:
        """What frames are brought to before the crop."""
        if isinstance(self.resize, int):
            return self.resize
        height, width = self.resize or self.size
        return height, width

    @property
    def geometry(self) -> "Geometry":
        """Resize and crop."""
        from lsap_cli.classifiers.geometry import Geometry

        return Geometry(self._crop, self._resize, self.antialias, self.interpolation, self.crop_rounding)


class OutputFormat(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a network's output is.

    Attributes:
        kind: of the scores. `logit` and `probability` are one number a clip, of the second of two classes. `label`:
            the class alone, which a command or a URL may answer; it counts as a probability of 1.
        pick: attribute, key or position of the scores in the output, where it is not a tensor.
        threshold: the probability of the second of two classes from which on a video counts as one of it, in the rates
            of false negatives and false positives.
        consensus: what makes one row of a clip out of a row a frame, with layout NCHW or NHWC.
    """

    kind: Annotated[Kind, Meta(description="logits, probabilities, logit, probability or label")] = "logits"
    pick: Annotated[str | None, Meta(description="an attribute, a key or a position, as text")] = None
    threshold: Annotated[float, Meta(gt=0, lt=1, description="a number between 0 and 1")] = 0.5
    consensus: Annotated[Literal["mean"], Meta(description="mean")] = "mean"

    @property
    def one_output(self) -> bool:
        """Whether the network gives one number a clip, which stands for two classes."""
        return self.kind in ("logit", "probability")


class SamplingFormat(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the network's own protocol samples a video.

    Attributes:
        sampler: as the command line writes it, such as rate:fps=5.
        views: clips of a video, whose probabilities are averaged.
        crops: of each clip, likewise: 1, the center, or 3 along the longer side of the resized frames.
    """

    sampler: Annotated[str, Meta(min_length=1, description="a sampler such as uniform or rate:fps=5")] = "uniform"
    views: Annotated[int, Meta(ge=1, le=10_000, description="a whole number from 1 to 10000")] = 1
    crops: Annotated[Literal[1, 3], Meta(description="1 or 3")] = 1

    def build(self, where: str = "sampler") -> "Sampler":
        """The sampler itself.

        Raises:
            LsapError: if there is none of that name, or its settings are wrong.
        """
        from lsap_cli.plugins import SAMPLERS
        from lsap_cli.specs import build

        return build(self.sampler, SAMPLERS, where)


class ServiceFormat(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a command or a URL of this machine is asked: the table [service] of a card.

    Attributes:
        encoding: of the clips: npz, a NumPy archive with the array `clips`, or raw, its bytes in C order.
        dtype: of the array; uint8 where the network takes whole levels from 0 to 255.
        batch: clips of a request, at most.
        timeout_seconds: for one answer.
        start_seconds: that a command has for its first answer besides, as it loads its network.
        retries: of a request that got no answer; a wrong answer is not asked for again.
    """

    encoding: Annotated[Literal["npz", "raw"], Meta(description="npz or raw")] = "npz"
    dtype: Annotated[Literal["float32", "uint8"], Meta(description="float32 or uint8")] = "float32"
    batch: Annotated[int, Meta(ge=1, le=4096, description="a whole number from 1 to 4096")] = 8
    timeout_seconds: Annotated[float, Meta(gt=0, le=86_400, description="seconds, above 0")] = 60.0
    start_seconds: Annotated[float, Meta(ge=0, le=86_400, description="seconds")] = 120.0
    retries: Annotated[int, Meta(ge=0, le=100, description="a whole number from 0 to 100")] = 2
