"""The one form in which lsap sees a network: pixel clips in, logits out. All else is inside."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from lsap_cli.classifiers.geometry import Geometry
from lsap_cli.errors import LsapError
from perturbations.samplers import Sampler

Layout = Literal["BTCHW", "BCTHW"]
SMALLEST_PROBABILITY = 1e-12


@dataclass(frozen=True)
class InputFormat:
    """What a network wants its clips to look like, beyond their size.

    Args:
        layout: BTCHW or BCTHW.
        frames: T, frames of a clip.
        channels: RGB or BGR.
        scale: 1 for pixels in [0, 1], 255 for [0, 255].
        mean: subtracted after scaling, one number a channel in the network's own order.
        std: divided by after that, likewise.
    """

    layout: Layout
    frames: int
    channels: Literal["RGB", "BGR"] = "RGB"
    scale: float = 1.0
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)


@dataclass(frozen=True)
class OutputFormat:
    """What a network's output is.

    Args:
        kind: logits or probabilities.
        pick: attribute or key of the output, where it is not a tensor.
    """

    kind: Literal["logits", "probabilities"] = "logits"
    pick: str | None = None


class Classifier(nn.Module):
    """A network with its protocol.

    Attributes:
        name: as in reports.
        labels: one name a class.
        geometry: resize and crop.
        sampler: how the network's own protocol samples; `sampler_spec` is how it is written.
        views: clips a video whose probabilities are averaged.
        source: where it came from (spec, files and their hashes), for the record.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        network: nn.Module,
        *,
        name: str,
        labels: Sequence[str],
        geometry: Geometry,
        expects: InputFormat,
        gives: OutputFormat,
        sampler: Sampler,
        sampler_spec: str,
        views: int,
        source: Mapping[str, str],
    ) -> None:
        super().__init__()
        self.network = network.eval().requires_grad_(False)
        if any(parameter.ndim == 4 for parameter in network.parameters()):
            self.network = self.network.to(memory_format=torch.channels_last)  # twice as fast on a CPU
        self.name = name
        self.labels = list(labels)
        self.geometry = geometry
        self.expects = expects
        self.gives = gives
        self.sampler = sampler
        self.sampler_spec = sampler_spec
        self.views = views
        self.source = dict(source)
        self.register_buffer("mean", torch.tensor(expects.mean).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(expects.std).view(3, 1, 1), persistent=False)

    @property
    def frames(self) -> int:
        """T, the number of frames of a clip."""
        return self.expects.frames

    def forward(self, clips: Tensor) -> Tensor:
        """Logits of clips of any size.

        Args:
            clips: (B, T, 3, H, W) float32 in [0, 1], RGB.

        Returns:
            (B, classes) float32 logits.
        """
        batch, frames = clips.shape[:2]
        shrunk = self.geometry.shrink(clips.flatten(0, 1))
        return self.score(self.geometry.crop(shrunk).unflatten(0, (batch, frames)))

    def score(self, clips: Tensor) -> Tensor:
        """Logits of clips that are at the network's own size already.

        Args:
            clips: (B, T, 3, *geometry.size) float32 in [0, 1], RGB.

        Returns:
            (B, classes) float32 logits.

        Raises:
            LsapError: if the network's output is not what its description says.
        """
        if self.expects.channels == "BGR":
            clips = clips.flip(2)
        if self.expects.scale != 1:
            clips = clips * self.expects.scale
        if any(self.expects.mean):
            clips = clips - self.mean
        if self.expects.std != (1.0, 1.0, 1.0):
            clips = clips / self.std
        if self.expects.layout == "BCTHW":
            clips = clips.transpose(1, 2)
        output = self._tensor(self.network(clips))
        if output.shape != (len(clips), len(self.labels)):
            raise LsapError(
                f"the model '{self.name}' gave an output of shape {tuple(output.shape)} for {len(clips)} clips; "
                f"its {len(self.labels)} labels need ({len(clips)}, {len(self.labels)}): check labels and [output]"
            )
        if self.gives.kind == "probabilities":
            return output.float().clamp(min=SMALLEST_PROBABILITY).log()
        return output.float()

    def _tensor(self, output: Any) -> Tensor:
        """The scores in the network's output, which can be a tensor, a mapping or an object."""
        if self.gives.pick is not None:
            pick = self.gives.pick
            if isinstance(output, Mapping) and pick in output:
                output = output[pick]
            elif pick.isdigit() and isinstance(output, list | tuple) and int(pick) < len(output):
                output = output[int(pick)]
            elif hasattr(output, pick):
                output = getattr(output, pick)
            else:
                raise LsapError(f"the model '{self.name}' gave no '{pick}' in its output; check pick in [output]")
        if not isinstance(output, Tensor):
            raise LsapError(
                f"the model '{self.name}' gave a {type(output).__name__}, not a tensor; "
                "say in [output] pick which of its attributes or keys holds the scores"
            )
        return output


def in_batches(score: Callable[[Tensor], Tensor], clips: Tensor, batch: int) -> Tensor:
    """Scores of many 8-bit clips without gradients, a few at a time.

    Args:
        score: such as `Classifier.score`.
        clips: (B, T, 3, h, w) uint8.
        batch: clips at a time.

    Returns:
        (B, classes) float32, on the device of the clips.
    """
    with torch.inference_mode():
        return torch.cat([score(part.float() / 255) for part in clips.split(batch)])
