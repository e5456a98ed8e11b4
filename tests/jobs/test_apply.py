"""Whole folders: what is written, refused, resumed, and what strangers' files cannot do."""

import errno
import fcntl
import json
import os
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from lsap_cli.applying import output_folder
from lsap_cli.applying.manifest import append_entry
from lsap_cli.applying.planning import STAGING, needed_bytes
from lsap_cli.applying.settings import ApplySettings
from lsap_cli.applying.tasks import SourceFacts
from lsap_cli.datasets.listing import list_videos
from lsap_cli.errors import LsapError
from lsap_cli.evaluation.perturbed_folder import PerturbedFolder
from lsap_cli.jobs.apply import apply
from lsap_cli.results.documents import ApplyResults
from lsap_cli.results.manifest import MANIFEST_FILE, PERTURBATION_COPY, ManifestEntry, ProofTotals
from lsap_cli.runs import Run
from lsap_cli.runs.manifest import read_manifest
from lsap_cli.video.codecs import Codec, H264Codec
from lsap_cli.video.reading import read_frames
from tests.tiny import make_bytes, make_perturbation, write_tiny

STRANGE = ["a.mkv", "-b.mkv", 'sub/it\'s "c".mkv', "sub/new\nline.mkv", "sub/ünï 🎬.mkv", "sub/%03d.mkv"]


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    for number, name in enumerate(STRANGE):
        write_tiny(tmp_path / "videos" / name, make_bytes(4, seed=number))
    return tmp_path / "videos"


@pytest.fixture
def perturbation(tmp_path: Path) -> Path:
    make_perturbation("relative:2").save(tmp_path / "r.safetensors")
    return tmp_path / "r.safetensors"


class Caller:
    """Calls `apply` in new runs, and keeps their events."""

    def __init__(self, folder: Path, perturbation: Path, videos: Path) -> None:
        self.out = folder / "out"
        self._folder, self._perturbation, self.videos = folder, perturbation, videos
        self.events: list[Any] = []

    def __call__(self, **settings: Any) -> ApplyResults:
        asked = ApplySettings(str(self._perturbation), str(self.videos), str(self.out), **settings)
        self.events = []
        number = len(list(self._folder.glob("run*")))
        with Run(self._folder / f"run{number}", "apply", {}, [self.events.append]) as run:
            return apply(asked, run)

    def kinds(self, kind: str) -> list[str]:
        return sorted(event.path for event in self.events if event.__struct_config__.tag == kind)


@pytest.fixture
def call(tmp_path: Path, perturbation: Path, videos: Path) -> Caller:
    return Caller(tmp_path, perturbation, videos)


def proof_of(results: ApplyResults) -> ProofTotals:
    assert results.effective is not None
    return results.effective


def files(out: Path) -> dict[str, bytes]:
    own = {"manifest.jsonl", "perturbation.safetensors", ".lock"}
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in out.rglob("*")
        if path.is_file() and path.name not in own
    }


def test_names_of_every_kind_are_mirrored_and_every_file_is_exact(call: Caller, videos: Path) -> None:
    before = files(videos)
    results = call(workers=2)
    assert sorted(files(call.out)) == sorted(STRANGE)
    assert [entry.exact for entry in results.files] == [True] * len(STRANGE)
    assert proof_of(results).cosine == pytest.approx(1)
    assert (results.over_budget, results.not_exact, results.skipped) == ((), (), ())
    assert list(read_manifest(call.out)) == sorted(STRANGE)
    assert files(videos) == before
    assert not (call.out / STAGING).exists()


def test_resuming_keeps_what_is_right_and_writes_what_is_missing_damaged_or_of_another_source(
    call: Caller, videos: Path
) -> None:
    call()
    whole = files(call.out)
    (call.out / "a.mkv").unlink()
    (call.out / "-b.mkv").write_bytes(b"damaged")
    write_tiny(videos / STRANGE[2], make_bytes(4, seed=99))
    write_tiny(videos / "later.mkv", make_bytes(4, seed=50))
    with (call.out / "manifest.jsonl").open("a") as file:
        file.write('{"schema": "lsap.mani')
    results = call(resume=True)
    assert call.kinds("file") == sorted(["-b.mkv", "a.mkv", STRANGE[2], "later.mkv"])
    assert call.kinds("kept") == list(results.resumed) == sorted(STRANGE[3:])
    now = files(call.out)
    assert {name: now[name] for name in STRANGE if name != STRANGE[2]} == {
        name: whole[name] for name in STRANGE if name != STRANGE[2]
    }
    assert now[STRANGE[2]] != whole[STRANGE[2]]
    assert all(entry.exact for entry in results.files)


