"""Networks that take one number of clips only: how many, and how any number is brought to it."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree

from lsap_cli.classifiers.formats import ONE_CHANNEL, InputFormat
from lsap_cli.errors import LsapError
from lsap_cli.results.text import counted

TOLERANCE = 1e-3


def in_fixed_batches(call: Callable[[Tensor], Any], clips: Tensor, batch: int | None) -> Any:
    """The output for any number of clips, of a network that takes a fixed one.

    Args:
        call: the network.
        clips: (B, ...).
        batch: clips that it takes; the last ones are filled up with copies. None: any number.
    """
    if batch is None or len(clips) == batch:
        return call(clips)
    outputs = []
    for part in clips.split(batch):
        missing = batch - len(part)
        filled = torch.cat([part, part[-1:].expand(missing, *part.shape[1:])]) if missing else part
        outputs.append(_first_rows(call(filled), len(part)))
    if len(outputs) == 1:
        return outputs[0]
    leaves, form = zip(*(_pytree.tree_flatten(one) for one in outputs), strict=True)
    joined = [torch.cat(same) if isinstance(same[0], Tensor) else same[0] for same in zip(*leaves, strict=True)]
    return _pytree.tree_unflatten(joined, form[0])


def _first_rows(output: Any, count: int) -> Any:
    return _pytree.tree_map_only(Tensor, lambda one: one[:count], output)


def believed_batch(call: Callable[[Tensor], Any], clip: Sequence[int], where: str) -> int | None:
    """Whether a network that declares to take any number of clips does: it is tried on 1 and on 2.

    Args:
        call: the network.
        clip: the shape of one.
        where: who asks, for sentences.

    Returns:
        None: it takes any number. 1 or 2: it takes this one only, or mixes clips.

    Raises:
        LsapError: if it takes neither.
    """
    clips = torch.rand(2, *clip, generator=torch.Generator().manual_seed(0))
    made: dict[int, Tensor] = {}
    reasons: list[str] = []
    for count in (1, 2):
        try:
            with torch.no_grad():
                first = _pytree.tree_leaves(call(clips[:count]))[0]
        except Exception as error:  # a network in a foreign format can raise anything
            reasons.append(f"{count}: {type(error).__name__}: {' '.join(str(error).split())[:200]}")
            continue
        with suppress(TypeError):
            if len(first) == count:
                made[count] = first
    if not made:
        raise LsapError(
            f"{where}: the network takes neither 1 nor 2 clips of shape {tuple(clip)} "
            f"({'; '.join(reasons) or 'its output has another number of rows'}); compare layout, frames and size"
        )
    if len(made) == 2 and torch.allclose(made[1][0], made[2][0], rtol=TOLERANCE, atol=TOLERANCE):
        return None
    return min(made)


def batch_notes(file: str, batch: int | None) -> list[str]:
    """What is said of a file whose network takes one number of clips only."""
    return (
        [] if batch is None else [f"{file} takes {counted(batch, 'clip')} at a time: others are filled up with copies"]
    )


def network_shape(expects: InputFormat) -> tuple[int, ...]:
    """The shape of what one clip becomes, without the batch dimension: of one frame with layout NCHW or NHWC."""
    channels = 1 if expects.channels == ONE_CHANNEL else 3
    frames, size = expects.frames, tuple(expects.size)
    return {
        "BTCHW": (frames, channels, *size),
        "BCTHW": (channels, frames, *size),
        "BTHWC": (frames, *size, channels),
        "NCHW": (channels, *size),
        "NHWC": (*size, channels),
    }[expects.layout]


def check_shape(declared: Sequence[Any], expects: InputFormat, where: str, file: str) -> None:
    """Compares a file's declared input with a card's.

    Args:
        declared: dimensions behind the first; those that are no whole numbers fit anything.
        expects: the card's [input].
        where: who asks.
        file: what declares it.

    Raises:
        LsapError: if they differ.
    """
    own = network_shape(expects)
    fits = len(declared) == len(own) and all(
        not isinstance(there, int) or there == here for there, here in zip(declared, own, strict=False)
    )
    if not fits:
        raise LsapError(
            f"{where}: {file} takes (clips, {', '.join(map(str, declared))}), and the card's layout {expects.layout}, "
            f"frames and size give (clips, {', '.join(map(str, own))})"
        )
