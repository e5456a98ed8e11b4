"""A classifier as attacks look into it: logits, frame features of one named layer, activations of all convolutions."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import cached_property
from typing import Any, Literal

import torch
from torch import Tensor, nn

from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.errors import LsapError
from perturbations.network import Internal, NetworkOutput

Precision = Literal["fp32", "bf16", "fp16"]
PRECISIONS: dict[str, torch.dtype | None] = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}
FEWEST_MOMENTS = 3


class InstrumentedClassifier:
    """The `perturbations.problem.Network` of a classifier.

    Args:
        classifier: on its device.
        layer: the module whose output gives the frame features, by its name in the network; None: the last one that
            still tells moments in time apart.
        precision: fp32, bf16 or fp16 of the network's own arithmetic (autocast); pixels and losses stay fp32.
        compiled: whether `score` goes through torch.compile.

    Raises:
        LsapError: if there is no such layer, or its output has no time.
    """

    def __init__(
        self, classifier: Classifier, layer: str | None = None, precision: str = "fp32", compiled: bool = False
    ) -> None:
        if precision not in PRECISIONS:
            raise LsapError(f"--precision {precision} is unknown; use {', '.join(PRECISIONS)}")
        self.classifier = classifier
        self._dtype = PRECISIONS[precision]
        self._wanted = layer
        self._layer: str | None = None
        self._score: Callable[[Tensor], Tensor] = (
            torch.compile(classifier.score, dynamic=False) if compiled else classifier.score
        )

    @property
    def layer(self) -> str:
        """The name of the layer whose features are looked at; it is searched for when it is first wanted."""
        if self._layer is None:
            self._layer = self._find()
        return self._layer

    def score(self, clips: Tensor) -> Tensor:
        with self._autocast(clips):
            return self._score(clips).float()

    def outputs(self, clips: Tensor, *wanted: Internal) -> NetworkOutput:
        if not wanted:  # the compiled network cannot be looked into
            return NetworkOutput(self.score(clips))
        names = [self.layer] if "features" in wanted else []
        names += self._exciting if "activations" in wanted else []
        with self._autocast(clips), outputs_of(self.classifier.network, names) as kept:
            logits = self.classifier.score(clips).float()
        features = activations = None
        if "features" in wanted:
            features = frame_features(kept[self.layer], len(clips), clips.shape[1])
            assert features is not None  # the layer was tried
            features = features.float()
        if "activations" in wanted:
            found = [kept[name] for name in self._exciting if name in kept]
            activations = [layer for layer in found if len(layer) % len(clips) == 0]
        return NetworkOutput(logits, features, activations)

    @cached_property
    def _exciting(self) -> list[str]:
        """The names of all convolutions; in a network without any, of all linear layers but the last."""
        modules = list(self.classifier.network.named_modules())
        convolutions = [name for name, module in modules if isinstance(module, nn.Conv1d | nn.Conv2d | nn.Conv3d)]
        return convolutions or [name for name, module in modules if isinstance(module, nn.Linear)][:-1]

    def _autocast(self, clips: Tensor) -> Any:
        return nullcontext() if self._dtype is None else torch.autocast(clips.device.type, self._dtype)

    def _find(self) -> str:
        """Tries the network on gray clips and sees which outputs have time in them."""
        frames, (height, width) = self.classifier.frames, self.classifier.geometry.size
        parameter = next(self.classifier.parameters(), None)
        device = None if parameter is None else parameter.device
        clips = torch.full((2, frames, 3, height, width), 0.5, device=device)
        names = [name for name, _ in self.classifier.network.named_modules() if name]
        if self._wanted is not None and self._wanted not in names:
            raise LsapError(f"--layer '{self._wanted}' is not in the model; the last ones are {', '.join(names[-8:])}")
        with torch.no_grad(), outputs_of(self.classifier.network, names) as kept:
            self.classifier.score(clips)
        fit = [name for name, output in kept.items() if frame_features(output, 2, frames) is not None]
        if self._wanted is None and fit:
            return fit[-1]
        if self._wanted in fit:
            return str(self._wanted)
        told = f"--layer '{self._wanted}' has no moments in time" if self._wanted else "no layer keeps moments in time"
        raise LsapError(
            f"{told} to look at in the model '{self.classifier.name}'; "
            + (f"use one of {', '.join(fit[-8:])}" if fit else "use an attack and a --coherence that need none")
        )


@contextmanager
def outputs_of(network: nn.Module, names: Sequence[str]) -> Iterator[dict[str, Tensor]]:
    """What the modules with these names give while the context is open, in the order in which they ran."""
    kept: dict[str, Tensor] = {}

    def keep(name: str) -> Callable[[nn.Module, Any, Any], None]:
        def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
            tensor = output[0] if isinstance(output, tuple | list) and output else output
            if isinstance(tensor, Tensor):
                kept.pop(name, None)
                kept[name] = tensor

        return hook

    modules = dict(network.named_modules())
    handles = [modules[name].register_forward_hook(keep(name)) for name in names]
    try:
        yield kept
    finally:
        for handle in handles:
            handle.remove()


def frame_features(output: Tensor, clips: int, frames: int) -> Tensor | None:
    """One vector a moment in time, from a layer's output; None where the output has fewer than 3 moments.

    Known forms, with T' <= frames moments: (B T', C, h, w), (B T', C) and (B T', tokens, C) of 2-D networks;
    (B, C, T', h, w) or, with T' = frames second, (B, T', C, h, w) of 3-D ones; (B, T', C) of recurrent ones, or
    (T, B, C) where T is not B;
    (B, tokens, C) of transformers, whose tokens are moments times places, with or without a class token.

    Args:
        output: of the layer.
        clips: B.
        frames: T of the clips that went in.

    Returns:
        (B, T', D) or None.
    """
    if output.ndim == 3 and len(output) == frames != clips and output.shape[1] == clips:
        return _if_enough(output.transpose(0, 1), frames)
    moments, rest = divmod(len(output), clips)
    if output.ndim >= 2 and moments > 1 and rest == 0:
        by_clip = output.unflatten(0, (clips, moments))
        if output.ndim == 4:
            by_clip = by_clip.mean((3, 4))
        elif output.ndim == 3:
            by_clip = by_clip.mean(2)
        return _if_enough(by_clip, frames) if by_clip.ndim == 3 else None
    if len(output) != clips:
        return None
    if output.ndim == 5:
        time_second = output.shape[1] == frames and output.shape[2] != frames
        return _if_enough(output.mean((3, 4)) if time_second else output.mean((3, 4)).transpose(1, 2), frames)
    if output.ndim == 3:
        return _if_enough(_by_moment(output, frames), frames)
    return None


def _by_moment(tokens: Tensor, frames: int) -> Tensor:
    """(B, tokens, C) -> (B, T', C), T' being the frames or half of them (tubelets of two).

    Where both divide the tokens, the one that leaves a square of places is meant: 1568 tokens of 16 frames are 8 x 14 x
    14.
    """
    fit = [
        (moments, extra)
        for moments in (frames, frames // 2)
        for extra in (0, 1)
        if moments >= FEWEST_MOMENTS and tokens.shape[1] > extra and (tokens.shape[1] - extra) % moments == 0
    ]
    square = [one for one in fit if math.isqrt(places := (tokens.shape[1] - one[1]) // one[0]) ** 2 == places]
    for moments, extra in (square or fit)[:1]:
        return tokens[:, extra:].unflatten(1, (moments, -1)).mean(2)  # type: ignore[no-any-return]  # unflatten
    return tokens[:, :0]


def _if_enough(features: Tensor, frames: int) -> Tensor | None:
    return features if FEWEST_MOMENTS <= features.shape[1] <= frames else None
