"""A file whose clock starts again on the way, with sound."""

from pathlib import Path

import pytest
import torch

from lsap_cli.applying.time_proof import TimeProof
from lsap_cli.video.codecs import Ffv1Codec, H264RgbCodec
from lsap_cli.video.reading import read_frame_times, read_frames
from lsap_cli.video.writing import transcode
from tests.tiny import make_bytes
from tests.video.files import sound_packets, write_with_sound


@pytest.mark.parametrize("seconds", [0.5, 1.0, 1.5])  # of the sound of each half; its pictures last 1 s
@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_sound_and_pictures_go_on_together_where_the_clock_starts_again(
    tmp_path: Path, seconds: float, suffix: str
) -> None:
    part = write_with_sound(tmp_path / "part.ts", make_bytes(25), "mp2", seconds).read_bytes()
    source, copy = tmp_path / "a.ts", tmp_path / f"copy{suffix}"
    source.write_bytes(part + part)
    copied = transcode(source, copy, Ffv1Codec() if suffix == ".mkv" else H264RgbCodec(), lambda pixels, _: pixels)
    assert (copied.frames, copied.remarks) == (50, [])
    proof = TimeProof()
    for frame, written in zip(read_frames(source), read_frames(copy), strict=True):
        proof.add(frame.seconds, written)
    assert proof.differences(copied, copy) == []
    times, moments = read_frame_times(copy).times, [moment for _, moment in sound_packets(copy)]
    assert torch.equal(times, read_frame_times(source).times)
    assert moments == sorted(moments)
    second = len(moments) // 2
    assert moments[second] - moments[0] == pytest.approx((times[25] - times[0]).item() / 1000, abs=0.002)
