from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest
import torch
from torch import Tensor

from lsap_cli.video.codecs import CODECS, Codec, Ffv1Codec, H264Codec, H264RgbCodec
from lsap_cli.video.reading import UnreadableVideo, read_frame_times, read_frames, read_header
from lsap_cli.video.writing import container_suffix, transcode, write_video
from tests.tiny import make_bytes, make_perturbation, write_timed, write_tiny
from tests.video.files import damage, sound_packets, turn_clockwise, write_with_sound

LOSSLESS: list[tuple[Codec, str]] = [(Ffv1Codec(), ".mkv"), (H264RgbCodec(), ".mkv"), (H264RgbCodec(), ".mp4")]


def decoded(path: Path) -> Tensor:
    return torch.stack([frame.pixels for frame in read_frames(path)])


def unchanged(pixels: Tensor, number: int) -> Tensor:
    return pixels


@pytest.mark.parametrize(("codec", "suffix"), LOSSLESS)
@pytest.mark.parametrize("size", [(18, 22), (17, 23), (2, 2), (3, 50), (64, 48)], ids=str)
@pytest.mark.parametrize("frame_count", [1, 9])
def test_a_lossless_file_gives_every_byte_back(
    tmp_path: Path, codec: Codec, suffix: str, size: tuple[int, int], frame_count: int
) -> None:
    frames = make_bytes(frame_count, *size)
    path = write_tiny(tmp_path / f"a{suffix}", frames, codec=codec)
    assert torch.equal(decoded(path), frames)
    assert read_frame_times(path).times.tolist() == [40 * number for number in range(frame_count)]


@pytest.mark.parametrize(("codec", "suffix"), LOSSLESS)
@pytest.mark.parametrize(
    "stamps",
    [[0, 40, 80, 120, 160, 200], [0, 7, 8, 500, 533, 567], [120, 160, 161, 400, 900, 901]],
    ids=["constant", "variable", "late start"],
)
@pytest.mark.parametrize("source_suffix", [".mkv", ".mp4"])
def test_a_lossless_copy_has_the_same_frames_at_the_same_moments(
    tmp_path: Path, codec: Codec, suffix: str, stamps: list[int], source_suffix: str
) -> None:
    source = write_timed(tmp_path / f"source{source_suffix}", make_bytes(6), stamps)
    assert transcode(source, tmp_path / f"copy{suffix}", codec, unchanged).frames == 6
    copy = tmp_path / f"copy{suffix}"
    assert torch.equal(decoded(copy), make_bytes(6))
    assert torch.equal(read_frame_times(copy).times, read_frame_times(source).times)
    assert read_frame_times(copy).times.tolist() == [stamp - stamps[0] for stamp in stamps]


@pytest.mark.parametrize(("codec", "suffix"), LOSSLESS)
@pytest.mark.parametrize("fps", [Fraction(30000, 1001), Fraction(24000, 1001), Fraction(1, 3), Fraction(240)], ids=str)
def test_moments_that_are_no_whole_milliseconds_are_the_same_in_the_copy(
    tmp_path: Path, codec: Codec, suffix: str, fps: Fraction
) -> None:
    source = write_tiny(tmp_path / "source.mp4", make_bytes(12, 16, 16), fps, H264Codec())
    transcode(source, tmp_path / f"copy{suffix}", codec, unchanged)
    assert torch.equal(read_frame_times(tmp_path / f"copy{suffix}").times, read_frame_times(source).times)
    assert torch.equal(decoded(tmp_path / f"copy{suffix}"), decoded(source))


def test_every_frame_is_changed_by_its_number(tmp_path: Path) -> None:
    source = write_tiny(tmp_path / "source.mkv", make_bytes(5))
    perturbation = make_perturbation()

    def change(pixels: Tensor, number: int) -> Tensor:
        return perturbation.add_to_bytes(pixels[None], torch.tensor([number]), 5)[0]

    transcode(source, tmp_path / "copy.mkv", Ffv1Codec(), change)
    expected = perturbation.add_to_bytes(make_bytes(5), torch.arange(5), 5)
    assert torch.equal(decoded(tmp_path / "copy.mkv"), expected)


@pytest.mark.parametrize(("codec", "suffix"), LOSSLESS)
@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_rotated_video_is_changed_upright_and_stays_rotated(
    tmp_path: Path, codec: Codec, suffix: str, quarters: int
) -> None:
    source = write_tiny(tmp_path / "source.mp4", make_bytes(3, 16, 22), codec=H264RgbCodec())
    upright = decoded(turn_clockwise(source, quarters))

    def change(pixels: Tensor, number: int) -> Tensor:
        return torch.where(torch.arange(pixels.shape[2]) < 4, 0, pixels)  # a black bar on the left

    transcode(source, tmp_path / f"copy{suffix}", codec, change)
    expected = upright.clone()
    expected[..., :4] = 0
    assert torch.equal(decoded(tmp_path / f"copy{suffix}"), expected)
    header, stored = read_header(tmp_path / f"copy{suffix}"), read_header(source)
    assert (header.width, header.height) == (stored.width, stored.height)


