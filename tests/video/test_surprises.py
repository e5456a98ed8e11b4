"""Files whose real behavior surprises: read rightly, or named; never the end of a run."""

import io
import re
import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from PIL import Image
from torch import Tensor

from lsap_cli.video.codecs import Av1Codec, Ffv1Codec, H264Codec, H264RgbCodec, PngCodec, Vp9Codec
from lsap_cli.video.demuxing import count_packets
from lsap_cli.video.hevc_layers import hevc_layers
from lsap_cli.video.matroska import shown_differently
from lsap_cli.video.picture_folders import TIMES
from lsap_cli.video.reading import UnreadableVideo, read_frame_times, read_frames, read_header
from lsap_cli.video.writing import transcode
from tests.tiny import make_bytes, write_tiny


def unchanged(pixels: Tensor, index: int) -> Tensor:
    return pixels


def write_gray(path: Path, encoder: str, rate: int, frames: int, form: str | None = None, matrix: int = 2) -> Path:
    """Gray frames of 64 x 64, each a little lighter, in 4:2:0."""
    with av.open(str(path), "w", format=form) as out:
        stream = out.add_stream(
            encoder, rate=rate, options={"x264-params": "bframes=0"} if encoder == "libx264" else {}
        )
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        stream.codec_context.colorspace = matrix
        for index in range(frames):
            array = np.full((64, 64, 3), 60 + index, dtype=np.uint8)
            frame = VideoFrame.from_ndarray(array, format="rgb24").reformat(format="yuv420p")
            frame.colorspace = matrix
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def jpeg(index: int, exif: bool = False) -> bytes:
    file = io.BytesIO()
    exif_tags = Image.Exif()
    exif_tags[0x010E] = "a description"
    picture = Image.fromarray(np.full((48, 64, 3), 20 * index, dtype=np.uint8))
    picture.save(file, "JPEG", **({"exif": exif_tags} if exif else {}))
    return file.getvalue()


@pytest.mark.parametrize("matrix", [8, 10, 11, 12, 13, 14])
def test_colors_that_cannot_be_converted_are_named_and_others_are_read(tmp_path: Path, matrix: int) -> None:
    path = write_gray(tmp_path / "a.mp4", "libx264", 25, 3, matrix=matrix)
    try:
        assert len(list(read_frames(path))) == 3
    except UnreadableVideo as error:
        assert f"(matrix {matrix})" in str(error)  # noqa: PT017  # either is right: FFmpeg decides
    if matrix == 8:
        with pytest.raises(UnreadableVideo, match="its colors are stored in YCgCo"):
            transcode(path, tmp_path / "copy.mkv", Ffv1Codec(), unchanged)


def test_side_data_that_pyav_has_no_name_for_is_no_obstacle(tmp_path: Path) -> None:
    path = tmp_path / "a.avi"
    with av.open(str(path), "w") as out:
        stream = out.add_mux_stream("mjpeg", rate=25, width=64, height=48)
        stream.time_base = Fraction(1, 25)
        for index in range(5):
            packet = Packet(jpeg(index, exif=True))
            packet.pts = packet.dts = index
            packet.time_base, packet.stream = Fraction(1, 25), stream
            out.mux(packet)
    assert transcode(path, tmp_path / "copy.mkv", Ffv1Codec(), unchanged).frames == 5


