"""The proof compares when frames are shown and what plays beside them."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from av.video.frame import VideoFrame

from lsap_cli.applying.adding import Adder
from lsap_cli.applying.planning import PlannedCopy, name_problem
from lsap_cli.applying.proof import ProofSums
from lsap_cli.applying.proving import prove
from lsap_cli.applying.tasks import SourceFacts
from lsap_cli.applying.time_proof import TimeProof
from lsap_cli.applying.workers import cannot_write
from lsap_cli.datasets.base import Video
from lsap_cli.video.codecs import Codec, Ffv1Codec, H264Codec, H264RgbCodec, PngCodec
from lsap_cli.video.copied_streams import MOVIE_TICKS
from lsap_cli.video.picture_folders import OTHERS, others_start
from lsap_cli.video.reading import read_frames
from lsap_cli.video.stream_packets import read_spans
from lsap_cli.video.writing import Transcoded, container_suffix, transcode
from perturbations.slot_cache import SlotCache
from tests.tiny import make_bytes, make_perturbation, write_timed
from tests.video.files import write_with_sound

ADDER = Adder(SlotCache(make_perturbation("constant")), None, 0)


def copied(source: Path, codec: Codec) -> tuple[Transcoded, Path]:
    target = source.with_name(f"{source.name} copy{container_suffix(source, codec)}")
    return transcode(source, target, codec, ADDER.perturbed), target


def differences(source: Path, done: Transcoded, target: Path) -> list[str]:
    times = TimeProof()
    prove(source, target, ADDER, ProofSums(), lambda _: None, "one", times)
    return times.differences(done, target)


@pytest.mark.parametrize("codec", [Ffv1Codec(), H264RgbCodec(), PngCodec()], ids=lambda codec: codec.name)
def test_an_ordinary_copy_shows_every_frame_when_the_source_does(tmp_path: Path, codec: Codec) -> None:
    for source in (
        write_timed(tmp_path / "uneven.mkv", make_bytes(5), [120, 160, 161, 400, 900]),
        write_with_sound(tmp_path / "sound.mp4", make_bytes(25)),
        write_with_sound(tmp_path / "sound.mkv", make_bytes(25), "libopus"),
    ):
        done, target = copied(source, codec)
        assert done.remarks + differences(source, done, target) == [], source.name


def moved(path: Path, source: Path, stamps: Sequence[int]) -> Path:
    """The source's frames with the perturbation, at other milliseconds."""
    frames = [ADDER.perturbed(frame.pixels, index) for index, frame in enumerate(read_frames(source))]
    return write_timed(path, torch.stack(frames), stamps, "ffv1")


def test_frames_at_another_time_and_a_shorter_end_are_said(tmp_path: Path) -> None:
    source = write_timed(tmp_path / "a.mkv", make_bytes(4), [0, 40, 80, 120])
    done, _ = copied(source, Ffv1Codec())
    late = moved(tmp_path / "late.mkv", source, [0, 40, 81, 160])
    found = differences(source, done, late)
    assert (
        "2 of 4 frames are shown at another time in the copy, such as frame 3 at 0.1600 s instead of 0.1200 s" in found
    )


def write_with_g726(path: Path) -> Path:
    """Ten frames and 0.4 s of G.726 in AVI, whose packets claim to be 262 s apart."""
    with av.open(str(path), "w") as container:
        pictures = container.add_stream("mpeg4", 25)
        pictures.width = pictures.height = 32
        sound = container.add_stream("g726", 8000, layout="mono")
        sound.bit_rate = 32000
        for frame in make_bytes(10, 32, 32):
            container.mux(pictures.encode(VideoFrame.from_ndarray(frame.permute(1, 2, 0).numpy(), "rgb24")))
        for number in range(10):
            heard = av.AudioFrame.from_ndarray(np.full((1, 1600), 500 * number, np.int16), "s16", "mono")
            heard.sample_rate, heard.pts = 8000, 1600 * number
            container.mux(sound.encode(heard))
        container.mux(pictures.encode())
        container.mux(sound.encode())
    return path


def test_packets_that_go_on_far_beyond_the_length_that_the_source_claims_are_said(tmp_path: Path) -> None:
    source = write_with_g726(tmp_path / "a.avi")
    done, target = copied(source, Ffv1Codec())
    (sentence,) = done.remarks
    assert sentence.startswith("the packets of stream 1 (audio) go on until ")
    assert "the source says that it is " in sentence
    assert differences(source, done, target) == []


def test_sound_that_is_a_little_longer_than_the_pictures_is_ordinary(tmp_path: Path) -> None:
    source = write_with_sound(tmp_path / "a.mp4", make_bytes(10))
    assert copied(source, Ffv1Codec())[0].remarks == []


