import io
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

from lsap_cli.commands import screen as module
from lsap_cli.commands.options import show_report
from lsap_cli.commands.screen import Screen, linked, print_place
from lsap_cli.results.events import (
    ClusterEvent,
    Event,
    ExpectedStage,
    FramesEvent,
    JudgingEvent,
    KeptEvent,
    PlanEvent,
    PreviewEvent,
    StageEvent,
    StepEvent,
    VideoEvent,
)
from lsap_cli.results.node_use import NodeUse

Said = Callable[..., str]


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Said:
    """What stands on a screen that is no terminal after some events; each one is sent at once."""
    monkeypatch.setattr(module, "PLAIN_EVERY_SECONDS", -1.0)

    def show(*events: Event) -> str:
        with Screen(quiet=False) as screen:
            for event in events:
                screen.show(event)
        return capsys.readouterr().err

    return show


def test_progress_of_a_long_video_that_is_judged_counts_as_a_part_of_it(said: Said) -> None:
    stage = StageEvent(name="evaluating", videos=3)
    text = said(stage, VideoEvent(path="a.mp4"), JudgingEvent(path="b.mp4", share=0.375))
    last = text.splitlines()[-1]
    assert "1 of 3 videos" in last
    assert "b.mp4" in last
    assert "38% judged" in last


def test_progress_of_apply_names_the_file_the_frame_the_rate_and_the_time_left(said: Said) -> None:
    text = said(
        PlanEvent(stages=(ExpectedStage(stage="applying"),)),
        StageEvent(name="applying", files=3),
        FramesEvent(
            path="sub/a.mp4", doing="checking", frame=7, frames=50, files_done=1, files=3, progress=0.4,
            frames_per_second=66.4, seconds_left=125.0,
        ),
        KeptEvent(path="b.mp4", output="b.mkv"),
        PreviewEvent(path="b.mp4", folder="run/preview/0"),
    )  # fmt: skip
    for words in ("1 of 3 files", "sub/a.mp4", "checking frame 7 of 50", "66 frames/s", "2:05 left", "run/preview/0"):
        assert words in text


@pytest.mark.parametrize("as_json", [False, True])
def test_names_in_results_are_never_read_as_markup(capsys: pytest.CaptureFixture[str], as_json: bool) -> None:
    names = ("p[b].safetensors", "[/bold].mp4", "[link=x]", "\\[x]")
    table = Table()
    for name in names:
        table.add_row(name)
    with Screen(quiet=False) as screen:
        screen.result(table, *names, as_json=as_json)
    printed = capsys.readouterr()
    text, other = (printed.err, printed.out) if as_json else (printed.out, printed.err)
    assert all(text.count(name) == 2 for name in names), text
    assert other == ""


def test_progress_of_an_attacker_counts_attackers_and_steps(said: Said) -> None:
    stage = StageEvent(name="learning 3 of 46: knows jpeg", steps=300, seconds=None, attacker=3, attackers=46)
    text = said(stage, StepEvent(number=12, loss=0.5, fooled=1, clips=4, seconds=1.0, progress=0.04, seconds_left=60.0))
    assert "learning 3 of 46: knows jpeg: step 12 of 300 " in text.splitlines()[-1]


def test_a_cluster_is_told_once_when_it_is_ready(said: Said) -> None:
    nodes = (NodeUse(name="a [red]", workers=2),)
    text = said(ClusterEvent(nodes=nodes, start_seconds=12.4), ClusterEvent(nodes=nodes))
    assert text == "2 workers on node a [red], ready after 12 s\n"


def test_a_path_is_a_link_on_a_terminal_and_plain_text_elsewhere(
    said: Said, capsys: pytest.CaptureFixture[str]
) -> None:
    path = Path("/tmp/a [b] report.html")
    stream = io.StringIO()
    Console(file=stream, force_terminal=True, color_system="standard", _environ={"TERM": "xterm"}).print(linked(path))
    assert f";{path.as_uri()}\x1b\\{path}\x1b]8;;\x1b\\" in stream.getvalue()
    print_place(path)
    assert capsys.readouterr().out == f"{path}\n"
    with Screen(quiet=False) as screen:
        screen.place("report: ", path)
    assert capsys.readouterr().err == f"report: {path}\n"


def test_open_says_where_there_is_no_screen(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    show_report(Path("report.html"), open_it=False)
    assert capsys.readouterr().err == ""
    show_report(Path("report.html"), open_it=True)
    assert f"--open found no browser with a screen here; open {Path.cwd() / 'report.html'}" in capsys.readouterr().err


def test_open_starts_the_browser_on_the_report(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Path] = []

    def open_file(path: Path) -> bool:
        opened.append(path)
        return True

    monkeypatch.setattr("lsap_cli.dashboard.opening.can_open", lambda: True)
    monkeypatch.setattr("lsap_cli.dashboard.opening.open_file", open_file)
    show_report(Path("report.html"), open_it=True)
    assert opened == [Path("report.html")]


def test_the_bar_is_gone_before_results_are_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    open_while_printing: list[bool] = []
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setattr("sys.stderr", terminal)
    with Screen(quiet=False) as screen:
        bar = screen._bar
        monkeypatch.setattr(module, "print_parts", lambda *_, **__: open_while_printing.append(bar.is_open))
        screen.show(StageEvent(name="verifying", videos=3))
        assert bar.is_open
        screen.result("the last line of the results")
        screen.show(VideoEvent(path="a.mp4"))
    assert open_while_printing == [False], "on one terminal the bar would be drawn over the results"
