"""The memory that a command may take for the frames of videos, and the refusal of what would need more.

The limit holds for the process: a command sets it before its work begins. It never changes a result, only how many
frames are held at once and which videos are refused.
"""

from lsap_cli.free_memory import free_memory
from lsap_cli.video.frames import MOST_PIXELS, UnreadableVideo

BYTES_PER_PIXEL = 100  # of one frame, with those that a decoder holds and the copies of one step
EDGE_PIXELS = 2**20  # of the whole blocks that a codec stores
FREE_SHARE = 0.5
BYTES_PER_ELEMENT = 16  # of a resized slot: floats, whole levels, and one copy of either
NATIVE_BYTES = 2**29  # bytes of one video's 8-bit frames that are held at once
LIMIT_SHARE = 16  # of the memory limit, that these frames may take; their copies take the rest
CLIPS_SHARE = 4  # of the memory limit, that the clips of several attacks may take
MOST_SLOT_BYTES = 2**29  # of one pattern's slots at a video's size, that are kept ready
LEAST_DEFAULT = 2**30  # bytes: a busy machine still takes 4K videos


class _Limit:
    """The limit of this process."""

    bytes: int | None = None


def set_memory_limit(limit: int | None) -> None:
    """Sets the limit of this process, in bytes; None: half of what is free now."""
    _Limit.bytes = max(LEAST_DEFAULT, int(free_memory() * FREE_SHARE)) if limit is None else limit


def memory_limit() -> int:
    """The limit in bytes; half of what is free when it is first asked for, where none was set."""
    if _Limit.bytes is None:
        set_memory_limit(None)
    assert _Limit.bytes is not None
    return _Limit.bytes


def frames_at_once(height: int, width: int) -> int:
    """How many 8-bit frames of a size are held at once."""
    held = min(NATIVE_BYTES, memory_limit() // LIMIT_SHARE)
    return max(1, held // (height * width * 3))


def workers_at_once(height: int, width: int) -> int:
    """How many threads may work at frames of a size at the same time, at least one."""
    return max(1, memory_limit() // (height * width * BYTES_PER_PIXEL))


def slot_bytes() -> int:
    """The memory for a pattern's slots at a video's size that are kept ready."""
    return min(MOST_SLOT_BYTES, memory_limit() // LIMIT_SHARE)


def most_pixels() -> int:
    """The largest frame that is decoded, with the pixels at its edges that only a decoder has."""
    return min(MOST_PIXELS, memory_limit() // BYTES_PER_PIXEL + EDGE_PIXELS)


def require_believable_size(width: int, height: int, where: str = "") -> None:
    """Refuses frames before they are decoded.

    Args:
        width: that a header claims, in pixels.
        height: likewise.
        where: the name of the picture, of a folder of them.

    Raises:
        UnreadableVideo: if they are larger than any video's, or one of them would need more than the limit.
    """
    if width * height > MOST_PIXELS:
        place = f" ({where})" if where else ""
        raise UnreadableVideo(f"its header claims {width} x {height} pixels{place}, more than is believed")
    require_memory(width * height * BYTES_PER_PIXEL, f"a frame of {width} x {height} pixels with its copies")


def require_room_for_slots(norm: str, slots: int, height: int, width: int) -> None:
    """Refuses a video at whose size a perturbation that is resized as a whole is too large.

    Args:
        norm: of the budget; slots under linf are made one by one, and always have room.
        slots: of the perturbation.
        height: of the video's frames.
        width: likewise.

    Raises:
        UnreadableVideo: if it would need more than the limit.
    """
    if norm == "linf":
        return
    needed = slots * 3 * height * width * BYTES_PER_ELEMENT
    require_memory(needed, f"a perturbation of {slots} slots under l2 at {width} x {height} pixels")


def require_room_at_once(frames: int, height: int, width: int) -> None:
    """Refuses a video of which a defense needs more frames at once than there is room for.

    Args:
        frames: that it needs, such as those of a codec's stretch; they are there before the attack, behind it, and
            behind the defense.
        height: of the video's frames.
        width: likewise.

    Raises:
        UnreadableVideo: if they would need more than the limit.
    """
    if frames <= frames_at_once(height, width):
        return
    needed = height * width * (3 * 3 * frames + BYTES_PER_PIXEL)
    require_memory(needed, f"a stretch of {frames} frames of {width} x {height} pixels, which a defense needs at once,")


def has_room_beside(clips: int, frames: int, height: int, width: int) -> bool:
    """Whether several clips of one part of a video may be in memory at the same time."""
    return clips * frames * height * width * 3 <= memory_limit() // CLIPS_SHARE


def require_memory(needed: int, what: str) -> None:
    """Refuses what would need more than the limit.

    Args:
        needed: bytes, an estimate.
        what: needs them.

    Raises:
        UnreadableVideo: if that is more.
    """
    if needed > memory_limit():
        raise UnreadableVideo(
            f"{what} takes about {needed / 2**30:.1f} GB, more than the {memory_limit() / 2**30:.1f} GB that may be "
            "used; raise --memory-limit or make the video smaller"
        )
