"""Looking into a torch module while it runs: outputs of layers by name, frame features, layers that respond."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from perturbations.network import Internal, NetworkOutput

FEWEST_MOMENTS = 3


class InternalsReader:
    """Reads what attacks ask for beside the logits: frame features of one layer, activations of all convolutions.

    Args:
        module: whose layers are read.
        feature_layer: the layer whose output gives the frame features; None: there are none.
    """

    def __init__(self, module: nn.Module, feature_layer: str | None) -> None:
        self._module, self._feature_layer = module, feature_layer
        self._response_layers = response_layers(module)

    def outputs(self, score: Callable[[Tensor], Tensor], clips: Tensor, internals: Sequence[Internal]) -> NetworkOutput:
        """Logits and internals of clips (B, T, 3, h, w).

        Args:
            score: from clips to logits (B, classes), through the module.
            clips: float32 in [0, 1].
            internals: what is read.
        """
        names = [self._feature_layer] if "features" in internals and self._feature_layer else []
        names += self._response_layers if "activations" in internals else []
        with outputs_of(self._module, names) as kept:
            logits = score(clips).float()
        features = activations = None
        if "features" in internals and self._feature_layer:
            features = frame_features(kept[self._feature_layer], len(clips), clips.shape[1])
            assert features is not None  # the layer was tried
            features = features.float()
        if "activations" in internals:
            ran = [kept[name] for name in self._response_layers if name in kept]
            activations = [layer for layer in ran if len(layer) % len(clips) == 0]
        return NetworkOutput(logits, features, activations)


def response_layers(module: nn.Module) -> list[str]:
    """The names of all convolutions; in a module that has none, of all linear layers but the last, which decides."""
    modules = list(module.named_modules())
    convolutions = [name for name, one in modules if isinstance(one, nn.Conv1d | nn.Conv2d | nn.Conv3d)]
    return convolutions or [name for name, one in modules if isinstance(one, nn.Linear)][:-1]


def feature_layers(module: nn.Module, score: Callable[[Tensor], Tensor], clips: Tensor) -> list[str]:
    """The names of the layers whose outputs give frame features, in the order in which they run.

    Args:
        module: whose layers are tried.
        score: from clips to logits, through the module.
        clips: (B, T, 3, h, w) to try it with; B at least 2, so that clips and frames can be distinguished.
    """
    names = [name for name, _ in module.named_modules() if name]
    with torch.no_grad(), outputs_of(module, names) as kept:
        score(clips)
    return [name for name, one in kept.items() if frame_features(one, len(clips), clips.shape[1]) is not None]


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
