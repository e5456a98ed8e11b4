"""The one form of a network in lsap: pixel clips in, logits out; preprocessing is inside."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import msgspec
import torch
from torch import Tensor, nn

from lsap_cli.classifiers.configured_input import configuration_differences
from lsap_cli.classifiers.formats import ONE_CHANNEL, InputFormat, OutputFormat, SamplingFormat
from lsap_cli.classifiers.weights import error_text
from lsap_cli.errors import LsapError
from lsap_cli.results.text import counted
from lsap_cli.validation import checked

SMALLEST_PROBABILITY = 1e-12
ONE_OUTPUT = 'kind = "logit" or "probability" in [output]'
LUMA = (0.299, 0.587, 0.114)  # of red, green and blue: ITU-R BT.601, as OpenCV and Pillow make gray


class Classifier(nn.Module):
    """A network with its protocol.

    Attributes:
        name: as in reports.
        labels: one name a class.
        geometry: resize and crop.
        sampler: how the network's own protocol samples; `sampler_spec` is how it is written.
        views: clips a video whose probabilities are averaged.
        crops: of each clip, likewise.
        source: where it came from (spec, files and their hashes), for the record.
        notes: sentences on how its description was read, for whoever shows the model.
        declared_accuracy: top-1 that its card promises; None: it promises none.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        network: nn.Module,
        name: str,
        labels: Sequence[str],
        expects: InputFormat,
        *,
        gives: OutputFormat = OutputFormat(),  # noqa: B008  # frozen: no call can change the default
        sampling: SamplingFormat = SamplingFormat(),  # noqa: B008  # frozen: no call can change the default
        source: Mapping[str, str] | None = None,
    ) -> None:
        """Wraps a network; the network itself is put into evaluation mode, and its parameters need no gradient.

        Args:
            network: clips in the layout, scale and colors of `expects` -> scores (B, classes), as `gives` says.
            name: as in reports.
            labels: one name a class, in the order of the scores.
            expects: what the network takes.
            gives: what it gives.
            sampling: how its own protocol samples a video.
            source: where it came from, for the record.

        Raises:
            LsapError: if a format is wrong, or there are no labels.
        """
        super().__init__()
        for format_ in (expects, gives, sampling):
            checked(msgspec.to_builtins(format_), type(format_), f"the model '{name}'")
        if not labels:
            raise LsapError(f"the model '{name}' has no labels; give one name a class, in the order of its scores")
        self.network = for_inference(network)
        self.name = name
        self.labels = list(labels)
        self.expects = expects
        self.geometry = expects.geometry
        self.gives = gives
        self.sampling = sampling
        self.sampler = sampling.build(f"sampler of the model '{name}'")
        self.sampler_spec = sampling.sampler
        self.views = sampling.views
        self.crops = sampling.crops
        self.source = dict(source or {})
        self.notes: tuple[str, ...] = ()
        self.declared_accuracy: float | None = None
        if gives.one_output and len(labels) != 2:
            raise LsapError(
                f"the model '{name}': kind in [output] is '{gives.kind}', one number that stands for two classes, and "
                f"there are {len(labels)} labels; give two, the second being the class that a large number means"
            )
        if len(labels) < 2:
            raise LsapError(
                f"the model '{name}' has a single label, and would answer the same whatever a video shows; one number "
                f"for two classes is {ONE_OUTPUT}, with two labels"
            )
        own = 1 if expects.channels == ONE_CHANNEL else 3  # numbers for all channels stand for one
        self.register_buffer("mean", torch.tensor(expects.mean[:own]).view(-1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(expects.std[:own]).view(-1, 1, 1), persistent=False)
        self.training = False  # as its network is; train() of an exported network cannot be called

    @property
    def frames(self) -> int:
        """T, the number of frames of a clip."""
        return self.expects.frames

    @property
    def identity(self) -> dict[str, str]:
        """Its name and where it is from, with hashes: what a run folder says of it."""
        return {**self.source, "name": self.name}

    @property
    def gives_gradients(self) -> bool:
        """Whether scores have gradients by the pixels; a black box gives scores alone."""
        return bool(getattr(self.network, "gives_gradients", True))

    def require_gradients(self, what: str, instead: str) -> None:
        """Refuses work that follows gradients where there are none: one clip goes through the network.

        Args:
            what: that follows them.
            instead: what would work.

        Raises:
            LsapError: if scores have no gradient by the pixels.
        """
        if self.gives_gradients:
            parameter = next(self.parameters(), self.mean)
            clip = torch.full((1, self.frames, 3, *self.geometry.size), 0.5, device=parameter.device)
            with torch.enable_grad():
                if self.score(clip.requires_grad_()).requires_grad:
                    return
        raise LsapError(f"{what} follows gradients, and the model '{self.name}' gives scores without any: {instead}")

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
            LsapError: if the network fails, or its output is not what its description says.
        """
        scores = self._scores(self._tensor(self._output(self.prepare(clips))), len(clips))
        kind = self.gives.kind
        if kind == "logit":
            return torch.cat([torch.zeros_like(scores), scores], 1)
        if kind == "probability":
            scores = torch.cat([1 - scores, scores], 1)
        return scores if kind == "logits" else _logarithms(scores)

    def prepare(self, clips: Tensor) -> Tensor:
        """Clips as the network takes them: channels, scale, mean, std, layout.

        Args:
            clips: (B, T, 3, *geometry.size) float32 in [0, 1], RGB.
        """
        expects = self.expects
        if expects.channels == "BGR":
            clips = clips.flip(2)
        elif expects.channels == ONE_CHANNEL:
            clips = (clips * clips.new_tensor(LUMA).view(3, 1, 1)).sum(2, keepdim=True)
        if expects.scale != 1:
            clips = clips * expects.scale
        if any(expects.mean):
            clips = clips - self.mean
        if set(expects.std) != {1.0}:
            clips = clips / self.std
        if expects.layout == "BCTHW":
            return clips.transpose(1, 2)
        clips = clips.flatten(0, 1) if expects.single_frames else clips
        return clips.movedim(-3, -1) if expects.layout.endswith("HWC") else clips

    def _output(self, prepared: Tensor) -> Any:  # a tensor, a mapping or an object
        """What the network gives; what it raises is its own matter, or its card's, and is told as such."""
        if torch.compiler.is_compiling():
            return self.network(prepared)
        try:
            return self.network(prepared)
        except (LsapError, MemoryError, torch.OutOfMemoryError):
            raise
        except Exception as error:  # a stranger's network can raise anything
            if type(error).__module__ == "torch.utils.checkpoint":  # its way to end a recomputation early
                raise
            differences = configuration_differences(self.network, self.frames, self.geometry.size) or []
            check = "; ".join((*differences, "check [input] of its card, or the network's own code"))
            raise LsapError(
                f"the model '{self.name}' failed on clips of shape {tuple(prepared.shape)} ({self.expects.layout}): "
                f"{type(error).__name__}: {error_text(error)}; {check}",
                1,
            ) from error

    def _scores(self, output: Tensor, clips: int) -> Tensor:
        """The network's own numbers, one row a clip: (B, classes), or (B, 1) where one number stands for two."""
        columns = 1 if self.gives.one_output else len(self.labels)
        rows = clips * self.frames if self.expects.single_frames else clips
        if self.gives.one_output and output.shape == (rows,):
            output = output[:, None]
        if output.shape != (rows, columns):
            what = counted(clips, "clip") if rows == clips else counted(rows, "frame")
            raise LsapError(
                f"the model '{self.name}' gave an output of shape {tuple(output.shape)} for {what}; its "
                f"{len(self.labels)} labels{self._as_kind()} need ({rows}, {columns}): check labels and [output]"
                f"{self._one_output_hint(output, rows)}"
            )
        scores = output.float()
        return scores if rows == clips else scores.unflatten(0, (clips, -1)).mean(1)

    def _one_output_hint(self, output: Tensor, rows: int) -> str:
        is_one = len(self.labels) == 2 and output.shape in ((rows,), (rows, 1))
        return f"; one number for two classes is {ONE_OUTPUT}" if is_one else ""

    def _as_kind(self) -> str:
        return f" and kind '{self.gives.kind}'" if self.gives.one_output else ""

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
                f"say in [output] pick which of its attributes or keys holds the scores{_tensors_in(output)}"
            )
        return output