def test_sound_that_is_missing_or_early_is_said(tmp_path: Path) -> None:
    source = write_with_sound(tmp_path / "a.mkv", make_bytes(10), "flac", 0.4)
    done, target = copied(source, Ffv1Codec())
    silent = moved(tmp_path / "silent.mkv", source, [40 * index for index in range(10)])
    assert "0 of 1 streams beside the pictures arrived in the copy" in differences(source, done, silent)
    late = Transcoded(done.frames, done.remarks, done.last_shown, done.start - Fraction(1, 2), done.spans)
    assert any("begins 0.0000 s after the first frame" in one for one in differences(source, late, target))


def test_a_stream_that_readers_decode_by_another_description_is_said(tmp_path: Path) -> None:
    source = write_with_sound(tmp_path / "a.mkv", make_bytes(10), "flac", 0.4)
    done, target = copied(source, Ffv1Codec())
    name, description = done.spans[0].format
    assert (name, len(description)) == ("flac", 34)
    done.spans[0].format = name, bytes(34)
    (sentence,) = differences(source, done, target)
    assert "stream 1 (audio flac) has its packets, but readers are given another description of them" in sentence


@pytest.mark.parametrize(("end", "shown"), [(930, 30), (800, 220), (850, 270)])
def test_the_end_of_a_track_of_mp4_says_how_long_its_last_frame_is_shown(tmp_path: Path, end: int, shown: int) -> None:
    """Its frames have the times between decodings for durations, which say nothing of the frame that is shown last."""
    plain = write_timed(tmp_path / "a.mkv", make_bytes(10), [0, 40, 80, 200, 240, 280, 500, 540, 580, 900], "ffv1")
    _, source = copied(plain, H264Codec())
    set_edit_end(source, end)
    done, target = copied(source, Ffv1Codec())
    assert done.last_shown == Fraction(shown, 1000)
    assert done.remarks + differences(source, done, target) == []


def test_an_mp4_whose_header_ends_before_its_last_frame_appears_is_said(tmp_path: Path) -> None:
    source = tmp_path / "a.mp4"
    with av.open(str(source), "w") as out:
        video = out.add_stream("libx264", rate=25, options={"bf": "2"})
        video.width, video.height, video.pix_fmt = 32, 32, "yuv420p"
        for place, pixels in zip((0, 1, 2, 3, 20), make_bytes(5, 32, 32), strict=True):
            frame = VideoFrame.from_ndarray(pixels.permute(1, 2, 0).contiguous().numpy(), format="rgb24")
            frame.pts, frame.time_base = place, Fraction(1, 25)
            out.mux(video.encode(frame.reformat(format="yuv420p")))
        out.mux(video.encode(None))
    done, target = copied(source, Ffv1Codec())
    assert differences(source, done, target) == []
    (remark,) = done.remarks
    assert remark.startswith("its header says that it ends at 0.")
    assert remark.endswith("its last frame is shown from 0.800 to 0.840 s, and in the copy, too")