@pytest.mark.parametrize("suffix", [".mjpeg", ".mjpg"])
def test_joined_jpeg_pictures_are_a_video(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(b"".join(jpeg(index) for index in range(10)))
    assert read_frame_times(path).times.tolist() == [40 * index for index in range(10)]


def test_a_raw_stream_has_the_rate_that_it_says(tmp_path: Path) -> None:
    path = write_gray(tmp_path / "a.h264", "libx264", 50, 20, "h264")
    assert read_frame_times(path).times.tolist() == [20 * index for index in range(20)]
    transcode(path, tmp_path / "copy.mp4", H264RgbCodec(), unchanged)
    with av.open(str(tmp_path / "copy.mp4")) as copy:
        assert copy.duration == 400_000
    moved = write_gray(tmp_path / "a.m4v", "mpeg4", 30, 10, "m4v")
    transcode(moved, tmp_path / "moved.mkv", Ffv1Codec(), unchanged)
    assert read_header(tmp_path / "moved.mkv").rate == 30


@pytest.mark.parametrize("rate", [1, 12, 120, 240])
def test_a_raw_stream_of_h264_has_the_rate_that_it_says_at_low_and_high_rates(tmp_path: Path, rate: int) -> None:
    path = write_gray(tmp_path / "a.h264", "libx264", rate, 5, "h264")
    assert read_header(path).rate == rate
    assert read_frame_times(path).times.tolist() == [round(1000 * index / rate) for index in range(5)]


@pytest.mark.parametrize(("name", "stated"), [("a.mjpeg", False), ("a.obu", False), ("a.h264", True), ("a.avi", True)])
def test_a_copy_of_a_stream_that_does_not_say_its_rate_has_a_note(tmp_path: Path, name: str, stated: bool) -> None:
    path = tmp_path / name
    if name == "a.mjpeg":
        path.write_bytes(b"".join(jpeg(index) for index in range(3)))
    else:
        codec = {"a.obu": "libsvtav1", "a.h264": "libx264", "a.avi": "mpeg4"}[name]
        write_gray(path, codec, 50, 3, "obu" if name == "a.obu" else None)
    remarks = transcode(path, tmp_path / "copy.mkv", Ffv1Codec(), unchanged).remarks
    assumed = "it does not say how many frames a second it has; 25 are assumed"
    assert remarks == ([] if stated else [assumed])


@pytest.mark.parametrize(("name", "encoder"), [("a.h264", "libx264"), ("a.m4v", "mpeg4"), ("a.mjpeg", "")])
def test_the_frames_of_a_stream_that_does_not_say_how_long_it_is_are_counted(
    tmp_path: Path, name: str, encoder: str
) -> None:
    path = tmp_path / name
    if name == "a.mjpeg":
        path.write_bytes(b"".join(jpeg(index) for index in range(7)))
    else:
        write_gray(path, encoder, 25, 7, path.suffix[1:])
    assert read_header(path).frames == 7


def test_of_a_large_stream_a_part_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.mjpeg"
    path.write_bytes(jpeg(1) * 100)
    assert count_packets(path, 0) == 100
    assert count_packets(path, 0, len(jpeg(1)) * 20) == pytest.approx(100, abs=5)


def test_a_clock_that_starts_again_goes_on(tmp_path: Path) -> None:
    part = write_gray(tmp_path / "part.ts", "libx264", 25, 30).read_bytes()
    path = tmp_path / "a.ts"
    path.write_bytes(part + part)
    assert read_frame_times(path).times.tolist() == [40 * index for index in range(60)]
    transcode(path, tmp_path / "copy.mkv", Ffv1Codec(), unchanged)
    assert torch.equal(read_frame_times(tmp_path / "copy.mkv").times, read_frame_times(path).times)
    with av.open(str(tmp_path / "copy.mkv")) as copy:
        assert copy.duration == 2_400_000


@pytest.mark.parametrize("rate", [2000, 10_000])
def test_frames_closer_than_a_millisecond_do_not_lengthen_a_copy(tmp_path: Path, rate: int) -> None:
    source = write_gray(tmp_path / "a.mp4", "libx264", rate, 40)
    transcode(source, tmp_path / "copy.mkv", Ffv1Codec(), unchanged)
    assert torch.equal(read_frame_times(tmp_path / "copy.mkv").times, read_frame_times(source).times)
    with pytest.raises(UnreadableVideo, match="less than a millisecond apart"):
        transcode(source, tmp_path / "copy.webm", Vp9Codec(), unchanged)


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_the_last_frame_is_shown_as_long_as_in_the_source(tmp_path: Path, suffix: str) -> None:
    source = tmp_path / "a.mkv"
    with av.open(str(source), "w") as out:
        stream = out.add_stream("ffv1", rate=25)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "bgr0"
        stream.codec_context.time_base = stream.time_base = Fraction(1, 1000)
        for index in range(3):
            frame = VideoFrame(64, 48, "bgr0")
            frame.pts, frame.time_base = 40 * index, Fraction(1, 1000)
            for packet in stream.encode(frame):
                packet.duration = 2000 if index == 2 else 40
                out.mux(packet)
    transcode(source, tmp_path / f"copy{suffix}", Ffv1Codec() if suffix == ".mkv" else H264RgbCodec(), unchanged)
    lengths = []
    for path in (source, tmp_path / f"copy{suffix}"):
        with av.open(str(path)) as container:
            lengths.append(container.duration)
    assert lengths == [2_080_000, 2_080_000]


@pytest.mark.parametrize("codec", [H264Codec(crf=0), H264Codec(crf=0, pixel_format="yuv444p")], ids=["4:2:0", "4:4:4"])
def test_a_lossy_copy_is_as_bright_as_its_source_also_after_several(tmp_path: Path, codec: H264Codec) -> None:
    generator = np.random.default_rng(0)
    low = generator.integers(30, 220, (3, 6, 8, 3)).astype(np.uint8)
    large = [Image.fromarray(one).resize((96, 64), Image.Resampling.BICUBIC) for one in low]
    frames = torch.from_numpy(np.stack([np.asarray(one) for one in large])).permute(0, 3, 1, 2)
    path = write_tiny(tmp_path / "0.mkv", frames)
    means = [frames.float().mean((0, 2, 3))]
    for trip in range(3):
        target = tmp_path / f"{trip + 1}.mp4"
        transcode(path, target, codec, unchanged)
        path = target
        means.append(torch.stack([frame.pixels.float() for frame in read_frames(path)]).mean((0, 2, 3)))
    assert float((means[1] - means[0]).abs().max()) < 0.2
    assert float((means[3] - means[0]).abs().max()) < 0.4


def test_deep_gray_is_read_as_the_gray_that_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("ffv1", rate=25)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p10le"
        gray = VideoFrame.from_ndarray(np.full((48, 64, 3), 128, dtype=np.uint8), format="rgb24")
        out.mux(stream.encode(gray.reformat(format="yuv420p10le")))
        out.mux(stream.encode(None))
    assert next(read_frames(path)).pixels.unique().tolist() == [128]


@pytest.mark.parametrize(
    ("times", "message"),
    [
        ("[0, 40, NaN]", "which cannot be"),
        ("[0, 40, Infinity]", "which cannot be"),
        ("[0, 40, 1" + "0" * 400 + "]", "which cannot be"),
        ("[0, 40, -1]", "which cannot be"),
        ('[0, 40, "80"]', "which cannot be"),
        ("[0, 80, 40]", "do not begin at 0 and rise"),
        ("{}" * 3, "damaged"),
    ],
)
def test_a_frame_folder_with_times_that_cannot_be_is_named(tmp_path: Path, times: str, message: str) -> None:
    source = write_tiny(tmp_path / "a.mkv", make_bytes(3, 16, 24))
    folder = tmp_path / "a.frames"
    transcode(source, folder, PngCodec(), unchanged)
    (folder / TIMES).write_text(f'{{"schema": "lsap.frames/1", "milliseconds": {times}}}')
    with pytest.raises(UnreadableVideo, match=message):
        list(read_frames(folder))


def test_a_frame_folder_has_the_limits_of_a_video(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write_tiny(tmp_path / "a.mkv", make_bytes(3, 16, 24))
    folder = tmp_path / "a.frames"
    transcode(source, folder, PngCodec(), unchanged)
    with monkeypatch.context() as patched:
        patched.setattr("lsap_cli.video.memory_limit.MOST_PIXELS", 100)
        with pytest.raises(UnreadableVideo, match="its header claims 24 x 16 pixels"):
            list(read_frames(folder))
    Image.new("RGB", (8, 8)).save(folder / "000001.png")
    with pytest.raises(UnreadableVideo, match="change from 24 x 16 to 8 x 8"):
        list(read_frames(folder))
    (folder / "000001.png").write_bytes(b"no picture")
    with pytest.raises(UnreadableVideo, match="its frames cannot be read"):
        list(read_frames(folder))


def test_a_name_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    path = write_tiny(tmp_path / "a.mkv", make_bytes(2, 16, 24))
    strange = Path(str(tmp_path) + "/caf\udce9.mkv")
    path.rename(strange)
    with pytest.raises(UnreadableVideo, match="its name is not UTF-8"):
        list(read_frames(strange))


def test_what_matroska_says_of_showing_is_named(tmp_path: Path) -> None:
    video = bytes.fromhex("b08140 ba8130 54bb8104 54cc8102 53b88103".replace(" ", ""))
    entry = bytes([0xE0, 0x80 | len(video)]) + video
    tracks = bytes([0xAE, 0x80 | len(entry)]) + entry
    segment = bytes.fromhex("1654ae6b") + bytes([0x80 | len(tracks)]) + tracks
    (tmp_path / "a.mkv").write_bytes(bytes.fromhex("18538067") + bytes([0x80 | len(segment)]) + segment)
    cropped, stereo = shown_differently(tmp_path / "a.mkv")
    assert "4 at the top, 2 at the left" in cropped
    assert "stereoscopic (mode 3)" in stereo


def with_clean_aperture(path: Path, width: int, height: int) -> Path:
    """Puts a clean aperture into the only track of an mp4 whose description is its last part."""
    data = bytearray(path.read_bytes())
    box = struct.pack(">I4s8I", 40, b"clap", width, 1, height, 1, 0, 1, 0, 1)
    entry = data.index(b"avc1", data.index(b"stsd")) - 4
    (size,) = struct.unpack_from(">I", data, entry)
    for kind in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"avc1"):
        place = data.rindex(kind, 0, entry + 8) - 4
        struct.pack_into(">I", data, place, struct.unpack_from(">I", data, place)[0] + len(box))
    data[entry + size : entry + size] = box
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(("width", "height", "named"), [(48, 32, True), (64, 64, False)])
def test_a_clean_aperture_of_mp4_is_named_where_it_crops(tmp_path: Path, width: int, height: int, named: bool) -> None:
    source = with_clean_aperture(write_gray(tmp_path / "a.mp4", "libx264", 25, 3), width, height)
    remarks = transcode(source, tmp_path / "copy.mkv", Ffv1Codec(), unchanged).remarks
    assert ["of 64 x 64 are to be cropped to 48 x 32 when shown" in one for one in remarks] == [True] * named


def hevc_of_layers(path: Path, layers: int) -> Path:
    """An HEVC file whose video parameter set announces that many layers, as multi-view files do (7.3.2.1)."""
    data = bytearray(write_gray(path, "libx265", 25, 3).read_bytes())
    place = data.index(b"\x40\x01\x0c\x01")  # set 0, flags of the base layer, one layer
    data[place + 2 : place + 4] = (0x0C01 | (layers - 1) << 4).to_bytes(2, "big")
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".hevc", ".ts"])
@pytest.mark.parametrize("layers", [1, 2])
def test_layers_of_hevc_that_are_not_decoded_are_named(tmp_path: Path, suffix: str, layers: int) -> None:
    source = hevc_of_layers(tmp_path / f"a{suffix}", layers)
    remarks = transcode(source, tmp_path / "copy.mkv", Ffv1Codec(), unchanged).remarks
    assert sum("it holds 2 layers of pictures" in one for one in remarks) == layers - 1


