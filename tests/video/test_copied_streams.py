"""Everything beside the pictures is in the copy."""

import io
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.video.frame import VideoFrame
from PIL import Image
from torch import Tensor

from lsap_cli.video.codecs import Codec, Ffv1Codec, H264RgbCodec, PngCodec
from lsap_cli.video.demuxing import opened
from lsap_cli.video.picture_folders import OTHERS
from lsap_cli.video.reading import read_frames
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


def samples(path: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """All samples of a file's first sound, in the order of time."""
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray() for frame in container.decode(audio=0)]
    return np.concatenate([frame.astype(np.float64).reshape(-1) for frame in frames])


def write_coded(path: Path, plain: Path, sound: str) -> Path:
    """The pictures and the sound of a file in other formats."""
    with av.open(str(plain)) as read, av.open(str(path), "w") as out:
        video = out.add_stream("mpeg4", rate=25)
        video.width, video.height, video.pix_fmt = 48, 32, "yuv420p"
        tone = out.add_stream(sound, rate=48000)
        assert isinstance(tone, AudioStream)
        tone.layout, tone.bit_rate = "mono", 96_000
        resampler = av.AudioResampler(tone.codec_context.format.name, "mono", 48000)
        for packet in read.demux():
            for frame in packet.decode():
                if isinstance(frame, VideoFrame):
                    out.mux(video.encode(frame.reformat(format="yuv420p")))
                elif isinstance(frame, AudioFrame):
                    for part in resampler.resample(frame):
                        part.pts = None
                        out.mux(tone.encode(part))
        out.mux(video.encode(None))
        out.mux(tone.encode(None))
    return path


@pytest.fixture(scope="module")
def with_flac(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_with_sound(tmp_path_factory.mktemp("plain") / "plain.mkv", make_bytes(10, 32, 48), "flac", 0.4)


@pytest.mark.parametrize("sound", ["pcm_mulaw", "pcm_alaw", "adpcm_ms", "adpcm_ima_wav", "wmav2"])
@pytest.mark.parametrize("codec", [H264RgbCodec(), PngCodec()], ids=lambda codec: codec.name)
def test_sound_of_windows_is_copied_packet_by_packet(tmp_path: Path, with_flac: Path, sound: str, codec: Codec) -> None:
    source = write_coded(tmp_path / "source.avi", with_flac, sound)
    copy, remarks = copied(source, codec)
    assert (copy.suffix, remarks) == (".frames" if codec.name == "png" else ".mkv", [])
    written = copy / OTHERS if codec.name == "png" else copy
    assert sound_of(written) == sound_of(source)
    assert np.array_equal(samples(written), samples(source))


def sound_of(path: Path) -> tuple[str, int, int, list[bytes]]:
    """A file's first sound: format, rate, channels and packets."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        facts = stream.codec_context.name, stream.codec_context.sample_rate, stream.codec_context.layout.nb_channels
        return *facts, [bytes(packet) for packet in container.demux(stream) if packet.size]


def test_sound_that_the_copy_does_not_hold_is_stored_as_its_samples(tmp_path: Path, with_flac: Path) -> None:
    source = write_coded(tmp_path / "source.mov", with_flac, "adpcm_ima_qt")
    copy, remarks = copied(source, H264RgbCodec())
    assert copy.suffix == ".mkv"
    assert len(remarks) == 1
    assert "stream 1 (audio adpcm_ima_qt) is stored as samples" in remarks[0]
    assert np.array_equal(samples(copy), samples(source))


def test_true_audio_is_stored_as_samples_since_readers_count_them_by_the_length_of_the_file(tmp_path: Path) -> None:
    plain = write_with_sound(tmp_path / "plain.mkv", make_bytes(10, 32, 48), "pcm_s16le", 0.448)
    source = write_coded(tmp_path / "source.mkv", plain, "tta")
    assert samples(source).size == samples(plain).size
    copy, remarks = copied(source, Ffv1Codec())
    assert [remark.partition(":")[0] for remark in remarks] == ["stream 1 (audio tta) is stored as samples (pcm_u8)"]
    assert np.array_equal(samples(copy), samples(source))


def test_true_audio_that_readers_of_the_source_cannot_decode_is_copied_with_a_note(tmp_path: Path) -> None:
    plain = write_with_sound(tmp_path / "plain.mkv", make_bytes(40, 32, 48), "pcm_s16le", 0.448)
    source = write_coded(tmp_path / "source.mkv", plain, "tta")  # its pictures are longer
    copy, remarks = copied(source, Ffv1Codec())
    assert len(remarks) == 1
    assert "stream 1 (audio tta) is copied as it is: readers of the source cannot decode all of it" in remarks[0]
    assert sound_packets(copy) == sound_packets(source)


def test_sound_whose_clock_steps_back_is_left_out_by_name_and_the_pictures_are_written(
    tmp_path: Path, with_flac: Path
) -> None:
    source = tmp_path / "source.mkv"
    data = bytearray(with_flac.read_bytes())
    *_, late = [payload for payload, _ in sound_packets(with_flac)]
    place = data.index(late)
    data[place - 3 : place - 1] = bytes(2)  # of its block: the time within the cluster
    source.write_bytes(data)
    copy, remarks = copied(source, Ffv1Codec())
    assert remarks == ["stream 1 (audio flac) is not copied: its clock steps back on the way"]
    assert len(list(read_frames(copy))) == 10


def test_a_second_video_track_without_a_picture_is_named(tmp_path: Path) -> None:
    source = tmp_path / "source.mkv"
    plain = write_with_sound(tmp_path / "plain.mkv", make_bytes(5, 32, 48))
    with av.open(str(plain)) as read, av.open(str(source), "w") as out:
        first = out.add_stream_from_template(read.streams.video[0], opaque=True)
        out.add_stream_from_template(read.streams.video[0], opaque=True)
        for packet in read.demux(video=0):
            if packet.size:
                packet.stream = first
                out.mux(packet)
    copy, remarks = copied(source, Ffv1Codec())
    assert remarks == ["stream 1 (video h264) is not copied: it holds nothing"]
    assert len(list(read_frames(copy))) == 5


def test_what_a_cut_has_hidden_stays_hidden(tmp_path: Path) -> None:
    """A cut without coding again moves the beginning behind packets that are still in the file."""
    plain = write_with_sound(tmp_path / "plain.mkv", make_bytes(25, 32, 48))
    source = tmp_path / "source.mp4"
    with av.open(str(plain)) as read, av.open(str(source), "w") as out:
        streams = {one.index: out.add_stream_from_template(one, opaque=True) for one in read.streams}
        for packet in read.demux():
            if packet.size and packet.pts is not None and packet.dts is not None:
                packet.pts, packet.dts = packet.pts - 600, packet.dts - 600  # milliseconds
                packet.stream = streams[packet.stream.index]
                out.mux(packet)
    copy, _ = copied(source, Ffv1Codec())
    assert len(list(read_frames(copy))) == len(list(read_frames(source))) < 25
    assert 0 < len(sound_packets(copy)) < len(sound_packets(source))
    assert sound_packets(copy)[0][1] == pytest.approx(0, abs=0.03)