def _logarithms(probabilities: Tensor) -> Tensor:
    """Of probabilities, with a floor; what is not finite stays so, also -inf, which a floor would hide."""
    logarithms = probabilities.clamp(min=SMALLEST_PROBABILITY).log()
    return torch.where(probabilities.isfinite(), logarithms, probabilities)


def for_inference(network: nn.Module) -> nn.Module:
    """The network in evaluation mode, its parameters without gradients, its 2-D convolutions in channels-last order.

    Channels-last is twice as fast on a CPU. Only `nn.Conv2d` modules are converted: other parameters with four
    dimensions, such as position embeddings beside 3-D convolutions, have no such order.
    """
    with suppress(NotImplementedError):  # a module of torch.export has the one mode that it was exported in
        network.eval()
    network.requires_grad_(False)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.to(memory_format=torch.channels_last)
    return network


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


def _tensors_in(output: Any) -> str:
    """The keys or positions of an output's tensors, for a sentence; nothing where there are none to name."""
    parts = (
        output.items() if isinstance(output, Mapping) else enumerate(output if isinstance(output, list | tuple) else ())
    )
    found = [f"'{key}' {tuple(part.shape)}" for key, part in parts if isinstance(part, Tensor)]
    return f": {', '.join(found[:4])}" if found else ""
