"""What the program says where it ends: one sentence, whatever is in it."""

import errno

import pytest

from lsap_cli import main
from lsap_cli.errors import LsapError


def ending(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception) -> str:
    def failing(standalone_mode: bool) -> None:
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


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["generat"], "no such command 'generat'; did you mean 'generate'?"),
        (["list", "--jsn"], "no such option: --jsn"),
        (["generate", "--pool"], "option '--pool' requires an argument;"),
        (["generate", "--pool", "1.5"], "--pool '1.5' is not taken; use a whole number from 1 to 4,096"),
        (["defend", "--memory-limit", "x"], "--memory-limit 'x' is not taken; use a number from 0.01 to 1,048,576"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_the_parser_refuses_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str], sentence: str
) -> None:
    monkeypatch.setattr("sys.argv", ["lsap", *words])
    with pytest.raises(SystemExit) as stop:
        main.run()
    said = capsys.readouterr().err
    assert (stop.value.code, len(said.splitlines())) == (2, 1)
    assert said.startswith(f"lsap: {sentence}")
