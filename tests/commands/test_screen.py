import pytest

from lsap_cli.commands import screen as module
from lsap_cli.commands.screen import Screen


def test_progress_of_a_long_video_that_is_judged_counts_as_a_part_of_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PLAIN_EVERY_SECONDS", -1.0)
    with Screen(quiet=False) as screen:
        screen.show({"kind": "stage", "name": "evaluating", "videos": 3})
        screen.show({"kind": "video", "path": "a.mp4"})
        screen.show({"kind": "judging", "path": "b.mp4", "share": 0.375})
    said = capsys.readouterr().err.splitlines()[-1]
    assert "1 of 3 videos" in said
    assert "b.mp4" in said
    assert "38% judged" in said


def test_progress_of_apply_names_the_file_the_frame_the_rate_and_the_time_left(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PLAIN_EVERY_SECONDS", -1.0)
    with Screen(quiet=False) as screen:
        screen.show({"kind": "stage", "name": "applying", "files": 3})
        screen.show(
            {
                "kind": "frames", "path": "sub/a.mp4", "doing": "checking", "frame": 7, "frames": 50, "files_done": 1,
                "files": 3, "progress": 0.4, "frames_per_second": 66.4, "seconds_left": 125.0,
            }
        )  # fmt: skip
        screen.show({"kind": "kept", "path": "b.mp4", "output": "b.mkv"})
        screen.show({"kind": "preview", "path": "b.mp4", "folder": "run/preview/0"})
    said = capsys.readouterr().err
    assert "1 of 3 files" in said
    assert "sub/a.mp4" in said
    assert "checking frame 7 of 50" in said
    assert "66 frames/s" in said
    assert "2:05 left" in said
    assert "run/preview/0" in said