@pytest.mark.parametrize(
    ("settings", "named"),
    [({"codec": "x264rgb"}, "codec"), ({"strength": 0.5}, "strength"), ({"segment": "begin"}, "segment")],
)
def test_resuming_in_another_way_is_refused(call: Caller, settings: dict[str, Any], named: str) -> None:
    call()
    before = files(call.out)
    with pytest.raises(LsapError, match=f"was begun with {named}"):
        call(resume=True, **settings)
    assert files(call.out) == before


@pytest.mark.parametrize("moment", ["check_same_recipe", "rewrite_manifest", "is_valid_copy"])
def test_a_run_that_is_killed_before_its_first_file_can_be_resumed(
    call: Caller, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    def killed(*_: object) -> None:
        raise SystemExit(-9)

    if moment == "is_valid_copy":  # in the second run, with files that are there
        call()
    with monkeypatch.context() as patched:
        patched.setattr(f"lsap_cli.applying.output_folder.{moment}", killed)
        with pytest.raises(SystemExit):
            call(resume=moment == "is_valid_copy")
    call(resume=True)
    assert sorted(files(call.out)) == sorted(STRANGE)


def test_two_runs_into_one_folder_refuse_each_other(call: Caller) -> None:
    call()
    with (call.out / ".lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for resume in (True, False):
            with pytest.raises(LsapError, match="another lsap process is writing into"):
                call(resume=resume)


def test_folders_that_hold_other_things_are_refused(call: Caller, videos: Path) -> None:
    call.out.mkdir()
    (call.out / "mine.txt").write_text("mine")
    for resume, message in ((False, "is not empty"), (True, "is not one that lsap apply began")):
        with pytest.raises(LsapError, match=message):
            call(resume=resume)
    assert [path.name for path in call.out.iterdir()] == ["mine.txt"]
    call.out = videos / "inside"
    with pytest.raises(LsapError, match="lies inside of"):
        call()


def test_a_file_that_fails_is_named_and_the_others_are_written(call: Caller, videos: Path) -> None:
    (videos / "a.mkv").write_bytes((videos / "a.mkv").read_bytes()[:700])
    (videos / "text.mp4").write_text("no video")
    results = call()
    assert sorted(files(call.out)) == sorted(STRANGE[1:])
    assert {one.path for one in results.skipped} == {"a.mkv", "text.mp4"}
    assert call.kinds("skipped") == ["a.mkv", "text.mp4"]


def test_a_full_disk_leaves_what_is_finished_and_no_torn_line(call: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    count = 0

    def failing(descriptor: int) -> None:
        nonlocal count
        count += 1
        if count > 2:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("lsap_cli.applying.manifest.os.fsync", failing)
    results = call()
    monkeypatch.undo()
    assert len(results.skipped) == len(STRANGE) - 2
    assert all("No space left on device" in one.reason for one in results.skipped)
    assert set(files(call.out)) == set(read_manifest(call.out)) == {entry.source for entry in results.files}
    call(resume=True)
    assert sorted(files(call.out)) == sorted(STRANGE)


@pytest.mark.parametrize("name", [PERTURBATION_COPY, MANIFEST_FILE])
@pytest.mark.parametrize(
    ("number", "said"),
    [(errno.ENOSPC, r"the disk is full \({path} cannot be written\)"), (errno.EROFS, "{path} cannot")],
)
def test_a_file_of_the_folder_that_cannot_be_written_is_named_with_how_to_go_on(
    call: Caller, monkeypatch: pytest.MonkeyPatch, name: str, number: int, said: str
) -> None:
    replace = Path.replace

    def refused(path: Path, target: Path) -> Path:
        if Path(target).name == name:
            raise OSError(number, os.strerror(number))
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", refused)
    with pytest.raises(LsapError, match=said.format(path=call.out / name) + ".*go on with --resume"):
        call()
    monkeypatch.undo()
    call(resume=True)
    assert sorted(files(call.out)) == sorted(STRANGE)


def test_what_will_not_fit_is_refused_before_anything_is_written(call: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lsap_cli.applying.planning.shutil.disk_usage", lambda _: SimpleNamespace(free=1))
    with pytest.raises(LsapError, match="MB are needed"):
        call()
    assert files(call.out) == {}


def test_one_header_that_claims_more_than_the_disk_stops_no_other_file(
    call: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = (call.videos / "a.mkv").stat().st_size

    def needed(facts: SourceFacts, codec: Codec) -> int:
        return 2**60 if facts.source_bytes == size else needed_bytes(facts, codec)

    monkeypatch.setattr("lsap_cli.applying.stages.needed_bytes", needed)
    others = [name for name in STRANGE if (call.videos / name).stat().st_size != size]
    results = call()
    assert sorted(files(call.out)) == sorted(others)
    assert all("larger than the whole disk" in one.reason for one in results.skipped)


def test_ctrl_c_keeps_what_is_finished_and_leaves_no_part(call: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    real = append_entry
    before = set(threading.enumerate())

    def interrupting(folder: Path, entry: ManifestEntry) -> None:
        real(folder, entry)
        if len(read_manifest(folder)) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(output_folder, "append_entry", interrupting)
    with pytest.raises(KeyboardInterrupt):
        call(workers=2)
    monkeypatch.undo()
    assert len(read_manifest(call.out)) == len(files(call.out)) == 3
    assert not (call.out / STAGING).exists()
    assert all(thread in before or thread.daemon for thread in threading.enumerate())
    call(resume=True)
    assert sorted(files(call.out)) == sorted(STRANGE)


def test_a_lossy_file_over_its_budget_is_flagged(call: Caller) -> None:
    results = call(codec="h264:crf=23")
    assert set(results.over_budget) == {entry.output for entry in results.files}
    assert proof_of(results).linf > 8
    assert 0 < (proof_of(results).cosine or 0) < 0.9


def test_segment_and_strength_are_in_the_files_and_in_the_copy_of_the_perturbation(call: Caller, videos: Path) -> None:
    results = call(segment="end:frames=1", strength=0.5)
    assert proof_of(results).linf == 4
    read = torch.stack([frame.pixels for frame in read_frames(call.out / "a.mkv")])
    assert torch.equal(read[:3], make_bytes(4)[:3])
    assert not torch.equal(read[3], make_bytes(4)[3])
    copy = PerturbedFolder(call.out).perturbation
    assert copy is not None
    assert copy.record["strength"] == 0.5
    assert {(entry.segment, entry.strength) for entry in results.files} == {("end:frames=1", 0.5)}


def test_folders_of_pictures_are_written_and_found_again(call: Caller, videos: Path) -> None:
    results = call(codec="png")
    assert all(entry.exact for entry in results.files)
    folder = PerturbedFolder(call.out)
    assert list(folder.match(list_videos(videos, []).videos)) == []
    first = folder.files["a.mkv"]
    assert first.is_dir()
    assert len(list(read_frames(first))) == 4
    (first / "000002.png").unlink()
    assert "a.mkv" not in call(codec="png", resume=True).resumed
    assert len(list(read_frames(first))) == 4


def test_previews_show_a_changed_frame(call: Caller) -> None:
    call(preview=1, segment="end:frames=1")
    preview = next(Path(event.folder) for event in call.events if event.__struct_config__.tag == "preview")
    names = sorted(path.name for path in preview.iterdir())
    assert names[:4] == ["after.png", "animation.gif", "before.png", "comparison.mp4"]
    assert names[4].startswith("difference-x")
    assert (preview / "before.png").read_bytes() != (preview / "after.png").read_bytes()


@pytest.mark.parametrize("output", ["../secret.mkv", "/etc/passwd", "link.mkv"])
def test_a_manifest_does_not_lead_out_of_its_folder(call: Caller, videos: Path, tmp_path: Path, output: str) -> None:
    call()
    (tmp_path / "secret.mkv").write_bytes(b"secret")
    (call.out / "link.mkv").symlink_to(tmp_path / "secret.mkv")
    lines = (call.out / "manifest.jsonl").read_text().splitlines()
    entry = json.loads(lines[0]) | {"output": output}
    (call.out / "manifest.jsonl").write_text(json.dumps(entry) + "\n")
    with pytest.raises(LsapError, match=r"damaged|leads out of"):
        list(PerturbedFolder(call.out).match(list_videos(videos, []).videos))
    with pytest.raises(LsapError, match=r"damaged|leads out of"):
        call(resume=True)


def test_what_cannot_be_looked_at_is_skipped_and_the_rest_is_written(call: Caller, videos: Path) -> None:
    os.mkfifo(videos / "sub" / "pipe.mp4")
    results = call()
    assert [(one.path, one.reason) for one in results.skipped] == [
        ("sub/pipe.mp4", "it cannot be looked at (no regular file)")
    ]
    assert len(results.files) == len(STRANGE)
    assert call.kinds("skipped") == ["sub/pipe.mp4"]


def test_a_video_that_cannot_be_one_is_no_reason_to_stop(call: Caller, videos: Path) -> None:
    for name in STRANGE:
        (videos / name).unlink()
    write_tiny(videos / "odd.mp4", make_bytes(3, 33, 65), codec=H264Codec())
    with pytest.raises(LsapError, match="none of the 1 videos"):
        call(codec="av1")
    assert call.kinds("skipped") == ["odd.mp4"]
