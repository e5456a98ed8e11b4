"""Parts of many frames that fit into a processor's cache, so that several operations on a part read it from there."""

from collections.abc import Iterator

from torch import Tensor

IN_CACHE = 16  # frames of 224 x 224 pixels: about 10 MB as float32, which a processor's cache holds


def cache_sized_parts(frames: Tensor) -> Iterator[slice]:
    """Chunks of frames (N, ...) that stay in a processor's cache between operations; on a GPU one chunk."""
    size = IN_CACHE if frames.device.type == "cpu" else len(frames)
    return (slice(start, start + size) for start in range(0, len(frames), size))