def test_a_damaged_description_of_hevc_announces_one_layer() -> None:
    whole = b"\1" + bytes(21) + b"\1\xa0\0\1\0\6\x40\1\x0c\x21\xff\xff"
    assert [hevc_layers(whole[:length]) for length in (0, 1, 22, 23, 26, 28, 30)] == [1] * 7
    assert hevc_layers(whole) == 3


def test_closed_captions_inside_of_the_pictures_are_named(tmp_path: Path) -> None:
    """ATSC A/53 captions in an SEI message of H.264, before each picture."""
    plain = write_gray(tmp_path / "a.h264", "libx264", 25, 3, "h264").read_bytes()
    captions = bytes.fromhex("b500314741393403 41ff fc9420 ff".replace(" ", ""))
    message = b"\0\0\0\1\x06\x04" + bytes([len(captions)]) + captions + b"\x80"
    source = tmp_path / "b.h264"
    parts = re.split(rb"(?=\x00\x00\x01[\x65\x41\x61\x01\x21])", plain)
    source.write_bytes(message.join(parts))
    remarks = transcode(source, tmp_path / "copy.mkv", Ffv1Codec(), unchanged).remarks
    assert remarks == ["the closed captions inside of its pictures are not copied"]


def test_matroskas_stereo_mode_is_named_once(tmp_path: Path) -> None:
    plain = write_gray(tmp_path / "a.mp4", "libx264", 25, 3)
    for mode, named in (("left_right", 1), ("mono", 0)):
        source = tmp_path / f"{mode}.mkv"
        with av.open(str(plain)) as read, av.open(str(source), "w") as out:
            stream = out.add_stream_from_template(read.streams.video[0], opaque=True)
            stream.metadata["stereo_mode"] = mode
            for packet in read.demux(video=0):
                if packet.size:
                    packet.stream = stream
                    out.mux(packet)
        remarks = transcode(source, tmp_path / f"{mode} copy.mkv", Ffv1Codec(), unchanged).remarks
        assert ["stereoscopic (mode 1)" in one for one in remarks] == [True] * named


