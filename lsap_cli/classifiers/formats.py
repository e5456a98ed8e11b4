"""Input and output of a network: the tables [input], [output] and [sampling] of a model card."""

import math
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from lsap_cli.classifiers.geometry import Geometry
from lsap_cli.plugins import SAMPLERS
from lsap_cli.specs import build
from perturbations.samplers import Sampler

Side = Annotated[int, Meta(ge=1, le=16_384)]
Pair = Annotated[tuple[Side, ...], Meta(min_length=2, max_length=2)]
Triple = tuple[float, float, float]
Positive = Annotated[float, Meta(gt=0)]


class InputFormat(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a network wants its clips to look like.

    Attributes:
        layout: the order of a clip's dimensions.
        frames: T, frames of a clip.
        size: (height, width) that the network takes, in pixels.
        resize: (height, width) that frames are brought to before the crop, or the length of the shorter side; None:
            size.
        antialias: whether shrinking averages over all pixels it covers.
        channels: RGB or BGR.
        scale: 1 for pixels in [0, 1], 255 for [0, 255].
        mean: subtracted after scaling, one number a channel in the network's own order.
        std: divided by after that, likewise.
    """

    layout: Annotated[Literal["BTCHW", "BCTHW"], Meta(description="BTCHW or BCTHW")]
    frames: Annotated[int, Meta(ge=1, le=16_384, description="a whole number from 1 to 16384")]
    size: Annotated[Pair, Meta(description="[height, width], each from 1 to 16384")]
    resize: Annotated[Pair | Side | None, Meta(description="[height, width] or the shorter side, from 1 to 16384")] = (
        None
    )
    antialias: Annotated[bool, Meta(description="true or false")] = True
    channels: Annotated[Literal["RGB", "BGR"], Meta(description="RGB or BGR")] = "RGB"
    scale: Annotated[float, Meta(description="1 or 255")] = 1.0
    mean: Annotated[Triple, Meta(description="three numbers")] = (0.0, 0.0, 0.0)
    std: Annotated[tuple[Positive, Positive, Positive], Meta(description="three numbers above 0")] = (1.0, 1.0, 1.0)

    def __post_init__(self) -> None:
        if self.scale not in (1, 255):
            raise ValueError(f"scale is {self.scale}; it must be 1 or 255")
        if not all(map(math.isfinite, (*self.mean, *self.std))):
            raise ValueError(f"mean is {self.mean} and std is {self.std}; they must be finite numbers")
        _ = self.geometry

    @property
    def geometry(self) -> Geometry:
        """Resize and crop.

        Raises:
            ValueError: if size cannot be cropped out of resize.
        """
        height, width = self.size
        resize = self.size if self.resize is None else self.resize
        return Geometry((height, width), resize if isinstance(resize, int) else (resize[0], resize[1]), self.antialias)


class OutputFormat(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a network's output is.

    Attributes:
        kind: logits or probabilities.
        pick: attribute, key or position of the scores in the output, where it is not a tensor.
    """

    kind: Annotated[Literal["logits", "probabilities"], Meta(description="logits or probabilities")] = "logits"
    pick: Annotated[str | None, Meta(description="an attribute, a key or a position, as text")] = None


class SamplingFormat(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the network's own protocol samples a video.

    Attributes:
        sampler: as the command line writes it, such as rate:fps=5.
        views: clips of a video, whose probabilities are averaged.
    """

    sampler: Annotated[str, Meta(min_length=1, description="a sampler such as uniform or rate:fps=5")] = "uniform"
    views: Annotated[int, Meta(ge=1, le=10_000, description="a whole number from 1 to 10000")] = 1

    def build(self, where: str = "sampler") -> Sampler:
        """The sampler itself.

        Raises:
            LsapError: if there is none of that name, or its settings are wrong.
        """
        return build(self.sampler, SAMPLERS, where)
