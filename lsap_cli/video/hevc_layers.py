"""How many layers an HEVC stream holds: other views, depth, transparency beside the pictures (ITU-T H.265, 7.3.2.1)."""

import struct
from collections.abc import Iterator

PARAMETERS = 32  # NAL unit type of a video parameter set
START = b"\0\0\1"
ARRAYS_AT = 22  # where hvcC counts its arrays of parameter sets (ISO 14496-15, 8.3.3.1)


def hevc_layers(description: bytes | None) -> int:
    """The number of layers that a stream's description announces; 1 where it cannot be understood.

    Args:
        description: parameter sets, behind start codes or as `hvcC` has them.
    """
    try:
        announced = [_layers(unit) for unit in _units(description or b"") if unit[0] >> 1 & 63 == PARAMETERS]
    except (struct.error, IndexError):
        return 1  # damaged: FFmpeg, which decodes it, reports what it can
    return max(announced, default=1)


def _layers(unit: bytes) -> int:
    # identifier 4 bits, flags 2, layers minus 1 6, sub-layers 3, flag 1
    fields: int = struct.unpack_from(">H", unit, 2)[0]
    return (fields >> 4 & 63) + 1


def _units(description: bytes) -> Iterator[bytes]:
    if description[:1] != b"\1":
        yield from (unit for unit in description.split(START)[1:] if unit)
        return
    place = ARRAYS_AT + 1
    for _ in range(description[ARRAYS_AT]):
        (count,) = struct.unpack_from(">H", description, place + 1)
        place += 3
        for _ in range(count):
            (size,) = struct.unpack_from(">H", description, place)
            yield description[place + 2 : place + 2 + size]
            place += 2 + size