def test_a_rate_that_an_encoder_does_not_take_is_refused_by_name(tmp_path: Path) -> None:
    source = write_gray(tmp_path / "a.mp4", "libx264", 480, 4)
    with pytest.raises(UnreadableVideo, match="480 frames a second, and av1 takes at most 240"):
        transcode(source, tmp_path / "copy.mp4", Av1Codec(), unchanged)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 9), (9, 1), (2, 1)])
def test_frames_of_one_row_or_one_column_are_written_without_loss(tmp_path: Path, height: int, width: int) -> None:
    frames = make_bytes(3, height, width)
    source = write_tiny(tmp_path / "a.mkv", frames)
    transcode(source, tmp_path / "copy.mkv", Ffv1Codec(), unchanged)
    assert torch.equal(torch.stack([frame.pixels for frame in read_frames(tmp_path / "copy.mkv")]), frames)


@pytest.mark.parametrize("suffix", [".mkv", ".flv"])
def test_a_file_that_ends_before_its_header_says_is_named(tmp_path: Path, suffix: str) -> None:
    whole = write_gray(tmp_path / f"a{suffix}", "libx264", 25, 50)
    cut = tmp_path / f"cut{suffix}"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    assert transcode(whole, tmp_path / "whole.mkv", Ffv1Codec(), unchanged).remarks == []
    (remark,) = transcode(cut, tmp_path / "copy.mkv", Ffv1Codec(), unchanged).remarks
    assert "lasts 2.000 s" in remark
    assert "it may have been cut off" in remark


def test_an_animated_png_is_a_video(tmp_path: Path) -> None:
    path = tmp_path / "a.apng"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("apng", rate=10)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = 8, 6, "rgb24"
        for number in range(4):
            array = np.full((6, 8, 3), 60 * number, dtype=np.uint8)
            out.mux(stream.encode(VideoFrame.from_ndarray(array, format="rgb24")))
        out.mux(stream.encode(None))
    frames = list(read_frames(path))
    assert [int(frame.pixels.max()) for frame in frames] == [0, 60, 120, 180]
    assert [frame.milliseconds for frame in frames] == [0, 100, 200, 300]


def test_the_end_of_a_fragmented_mp4_that_does_not_begin_at_0_is_no_difference(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w", options={"movflags": "dash"}) as out:
        stream = out.add_stream("libx264", rate=25, options={"g": "5"})
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        for _ in range(20):
            out.mux(stream.encode(VideoFrame(32, 32, "yuv420p")))
        out.mux(stream.encode(None))
    assert transcode(path, tmp_path / "copy.mkv", Ffv1Codec(), unchanged).remarks == []