@pytest.mark.parametrize(
    ("source_suffix", "sound", "codec", "target_suffix"),
    [
        (".mp4", "aac", Ffv1Codec(), ".mkv"),
        (".mp4", "aac", H264RgbCodec(), ".mp4"),
        (".mkv", "aac", H264RgbCodec(), ".mp4"),
        (".mkv", "libopus", H264RgbCodec(), ".mp4"),
        (".mkv", "libopus", Ffv1Codec(), ".mkv"),
        (".mkv", "pcm_s16le", H264RgbCodec(), ".mkv"),
        (".mkv", "flac", Ffv1Codec(), ".mkv"),
    ],
)
def test_sound_is_copied_byte_for_byte(
    tmp_path: Path, source_suffix: str, sound: str, codec: Codec, target_suffix: str
) -> None:
    source = write_with_sound(tmp_path / f"source{source_suffix}", make_bytes(25), sound)
    assert container_suffix(source, codec) == target_suffix
    copy = tmp_path / f"copy{target_suffix}"
    transcode(source, copy, codec, unchanged)
    before, after = sound_packets(source), sound_packets(copy)
    assert len(before) > 10
    assert [data for data, _ in after] == [data for data, _ in before]
    assert [moment for _, moment in after] == pytest.approx([moment for _, moment in before], abs=0.0021)
    assert torch.equal(decoded(copy), make_bytes(25))
    assert torch.equal(read_frame_times(copy).times, read_frame_times(source).times)


def test_several_sound_tracks_are_all_kept(tmp_path: Path) -> None:
    both = write_with_sound(tmp_path / "both.mkv", make_bytes(10), "aac", 0.4, tracks=2)
    transcode(both, tmp_path / "copy.mkv", Ffv1Codec(), unchanged)
    for track in (0, 1):
        before, after = sound_packets(both, track), sound_packets(tmp_path / "copy.mkv", track)
        assert [data for data, _ in after] == [data for data, _ in before]
    assert sound_packets(both, 0) != sound_packets(both, 1)


def test_a_codec_that_mp4_does_not_hold_goes_into_matroska(tmp_path: Path) -> None:
    silent = write_tiny(tmp_path / "a.mkv", make_bytes(2))
    assert {name: container_suffix(silent, kind()) for name, kind in CODECS.items()} == {
        "ffv1": ".mkv",
        "x264rgb": ".mp4",
        "png": ".frames",
        "h264": ".mp4",
        "h265": ".mp4",
        "vp9": ".webm",
        "av1": ".mp4",
    }


@pytest.mark.parametrize("size", [(18, 22), (17, 23), (33, 48)], ids=str)
def test_lossy_files_keep_size_count_and_moments_at_any_size(tmp_path: Path, size: tuple[int, int]) -> None:
    source = write_tiny(tmp_path / "source.mkv", make_bytes(8, *size))
    transcode(source, tmp_path / "copy.mp4", H264Codec(crf=18), unchanged)
    copy = decoded(tmp_path / "copy.mp4")
    assert copy.shape == (8, 3, *size)
    assert torch.equal(read_frame_times(tmp_path / "copy.mp4").times, read_frame_times(source).times)
    assert not torch.equal(copy, decoded(source))


def test_more_compression_loses_more(tmp_path: Path) -> None:
    frames = make_bytes(6, 32, 32)
    losses = [
        float(
            (decoded(write_tiny(tmp_path / f"{crf}.mp4", frames, codec=H264Codec(crf))).float() - frames).abs().mean()
        )
        for crf in (5, 23, 45)
    ]
    assert losses == sorted(losses)
    assert losses[0] < 0.8 * losses[2]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: H264Codec(crf=52), "crf is 52; use a number from 0"),
        (lambda: H264Codec(crf=-1), "crf is -1"),
        (lambda: H264Codec(preset="quick"), "preset is 'quick'; use one of ultrafast"),
    ],
)
def test_settings_outside_of_their_range_are_refused(make: Callable[[], Codec], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_failing_change_leaves_nothing_behind(tmp_path: Path) -> None:
    source = write_tiny(tmp_path / "source.mkv", make_bytes(5))

    def change(pixels: Tensor, number: int) -> Tensor:
        if number == 3:
            raise KeyboardInterrupt
        return pixels

    with pytest.raises(KeyboardInterrupt):
        transcode(source, tmp_path / "copy.mkv", Ffv1Codec(), change)
    assert left_in(tmp_path) == ["source.mkv"]


def test_a_source_that_breaks_off_leaves_the_earlier_copy_as_it_was(tmp_path: Path) -> None:
    source = write_tiny(tmp_path / "source.mp4", make_bytes(20), codec=H264Codec())
    copy = tmp_path / "copy.mkv"
    transcode(source, copy, Ffv1Codec(), unchanged)
    before = copy.read_bytes()
    with pytest.raises(UnreadableVideo):
        transcode(damage(source), copy, Ffv1Codec(), unchanged)
    assert copy.read_bytes() == before
    assert left_in(tmp_path) == ["copy.mkv", "source.mp4"]


@pytest.mark.parametrize("name", ["empty.mp4", "text.mp4", "sound.mp4"])
def test_what_cannot_be_read_is_not_written(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("no video")
    write_with_sound(tmp_path / "sound.mp4", None)
    with pytest.raises(UnreadableVideo):
        transcode(tmp_path / name, tmp_path / "copies" / "copy.mkv", Ffv1Codec(), unchanged)
    assert not (tmp_path / "copies" / "copy.mkv").exists()
    with pytest.raises(UnreadableVideo):
        container_suffix(tmp_path / "empty.mp4", Ffv1Codec())


def test_the_source_is_never_touched(tmp_path: Path) -> None:
    source = write_with_sound(tmp_path / "source.mp4", make_bytes(5))
    before = source.read_bytes()
    transcode(source, tmp_path / "copy.mkv", Ffv1Codec(), unchanged)
    assert source.read_bytes() == before


def test_a_place_that_cannot_be_written_is_an_os_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        write_video(tmp_path / "file" / "a.mkv", iter(make_bytes(2)), Fraction(25), Ffv1Codec())


def test_the_same_frames_make_the_same_file(tmp_path: Path) -> None:
    for codec, suffix in LOSSLESS:
        first, second = (write_tiny(tmp_path / f"{name}{suffix}", make_bytes(5), codec=codec) for name in "ab")
        assert first.read_bytes() == second.read_bytes()
