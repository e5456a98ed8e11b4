"""Lossy codecs keep what a video means: its colors, their tags, its moments."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream
from torch import Tensor

from lsap_cli.errors import LsapError
from lsap_cli.video.codecs import Av1Codec, Codec, Ffv1Codec, H264Codec, H265Codec, PngCodec, Vp9Codec
from lsap_cli.video.quality import Similarity
from lsap_cli.video.reading import read_frame_times, read_frames
from lsap_cli.video.writing import check_available, container_suffix, transcode
from tests.tiny import make_bytes, write_timed, write_tiny

CODECS: list[Codec] = [H264Codec(crf=1), H265Codec(crf=1), Vp9Codec(crf=1), Av1Codec(crf=1)]
PATCHES = ((200, 30, 30), (30, 200, 30), (30, 30, 200), (200, 200, 30))


def unchanged(pixels: Tensor, number: int) -> Tensor:
    return pixels


def write_patches(path: Path, matrix: int, full_range: bool) -> Path:
    """Four large patches of strong colors in 4:2:0, with the matrix and range that the file says."""
    picture = np.zeros((128, 128, 3), dtype=np.uint8)
    for number, color in enumerate(PATCHES):
        row, column = divmod(number, 2)
        picture[64 * row : 64 * row + 64, 64 * column : 64 * column + 64] = color
    reformatter = VideoReformatter()
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=25, options={"crf": "1"})
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = 128, 128, "yuv420p"
        context = stream.codec_context
        context.colorspace, context.color_primaries, context.color_trc = matrix, matrix, matrix
        context.color_range = 2 if full_range else 1
        for number in range(4):
            frame = reformatter.reformat(
                VideoFrame.from_ndarray(picture, format="rgb24"),
                format="yuv420p",
                dst_colorspace={1: 1, 6: 5}[matrix],
                dst_color_range=2 if full_range else 1,
            )
            frame.pts, frame.time_base = number, Fraction(1, 25)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.name)
@pytest.mark.parametrize("matrix", [1, 6], ids=["bt709", "bt601"])
@pytest.mark.parametrize("full_range", [False, True], ids=["tv", "pc"])
def test_colors_mean_the_same_and_say_the_same(tmp_path: Path, codec: Codec, matrix: int, full_range: bool) -> None:
    source = write_patches(tmp_path / "source.mp4", matrix, full_range)
    target = tmp_path / f"copy{container_suffix(source, codec)}"
    transcode(source, target, codec, unchanged)
    before, after = (next(read_frames(path)).pixels for path in (source, target))
    for row, column in ((32, 32), (32, 96), (96, 32), (96, 96)):
        there, then = (
            pixels[:, row - 8 : row + 8, column - 8 : column + 8].float().mean((1, 2)) for pixels in (before, after)
        )
        assert float((there - then).abs().max()) < 4
    assert float((before[:, 32, 32].float() - torch.tensor(PATCHES[0]).float()).abs().max()) < 6
    with av.open(str(target)) as container:
        context = container.streams.video[0].codec_context
        assert (int(context.colorspace), int(context.color_primaries)) == (matrix, matrix)
        assert int(context.color_range) == (2 if full_range else 1)


@pytest.mark.parametrize("codec", [*CODECS, PngCodec()], ids=lambda codec: codec.name)
def test_uneven_moments_are_kept(tmp_path: Path, codec: Codec) -> None:
    stamps = [0, 40, 50, 300, 333, 1000]
    source = write_timed(tmp_path / "source.mp4", make_bytes(6, 64, 64), stamps)
    target = tmp_path / f"copy{container_suffix(source, codec)}"
    transcode(source, target, codec, unchanged)
    assert read_frame_times(target).times.tolist() == stamps


def test_a_folder_of_pictures_gives_every_byte_back(tmp_path: Path) -> None:
    source = write_tiny(tmp_path / "source.mkv", make_bytes(5, 17, 23))
    transcode(source, tmp_path / "copy.frames", PngCodec(), unchanged)
    read = torch.stack([frame.pixels for frame in read_frames(tmp_path / "copy.frames")])
    assert torch.equal(read, make_bytes(5, 17, 23))
    assert len(list((tmp_path / "copy.frames").glob("*.png"))) == 5


def test_an_encoder_that_is_not_there_is_refused_by_name() -> None:
    class Missing(Ffv1Codec):
        encoder = "libnothing"

    with pytest.raises(LsapError, match="libnothing"):
        check_available(Missing())
    for codec in [*CODECS, Ffv1Codec(), PngCodec()]:
        check_available(codec)


def test_similarity_is_one_for_equal_pictures_and_falls_with_noise() -> None:
    first, second = (pixels.permute(1, 2, 0).contiguous().numpy() for pixels in make_bytes(2, 40, 56))
    similarity = Similarity(40, 56)
    assert similarity.of(first, first) == 1
    near = np.clip(first.astype(int) + 3, 0, 255).astype(np.uint8)
    assert 0.9 < similarity.of(first, near) < 1
    assert similarity.of(first, second) < 0.2
