"""Which file of a perturbed folder belongs to which video."""

import shutil
from fractions import Fraction
from pathlib import Path

from PIL import Image

from lsap_cli.datasets.base import Video
from lsap_cli.evaluation.perturbed_folder import PerturbedFolder
from lsap_cli.hashing import content_hash
from lsap_cli.results.files import encode_line
from lsap_cli.results.manifest import ManifestEntry
from lsap_cli.video.picture_folders import PictureFolder
from lsap_cli.video.picture_sequences import PictureSequence
from tests.tiny import make_bytes, write_tiny


def make_folder(root: Path, names: list[str]) -> tuple[Path, list[Video]]:
    """Videos and their copies, with a manifest of both."""
    videos, lines = [], []
    for number, name in enumerate(names):
        video = Video(write_tiny(root / "videos" / name, make_bytes(3, seed=number)), name)
        copy = write_tiny(root / "out" / name, make_bytes(3, seed=10 + number))
        entry = ManifestEntry(
            source=name, output=name, source_sha256=content_hash(video.path), output_sha256=content_hash(copy),
            perturbation_sha256="0", codec="ffv1", frames=3, height=8, width=8, linf=8, l2_rms=8, map=8,
        )  # fmt: skip
        videos.append(video)
        lines.append(encode_line(entry))
    (root / "out" / "manifest.jsonl").write_bytes(b"".join(lines))
    return root / "out", videos


def test_files_are_those_of_the_manifest(tmp_path: Path) -> None:
    out, videos = make_folder(tmp_path, ["a.mkv", "b.mkv"])
    folder = PerturbedFolder(out)
    assert list(folder.match(videos)) == []
    assert folder.files == {"a.mkv": out / "a.mkv", "b.mkv": out / "b.mkv"}


def test_a_copy_that_has_changed_is_left_out_by_name(tmp_path: Path) -> None:
    out, videos = make_folder(tmp_path, ["a.mkv", "b.mkv"])
    write_tiny(out / "a.mkv", make_bytes(3, seed=77))
    folder = PerturbedFolder(out)
    ((video, reason),) = folder.match(videos)
    assert video.name == "a.mkv"
    assert "changed since lsap apply wrote it" in reason
    assert set(folder.files) == {"b.mkv"}


def test_a_video_that_has_changed_is_left_out_by_name(tmp_path: Path) -> None:
    out, videos = make_folder(tmp_path, ["a.mkv", "b.mkv"])
    write_tiny(videos[1].path, make_bytes(3, seed=77))
    ((video, reason),) = PerturbedFolder(out).match(videos)
    assert video.name == "b.mkv"
    assert "made from a file with other content" in reason


def test_without_a_manifest_files_are_found_by_their_stem(tmp_path: Path) -> None:
    out, videos = make_folder(tmp_path, ["a.mkv", "sub/b.mkv"])
    (out / "manifest.jsonl").unlink()
    (out / "sub" / "b.mkv").rename(out / "sub" / "b.mp4")
    folder = PerturbedFolder(out)
    assert list(folder.match(videos)) == []
    assert folder.files["sub/b.mkv"] == out / "sub" / "b.mp4"
    assert folder.perturbation is None


def test_without_a_manifest_folders_of_frames_and_of_pictures_are_found(tmp_path: Path) -> None:
    videos = [Video(write_tiny(tmp_path / "videos" / name, make_bytes(3)), name) for name in ("a.mkv", "sub/a.avi.mkv")]
    pictures = tmp_path / "videos" / "walk"
    pictures.mkdir()
    Image.new("RGB", (8, 8)).save(pictures / "1.png")
    videos.append(Video(pictures, "walk", inner=PictureSequence(pictures, Fraction(25))))
    out = tmp_path / "out"
    for name in ("a.frames", "sub/a.avi.mkv.frames"):
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        folder = PictureFolder(out / name)
        folder.add(make_bytes(1)[0].permute(1, 2, 0).numpy(), 0)
        folder.finish(None, 0)
    shutil.copytree(pictures, out / "walk")
    folders = PerturbedFolder(out)
    assert list(folders.match(videos)) == []
    assert folders.files == {
        "a.mkv": out / "a.frames",
        "sub/a.avi.mkv": out / "sub" / "a.avi.mkv.frames",
        "walk": out / "walk",
    }


def test_without_a_manifest_a_video_with_several_copies_is_left_out_by_name(tmp_path: Path) -> None:
    out, videos = make_folder(tmp_path, ["a.mkv"])
    (out / "manifest.jsonl").unlink()
    (out / "a.mp4").hardlink_to(out / "a.mkv")
    assert list(PerturbedFolder(out).match(videos)) == []  # one has the video's own name
    (out / "a.mkv").rename(out / "a.avi")
    ((video, reason),) = PerturbedFolder(out).match(videos)
    assert video.name == "a.mkv"
    assert "several copies of it (a.avi, a.mp4)" in reason


def test_a_video_that_another_list_calls_otherwise_is_found_by_its_content(tmp_path: Path) -> None:
    out, videos = make_folder(tmp_path, ["a.mkv", "b.mkv"])
    others = [Video(videos[0].path, "train/a.mkv"), Video(videos[1].path, "a.mkv")]
    folder = PerturbedFolder(out)
    assert list(folder.match(others)) == []
    assert folder.files == {"train/a.mkv": out / "a.mkv", "a.mkv": out / "b.mkv"}
