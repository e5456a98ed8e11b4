"""What a network's own configuration says about its input, as networks of transformers carry one."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from torch import nn

FRAMES = ("num_frames", "frames_per_clip")
SIDE = ("image_size", "crop_size")


def configuration_differences(network: nn.Module, frames: int, size: tuple[int, int]) -> list[str] | None:
    """How the input that a network gets differs from its own configuration.

    A wrong number of frames raises no error in many video transformers: tokens of different frames are mixed, or the
    last frames are dropped.

    Args:
        network: whose `config`, or that of the first part with one, is read.
        frames: of a clip.
        size: (height, width) of its frames, in pixels.

    Returns:
        Sentences, one for each difference; None: the network has no configuration that names its input.
    """
    config = _configuration(network)
    if config is None:
        return None
    kind = type(config).__name__
    differences = []
    for name, value in _fields(config, FRAMES):
        if isinstance(value, int) and value != frames:
            differences.append(f"it gets {frames} frames, but its configuration ({kind}) says {name} {value}")
    for name, value in _fields(config, SIDE):
        expected = _pair(value)
        if expected is not None and expected != size:
            differences.append(
                f"it gets frames of {size[0]} x {size[1]}, but its configuration ({kind}) says {name} "
                f"{expected[0]} x {expected[1]}"
            )
    for _, value in _fields(config, ("tubelet_size",)):
        step = value[0] if isinstance(value, Sequence) and value else value
        if isinstance(step, int) and step > 1 and frames % step:
            differences.append(f"it joins {step} frames at a time and drops the last {frames % step} of {frames}")
    return differences


def _configuration(network: nn.Module) -> Any:  # of whatever class a library has
    for module in network.modules():
        config = getattr(module, "config", None)
        if config is not None and any(True for _ in _fields(config, (*FRAMES, *SIDE))):
            return config
    return None


def _fields(config: Any, names: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """Those of the fields that a configuration has, which may be an object or a mapping."""
    for name in names:
        value = config.get(name) if isinstance(config, Mapping) else getattr(config, name, None)
        if value is not None and not callable(value):
            yield name, value


def _pair(value: Any) -> tuple[int, int] | None:
    """(height, width) of a side or a pair; None for anything else."""
    if isinstance(value, int):
        return value, value
    if isinstance(value, Sequence) and len(value) == 2 and all(isinstance(one, int) for one in value):
        return value[0], value[1]
    return None
