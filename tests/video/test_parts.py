"""A part of a file is written as a file of its own: its frames from 0 on, and what belongs to it beside them."""

from fractions import Fraction
from pathlib import Path

import av
import pytest
import torch
from torch import Tensor

from lsap_cli.video.codecs import Codec, Ffv1Codec, H264RgbCodec, PngCodec
from lsap_cli.video.frames import UnreadableVideo
from lsap_cli.video.media import VideoPart, VideoSpan
from lsap_cli.video.reading import read_frame_times, read_frames, read_header
from lsap_cli.video.writing import Transcoded, container_suffix, transcode
from tests.tiny import make_bytes, write_timed
from tests.video.files import sound_packets, write_with_sound
from tests.video.rich import contents, write_rich


def unchanged(pixels: Tensor, number: int) -> Tensor:
    return pixels


def written(source: Path, span: VideoSpan, codec: Codec) -> tuple[Path, Transcoded]:
    target = source.with_name(f"part{container_suffix(source, codec)}")
    return target, transcode(source, target, codec, unchanged, span=span)


def seconds(start: str, end: str | None) -> VideoSpan:
    return VideoSpan(Fraction(start), None if end is None else Fraction(end))


def pixels(media: Path | VideoPart) -> Tensor:
    return torch.stack([frame.pixels for frame in read_frames(media)])


@pytest.mark.parametrize("codec", [Ffv1Codec(), H264RgbCodec()])
@pytest.mark.parametrize(("start", "end"), [("0.2", "0.72"), ("0", "0.4"), ("0.6", None)])
def test_a_part_has_its_frames_from_0_on_and_the_packets_of_sound_that_begin_in_it(
    tmp_path: Path, codec: Codec, start: str, end: str | None
) -> None:
    frames = make_bytes(25)
    source = write_with_sound(tmp_path / "a.mp4", frames)
    first, last = int(float(start) * 25), 25 if end is None else round(float(end) * 25)
    target, _ = written(source, seconds(start, end), codec)
    assert torch.equal(pixels(target), frames[first:last])
    assert read_frame_times(target).times.tolist() == [40 * number for number in range(last - first)]
    with av.open(str(target)) as container:
        assert container.streams.video[0].start_time == 0
    expected = [
        (data, moment - float(start))
        for data, moment in sound_packets(source)
        if moment >= float(start) and (end is None or moment < float(end))
    ]
    found = sound_packets(target)
    assert len(expected) > 8
    assert [data for data, _ in found] == [data for data, _ in expected]
    assert [moment for _, moment in found] == pytest.approx([moment for _, moment in expected], abs=0.0011)


def test_frames_of_a_part_keep_their_times_and_the_last_one_is_shown_up_to_the_next(tmp_path: Path) -> None:
    stamps = [0, 33, 67, 100, 400, 433]
    source = write_timed(tmp_path / "a.mkv", make_bytes(6), stamps)
    span = VideoSpan(Fraction(1), Fraction(4), in_frames=True)
    target, transcoded = written(source, span, Ffv1Codec())
    assert read_frame_times(target).times.tolist() == [0, 34, 67]
    assert read_frame_times(VideoPart(source, span)).times.tolist() == [0, 34, 67]
    assert transcoded.last_shown == Fraction(300, 1000)
    assert [frame.duration for frame in read_frames(target)][-1] == Fraction(300, 1000)


def test_texts_of_a_part_end_with_it_and_what_is_the_wholes_is_left_out_by_name(tmp_path: Path) -> None:
    source = write_rich(tmp_path / "rich.mkv", make_bytes(25))
    target, transcoded = written(source, seconds("0.24", "0.64"), Ffv1Codec())
    found = contents(target)
    assert found["texts"] == ['Second "line"']
    assert found["chapters"] == []
    assert found["title"] == "A title"
    assert found["files"] == [("notes.txt", b"attached")]
    assert any(
        "1 of the texts of stream 3 (subtitle subrip) begin before the part" in one for one in transcoded.remarks
    )
    assert any("its chapters are not copied" in one for one in transcoded.remarks)
    with av.open(str(target)) as container:
        [(start, length)] = [
            (packet.pts, packet.duration) for packet in container.demux(container.streams.subtitles[0]) if packet.size
        ]
    assert (start, length) == (260, 140)


def test_a_stream_of_which_nothing_begins_in_the_part_is_named(tmp_path: Path) -> None:
    source = write_rich(tmp_path / "rich.mkv", make_bytes(25))
    _, transcoded = written(source, seconds("0.84", None), Ffv1Codec())
    assert any(
        "stream 3 (subtitle subrip) is not copied: none of its packets begins" in one for one in transcoded.remarks
    )


def test_a_part_in_a_folder_of_pictures_has_its_sound_beside_it(tmp_path: Path) -> None:
    frames = make_bytes(25)
    source = write_with_sound(tmp_path / "a.mp4", frames)
    target, transcoded = written(source, seconds("0.2", "0.4"), PngCodec())
    assert torch.equal(pixels(target), frames[5:10])
    assert [span.packets for span in transcoded.spans] == [9]


def test_a_part_behind_the_end_is_refused_and_leaves_no_file(tmp_path: Path) -> None:
    source = write_with_sound(tmp_path / "a.mp4", make_bytes(5))
    with pytest.raises(UnreadableVideo, match="none of its frames lies in the part 7-9"):
        written(source, seconds("7", "9"), Ffv1Codec())
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_the_header_of_a_part_has_about_its_frames(tmp_path: Path) -> None:
    source = write_with_sound(tmp_path / "a.mp4", make_bytes(25))
    spans = [VideoSpan(Fraction(5), Fraction(9), True), seconds("0.2", "0.4"), seconds("0.8", None), seconds("3", "4")]
    assert [read_header(VideoPart(source, span)).frames for span in spans] == [4, 5, 5, 0]


def test_names_of_parts_have_all_decimals(tmp_path: Path) -> None:
    texts = [str(seconds(*one)) for one in (("12345.611", "12345.612"), ("100", None), ("0.5", "1"))]
    assert texts == ["12345.611-12345.612", "100-end", "0.5-1"]
    assert str(VideoSpan(Fraction(120), Fraction(1000000), True)) == "120f-1000000f"
