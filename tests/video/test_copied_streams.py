"""Everything beside the pictures is in the copy."""

import io
from fractions import Fraction
from pathlib import Path

import av
import pytest
from av.video.frame import VideoFrame
from PIL import Image
from torch import Tensor

from lsap_cli.video.codecs import Codec, Ffv1Codec, H264RgbCodec, PngCodec
from lsap_cli.video.demuxing import opened
from lsap_cli.video.picture_folders import OTHERS
from lsap_cli.video.writing import container_suffix, transcode
from tests.tiny import make_bytes
from tests.video.files import sound_packets, write_with_sound
from tests.video.rich import contents, write_rich


def unchanged(pixels: Tensor, number: int) -> Tensor:
    return pixels


def copied(source: Path, codec: Codec) -> tuple[Path, list[str]]:
    target = source.with_name(f"copy{container_suffix(source, codec)}")
    return target, transcode(source, target, codec, unchanged).remarks


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
@pytest.mark.parametrize("codec", [Ffv1Codec(), H264RgbCodec()])
@pytest.mark.parametrize("shape", [Fraction(4, 3), Fraction(1024, 765), Fraction(3, 4)], ids=str)
def test_sound_subtitles_chapters_tags_files_and_the_pixels_shape_are_kept(
    tmp_path: Path, suffix: str, codec: Codec, shape: Fraction
) -> None:
    source = write_rich(tmp_path / f"rich{suffix}", make_bytes(25, 32, 48), shape)
    copy, _ = copied(source, codec)
    assert contents(copy) == contents(source)
    assert contents(source)["shape"] == shape
    assert contents(source)["texts"] == ["Hello", 'Second "line"']
    for track in (0, 1):
        assert [data for data, _ in sound_packets(copy, track)] == [data for data, _ in sound_packets(source, track)]


def test_timed_text_that_matroska_does_not_hold_becomes_plain_text_and_that_is_said(tmp_path: Path) -> None:
    source = write_rich(tmp_path / "rich.mp4", make_bytes(25, 32, 48))
    assert copied(source, Ffv1Codec())[1] == ["stream 3 (mov_text) is copied as plain text, without its styles"]
    assert copied(source, H264RgbCodec())[1] == []


def test_a_key_that_mp4_has_no_box_for_is_kept(tmp_path: Path) -> None:
    source = tmp_path / "source.mkv"
    plain = write_with_sound(tmp_path / "plain.mkv", make_bytes(5, 32, 48))
    with av.open(str(plain)) as read, av.open(str(source), "w") as out:
        streams = {one.index: out.add_stream_from_template(one, opaque=True) for one in read.streams}
        out.metadata.update({"title": "A title", "studio": "Mine"})
        for packet in read.demux():
            if packet.size:
                packet.stream = streams[packet.stream.index]
                out.mux(packet)
    copy, _ = copied(source, H264RgbCodec())
    assert copy.suffix == ".mp4"
    with av.open(str(copy)) as container:
        found = {key.lower(): value for key, value in container.metadata.items()}
    assert (found["title"], found["studio"]) == ("A title", "Mine")


@pytest.mark.parametrize("codec", [Ffv1Codec(), H264RgbCodec()])
def test_a_cover_picture_is_kept_byte_for_byte(tmp_path: Path, codec: Codec) -> None:
    picture = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(picture, "PNG")
    source = tmp_path / "source.mkv"
    plain = write_with_sound(tmp_path / "plain.mkv", make_bytes(5, 32, 48))
    with av.open(str(plain)) as read, av.open(str(source), "w") as out:
        streams = {one.index: out.add_stream_from_template(one, opaque=True) for one in read.streams}
        out.add_attachment("cover.png", "image/png", picture.getvalue())
        for packet in read.demux():
            if packet.size:
                packet.stream = streams[packet.stream.index]
                out.mux(packet)
    copy, _ = copied(source, codec)
    with av.open(str(copy)) as container:
        cover = next(one for one in container.streams.video if one.disposition & one.disposition.attached_pic)
        assert next(bytes(packet) for packet in container.demux(cover) if packet.size) == picture.getvalue()
    with opened(copy, "one") as (_, stream):
        assert stream.codec_context.name != "png"


def test_beside_a_folder_of_pictures_lies_what_else_was_in_the_file(tmp_path: Path) -> None:
    source = write_rich(tmp_path / "rich.mkv", make_bytes(25, 32, 48))
    copy, _ = copied(source, PngCodec())
    for track in (0, 1):
        with av.open(str(copy / OTHERS)) as others, av.open(str(source)) as read:
            kept, given = (
                [bytes(packet) for packet in one.demux(one.streams.audio[track]) if packet.size]
                for one in (others, read)
            )
        assert kept == given


def test_a_packet_of_sound_without_a_timestamp_is_not_lost(tmp_path: Path) -> None:
    """AVI stores none: whatever its reader makes of them, every byte of sound arrives."""
    source = tmp_path / "source.avi"
    with av.open(str(source), "w") as out:
        plain = av.open(str(write_with_sound(tmp_path / "plain.mkv", make_bytes(10, 32, 48), "mp2")))
        video = out.add_stream("mpeg4", rate=25)
        video.width, video.height, video.pix_fmt = 48, 32, "yuv420p"
        sound = out.add_stream_from_template(plain.streams.audio[0])
        for packet in plain.demux():
            if packet.stream.type == "audio" and packet.size:
                packet.stream = sound
                out.mux(packet)
            elif packet.stream.type == "video":
                for frame in packet.decode():
                    assert isinstance(frame, VideoFrame)
                    out.mux(video.encode(frame.reformat(format="yuv420p")))
        out.mux(video.encode(None))
        plain.close()
    copy, _ = copied(source, Ffv1Codec())
    assert [data for data, _ in sound_packets(copy)] == [data for data, _ in sound_packets(source)]
