"""A lossless copy is proved by hashes of what was handed to its encoder; no wrong byte or time passes."""

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor

from lsap_cli.applying.adding import Adder
from lsap_cli.applying.proof import ProofSums
from lsap_cli.applying.proving import prove
from lsap_cli.applying.time_proof import TimeProof
from lsap_cli.applying.video_copy import VideoCopy
from lsap_cli.video import reading
from lsap_cli.video.codecs import Ffv1Codec
from lsap_cli.video.demuxing import DecodedFrame
from lsap_cli.video.media import Media
from lsap_cli.video.picture_sequences import PictureSequence
from lsap_cli.video.reading import UnreadableVideo, read_frames
from lsap_cli.video.threads import DecoderThreads
from lsap_cli.video.writing import Transcoded
from perturbations.slot_cache import SlotCache
from tests.tiny import make_bytes, make_perturbation, write_timed

STAMPS = [40 * number for number in range(8)]


def written(tmp_path: Path) -> tuple[VideoCopy, Path, Transcoded]:
    source = write_timed(tmp_path / "a.mkv", make_bytes(8), STAMPS)
    adder = Adder(SlotCache(make_perturbation("cyclic:4")), None, 0)
    copy = VideoCopy(tmp_path / "copy.mkv", Ffv1Codec(), adder, "one", 1, lambda _: None)
    return copy, source, copy.write_file(source, source)


def test_the_proof_is_that_of_both_files_side_by_side(tmp_path: Path) -> None:
    copy, source, copied = written(tmp_path)
    proof, remarks = copy.prove_file(source, source, copied)
    assert proof.exact
    assert remarks == []
    assert proof == prove(source, copy.staged, copy.adder, ProofSums(1), lambda _: None, "one", TimeProof())


def test_the_source_is_decoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy, source, copied = written(tmp_path)
    read: list[object] = []
    decoded = reading.read_decoded

    def recorded(media: Media, threads: DecoderThreads = "many") -> Iterator[DecodedFrame]:
        read.append(media)
        return decoded(media, threads)

    monkeypatch.setattr(reading, "read_decoded", recorded)
    copy.prove_file(source, source, copied)
    assert read == [copy.staged]


def one_value(frames: Tensor, stamps: list[int]) -> tuple[Tensor, list[int]]:
    frames[5, 2, 3, 7] ^= 1
    return frames, stamps


def doubled(frames: Tensor, stamps: list[int]) -> tuple[Tensor, list[int]]:
    return torch.cat([frames, frames[-1:]]), [*stamps, stamps[-1] + 40]


def exchanged(frames: Tensor, stamps: list[int]) -> tuple[Tensor, list[int]]:
    return frames[[0, 2, 1, 3, 4, 5, 6, 7]], stamps


def late(frames: Tensor, stamps: list[int]) -> tuple[Tensor, list[int]]:
    return frames, [*stamps[:4], stamps[4] + 3, *stamps[5:]]


def plant(copy: VideoCopy, fault: Callable[[Tensor, list[int]], tuple[Tensor, Sequence[int]]]) -> None:
    frames = torch.stack([frame.pixels for frame in read_frames(copy.staged)])
    copy.staged.unlink()
    write_timed(copy.staged, *fault(frames, list(STAMPS)), "ffv1")


@pytest.mark.parametrize("fault", [one_value, exchanged], ids=lambda fault: fault.__name__)
def test_wrong_pixels_are_found_and_measured(tmp_path: Path, fault: Callable[..., tuple[Tensor, list[int]]]) -> None:
    copy, source, copied = written(tmp_path)
    plant(copy, fault)
    proof, _ = copy.prove_file(source, source, copied)
    assert not proof.exact
    assert proof == prove(source, copy.staged, copy.adder, ProofSums(1), lambda _: None)


def test_a_frame_too_many_or_too_few_is_no_copy(tmp_path: Path) -> None:
    copy, source, copied = written(tmp_path)
    plant(copy, doubled)
    with pytest.raises(UnreadableVideo, match="more than the 8 frames"):
        copy.prove_file(source, source, copied)
    plant(copy, lambda frames, stamps: (frames[:7], stamps[:7]))
    with pytest.raises(UnreadableVideo, match="no matching frame 7"):
        copy.prove_file(source, source, copied)
    plant(copy, lambda frames, stamps: (frames[:7, :, :-2], stamps[:7]))
    with pytest.raises(UnreadableVideo, match="no matching frame 0"):
        copy.prove_file(source, source, copied)


def test_a_frame_at_another_time_is_said(tmp_path: Path) -> None:
    copy, source, copied = written(tmp_path)
    plant(copy, late)
    _, remarks = copy.prove_file(source, source, copied)
    assert any("frame 4 at 0.1630 s instead of 0.1600 s" in one for one in remarks)


def test_a_wrong_picture_of_a_folder_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    for number, pixels in enumerate(make_bytes(3, 16, 24)):
        Image.fromarray(pixels.permute(1, 2, 0).contiguous().numpy()).save(folder / f"{number:03}.png")
    source = PictureSequence(folder, Fraction(25))
    adder = Adder(SlotCache(make_perturbation("constant")), None, 0)
    copy = VideoCopy(tmp_path / "copy", Ffv1Codec(), adder, "one", 1, lambda _: None)
    copy.write_sequence(source)
    assert copy.prove_sequence(source).exact
    picture = Image.open(copy.staged / "001.png")
    picture.putpixel((3, 4), (0, 1, 2))
    picture.save(copy.staged / "001.png")
    assert not copy.prove_sequence(source).exact
