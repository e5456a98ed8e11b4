"""`apply` on frame folders and on videos in archives: what is written is proved, and `defend` reads it again."""

import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lsap_cli.applying.settings import ApplySettings
from lsap_cli.datasets.listing import list_videos
from lsap_cli.evaluation.perturbed_folder import PerturbedFolder
from lsap_cli.jobs.apply import apply
from lsap_cli.results.documents import ApplyResults
from lsap_cli.runs import Run
from lsap_cli.set_sources import SetSource
from lsap_cli.video.picture_sequences import PictureSequence
from tests.tiny import make_bytes, make_perturbation, write_tiny


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    folder = tmp_path / "frames" / "yoga" / "clip.1"
    folder.mkdir(parents=True)
    for number, pixels in enumerate(make_bytes(3, 12, 16), 7):
        Image.fromarray(pixels.permute(1, 2, 0).numpy()).save(folder / f"img_{number:05d}.png")
    (folder / "notes.txt").write_text("as it was")
    return tmp_path / "frames"


def run_apply(videos: object, tmp_path: Path, **settings: object) -> ApplyResults:
    make_perturbation("relative:2").save(tmp_path / "r.safetensors")
    asked = ApplySettings(str(tmp_path / "r.safetensors"), str(videos), str(tmp_path / "out"), **settings)  # type: ignore[arg-type]
    number = len(list(tmp_path.glob("run*")))
    with Run(tmp_path / f"run{number}", "apply", {}, []) as run:
        return apply(asked, run)


def test_frame_folders_are_written_exactly_with_what_lies_beside(frames: Path, tmp_path: Path) -> None:
    results = run_apply(frames, tmp_path)
    written = tmp_path / "out" / "yoga" / "clip.1"
    assert [(entry.output, entry.exact, entry.frames) for entry in results.files] == [("yoga/clip.1", True, 3)]
    assert sorted(path.name for path in written.iterdir()) == [
        "img_00007.png", "img_00008.png", "img_00009.png", "notes.txt",
    ]  # fmt: skip
    before, after = (np.asarray(Image.open(one / "img_00008.png")) for one in (frames / "yoga" / "clip.1", written))
    assert (before != after).any()


def test_a_written_frame_folder_is_found_again_at_its_pace_and_kept_by_resume(frames: Path, tmp_path: Path) -> None:
    run_apply(frames, tmp_path, fps=10.0)
    folder = PerturbedFolder(tmp_path / "out")
    videos = list_videos(SetSource.parse(frames, fps=10.0), []).videos
    assert list(folder.match(videos)) == []
    media = folder.media["yoga/clip.1"]
    assert isinstance(media, PictureSequence)
    assert media.fps == 10
    assert run_apply(frames, tmp_path, fps=10.0, resume=True).resumed == ("yoga/clip.1",)


def test_a_video_of_an_archive_is_written_as_a_file(tmp_path: Path) -> None:
    video = write_tiny(tmp_path / "a.mkv", make_bytes(3))
    with tarfile.open(tmp_path / "s.tar", "w") as shard:
        shard.add(video, "a.mkv")
    results = run_apply(tmp_path / "s.tar", tmp_path)
    assert [(entry.output, entry.exact) for entry in results.files] == [("s/a.mkv", True)]


def test_parts_of_a_video_are_files_of_their_own_that_resume_keeps_and_defend_finds(tmp_path: Path) -> None:
    frames = make_bytes(6)
    write_tiny(tmp_path / "a.mkv", frames)
    (tmp_path / "list.csv").write_text("path,start,end\na.mkv,0f,2f\na.mkv,0.08,\na.mkv,,\na.mkv,9,10\n")
    results = run_apply(tmp_path / "list.csv", tmp_path)
    written = {entry.output: (entry.frames, entry.exact, entry.remarks) for entry in results.files}
    assert written == {
        "a.mkv": (6, True, ()),
        "a_0.08-end.mkv": (4, True, ()),
        "a_0f-2f.mkv": (2, True, ()),
    }
    assert [(one.path, "none of its frames lies in the part 9-10" in one.reason) for one in results.skipped] == [
        ("a_9-10.mkv", True)
    ]
    assert set(run_apply(tmp_path / "list.csv", tmp_path, resume=True).resumed) == {
        "a.mkv",
        "a_0.08-end.mkv",
        "a_0f-2f.mkv",
    }
    folder = PerturbedFolder(tmp_path / "out")
    videos = list_videos(tmp_path / "list.csv", []).videos
    assert [video.name for video, _ in folder.match(videos)] == ["a_9-10.mkv"]
    assert sorted(folder.media) == ["a.mkv", "a_0.08-end.mkv", "a_0f-2f.mkv"]
