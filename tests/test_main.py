"""What the program says where it ends: one sentence, whatever is in it."""

import errno

import pytest

from lsap_cli import main
from lsap_cli.errors import LsapError


def ending(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception) -> str:
    def failing() -> None:
        raise error

    monkeypatch.setattr(main, "app", failing)
    monkeypatch.setattr("sys.argv", ["lsap", "defend"])
    with pytest.raises(SystemExit) as stop:
        main.run()
    assert stop.value.code in (1, 2)
    return capsys.readouterr().err


@pytest.mark.parametrize("kind", [LsapError, RuntimeError])
def test_escape_sequences_of_names_do_not_reach_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], kind: type[Exception]
) -> None:
    said = ending(monkeypatch, capsys, kind("no\x1b[31m\udcff.mp4 is no video"))
    assert "\x1b" not in said
    assert "no\\x1b[31m\\udcff.mp4 is no video" in said


def test_a_file_that_cannot_be_written_is_no_fault_of_lsap(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = ending(monkeypatch, capsys, PermissionError(errno.EACCES, "Permission denied", "runs/a/report.html"))
    assert "runs/a/report.html cannot be read or written (Permission denied)" in said
    assert "fault of lsap" not in said


def test_a_full_disk_is_named_as_such(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    said = ending(monkeypatch, capsys, OSError(errno.ENOSPC, "No space left on device", "runs/a/report.html"))
    assert "the disk is full (runs/a/report.html cannot be written)" in said
    assert "--resume" in said
    assert "fault of lsap" not in said