def set_edit_end(path: Path, milliseconds: int) -> None:
    """Lets the edit list of an mp4 with one track end there."""
    data = bytearray(path.read_bytes())
    place = data.index(b"elst") + 4 + 4  # behind version and flags: the number of entries
    assert int.from_bytes(data[place : place + 4], "big") == 1
    data[place + 4 : place + 8] = (milliseconds * int(MOVIE_TICKS) // 1000).to_bytes(4, "big")
    path.write_bytes(data)


def write_transport(tmp_path: Path) -> Path:
    """A transport stream, whose clock begins anywhere; its sound begins before its first picture."""
    plain = write_with_sound(tmp_path / "plain.mkv", make_bytes(25, 32, 48), "mp2")
    source = tmp_path / "a.ts"
    with av.open(str(plain)) as read, av.open(str(source), "w") as out:
        video = out.add_stream("libx264", rate=25, options={"bf": "0"})
        video.width, video.height, video.pix_fmt = 48, 32, "yuv420p"
        sound = out.add_stream_from_template(read.streams.audio[0])
        for packet in read.demux():
            if packet.stream.type == "audio" and packet.size:
                packet.stream = sound
                out.mux(packet)
            elif packet.stream.type == "video":
                for frame in packet.decode():
                    assert isinstance(frame, VideoFrame)
                    frame.pts = (frame.pts or 0) + 100
                    out.mux(video.encode(frame.reformat(format="yuv420p")))
        out.mux(video.encode(None))
    return source


@pytest.mark.parametrize("codec", [Ffv1Codec(), H264Codec()], ids=lambda codec: codec.name)
def test_a_copy_of_a_transport_stream_keeps_the_offset_of_its_sound(tmp_path: Path, codec: Codec) -> None:
    done, target = copied(source := write_transport(tmp_path), codec)
    assert done.remarks + differences(source, done, target) == []
    with av.open(str(target)) as container:
        (span,) = read_spans(container)
        start = container.streams.video[0].start_time
        assert span.start is not None
        assert float(span.start - (start or 0) * (container.streams.video[0].time_base or 0)) == pytest.approx(
            -0.1, abs=0.03
        )


def test_a_folder_of_frames_keeps_the_offset_of_its_sound(tmp_path: Path) -> None:
    done, target = copied(source := write_transport(tmp_path), PngCodec())
    assert differences(source, done, target) == []
    with av.open(str(target / OTHERS)) as others:
        (span,) = read_spans(others)
    assert span.start is not None
    offset = float(span.start - others_start(target))
    assert offset == pytest.approx(-0.1, abs=0.03)


def test_a_last_frame_that_is_decoded_early_is_shown_as_long_as_in_the_source(tmp_path: Path) -> None:
    """x264 decodes frames in another order than they are shown; readers of mp4 add up the times between packets."""
    source = write_timed(tmp_path / "a.mkv", make_bytes(10), [0, 40, 80, 200, 240, 280, 500, 540, 580, 900], "ffv1")
    done, target = copied(source, H264Codec())
    assert differences(source, done, target) == []
    with av.open(str(target)) as container:
        assert container.duration == pytest.approx(float(900_000 + done.last_shown * 1_000_000), abs=100)
        packets = [packet for packet in container.demux(video=0) if packet.size]
    assert [packet.pts for packet in packets] != sorted(packet.pts or 0 for packet in packets)


@pytest.mark.parametrize(("more", "shown"), [(0, 50), (1, 100), (50, 50)])
def test_empty_places_at_the_end_of_an_avi_belong_to_its_last_frame(tmp_path: Path, more: int, shown: int) -> None:
    source = tmp_path / "a.avi"
    with av.open(str(source), "w") as out:
        video = out.add_stream("mjpeg", rate=20)
        video.width, video.height, video.pix_fmt = 32, 32, "yuvj420p"
        for number, pixels in enumerate(make_bytes(4, 32, 32)):
            frame = VideoFrame.from_ndarray(pixels.permute(1, 2, 0).contiguous().numpy(), format="rgb24")
            frame.pts, frame.time_base = 2 * number, Fraction(1, 20)  # every second place is empty
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
    data = bytearray(source.read_bytes())
    place = data.index(b"strh") + 8 + 32  # of the header's length in places
    data[place : place + 4] = (int.from_bytes(data[place : place + 4], "little") + more).to_bytes(4, "little")
    source.write_bytes(data)
    done, target = copied(source, Ffv1Codec())
    assert done.last_shown == Fraction(shown, 1000)
    assert differences(source, done, target) == []
    assert ["its header says that it ends at 2.850 s" in one for one in done.remarks] == [True] * (more == 50)


def test_a_copy_whose_name_would_be_too_long_is_named(tmp_path: Path) -> None:
    def planned(name: str) -> PlannedCopy:
        return PlannedCopy(Video(tmp_path / name, name), f"{name}.mp4.mkv", SourceFacts(".mkv", 1, 1, 1), 0)

    assert name_problem(planned("a" * 247), tmp_path) is None
    assert "would have 256 bytes, and 255 are the most" in str(name_problem(planned("ä" * 124), tmp_path))
    assert "path would be too long" in str(name_problem(planned("/".join(["d" * 200] * 25)), tmp_path))


def test_a_full_disk_says_how_to_go_on() -> None:
    failure = cannot_write(OSError(28, "No space left on device"))
    assert "the disk is full: No space left on device; free some, and go on with --resume" in failure.reason


def write_shortened_sound(tmp_path: Path) -> Path:
    """An mp4 whose last packet of sound is played for 3 ms of its 23, as editors cut it."""
    plain, source = write_with_sound(tmp_path / "plain.mp4", make_bytes(25)), tmp_path / "a.mp4"
    with av.open(str(plain)) as read, av.open(str(source), "w") as out:
        targets = {one.index: out.add_stream_from_template(one) for one in (*read.streams.video, *read.streams.audio)}
        packets = [packet for packet in read.demux() if packet.size]
        last = max((one for one in packets if one.stream.type == "audio"), key=lambda one: one.pts or 0)
        last.duration = round(3 / 1000 / float(last.time_base))
        for packet in packets:
            packet.stream = targets[packet.stream.index]
            out.mux(packet)
    return source


def test_a_last_packet_of_sound_that_plays_longer_than_in_the_source_is_said(tmp_path: Path) -> None:
    done, target = copied(source := write_shortened_sound(tmp_path), H264Codec())
    assert target.suffix == ".mp4"
    assert done.remarks + differences(source, done, target) == []
    done, target = copied(source, Ffv1Codec())  # Matroska does not hold how long a packet of sound is
    (sentence,) = differences(source, done, target)
    assert sentence.startswith("stream 1 (audio) ends ")
