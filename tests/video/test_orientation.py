from pathlib import Path

import pytest
import torch
from torch import Tensor

from lsap_cli.video.codecs import Codec, Ffv1Codec, H264RgbCodec
from lsap_cli.video.reading import read_frame_times, read_frames
from lsap_cli.video.writing import transcode
from tests.tiny import make_bytes, write_tiny
from tests.video.files import show_by

SHOWN = {  # the matrix (a, b, c, d), and the dimensions of (N, 3, H, W) that change places or are reversed
    "as it is": ((1, 0, 0, 1), False, ()),
    "left and right changed": ((-1, 0, 0, 1), False, (3,)),
    "top and bottom changed": ((1, 0, 0, -1), False, (2,)),
    "upside down": ((-1, 0, 0, -1), False, (2, 3)),
    "transposed": ((0, 1, 1, 0), True, ()),
    "turned clockwise": ((0, 1, -1, 0), True, (3,)),
    "turned against the clock": ((0, -1, 1, 0), True, (2,)),
    "transposed about the other corner": ((0, -1, -1, 0), True, (2, 3)),
    "zeros, as some recorders write": ((0, 0, 0, 0), False, ()),
    "nearly a quarter turn": ((2**-16, 1, -1, 2**-16), True, (3,)),
}


def unchanged(pixels: Tensor, index: int) -> Tensor:
    return pixels


@pytest.mark.parametrize(("codec", "suffix"), [(Ffv1Codec(), ".mkv"), (H264RgbCodec(), ".mp4")])
@pytest.mark.parametrize("case", SHOWN)
def test_frames_are_read_as_players_show_them_and_a_copy_is_shown_alike(
    tmp_path: Path, case: str, codec: Codec, suffix: str
) -> None:
    matrix, transposed, reversed_ = SHOWN[case]
    frames = make_bytes(3, 16, 22)
    source = show_by(write_tiny(tmp_path / "a.mp4", frames, codec=H264RgbCodec()), *matrix)
    upright = (frames.transpose(2, 3) if transposed else frames).flip(reversed_)
    copy = tmp_path / f"copy{suffix}"
    transcode(source, copy, codec, unchanged)
    for path in (source, copy):
        assert torch.equal(torch.stack([frame.pixels for frame in read_frames(path)]), upright)
        times = read_frame_times(path)
        assert (times.height, times.width) == tuple(upright.shape[2:])
