"""One curve as large as the screen; what a run uses of the machine; notices when a run ends."""

import json
from pathlib import Path

import pytest
from textual.pilot import Pilot

from lsap_cli.dashboard.app import Dashboard
from lsap_cli.dashboard.curves import MACHINE
from lsap_cli.dashboard.notices import EndedRuns, end_words, terminal_notice
from lsap_cli.dashboard.panes.live import status_lines
from lsap_cli.dashboard.run_reader import read_once
from lsap_cli.dashboard.screens.curve import CurveScreen
from lsap_cli.dashboard.widgets.curve import CurveView
from lsap_cli.results.events import StageEvent, StepEvent, UsageEvent
from lsap_cli.runs import Run
from lsap_cli.runs.history import History
from lsap_cli.runs.reading import read_snapshot
from lsap_cli.runs.usage import disk_bytes
from tests.dashboard.conftest import WIDE, play, shown_text, until, until_true


def learned(folder: Path, factor: float = 1.0) -> Path:
    with Run(folder, "generate", {"seed": 1}, []) as run:
        run.event(StageEvent(name="learning", steps=300, seconds=None))
        for number in range(1, 81):
            loss = None if 30 <= number <= 40 else factor * 10.0 / number
            run.event(StepEvent(number=number, loss=loss, clips=4.0, fooled=2.0, seconds=number * 0.5, progress=0.2))
    lines = (folder / "events.jsonl").read_text().splitlines()
    start = json.loads(lines[0])["time"]
    for number in range(10):
        usage = {"kind": "usage", "time": start + 5.0 * number, "memory_bytes": 2**30, "cpu_percent": 90.0 + number,
                 "disk_bytes": 2**20 * 10 * number}  # fmt: skip
        lines.insert(2, json.dumps(usage))
    head, usages, rest = lines[:2], list(reversed(lines[2:12])), lines[12:]
    (folder / "events.jsonl").write_text("\n".join([*head, *usages, *rest, ""]))
    return folder


def test_the_step_is_told_with_the_number_of_all(tmp_path: Path) -> None:
    reader = read_once(learned(tmp_path / "runs" / "one"))
    assert "step 80 of 300" in status_lines(reader)[0].plain


def test_the_machine_s_history_is_four_curves() -> None:
    history = History()
    for n in range(5):
        used = {"cpu_percent": 50.0 + n, "memory_bytes": 2**30, "gpu_percent": 10.0, "disk_bytes": n * 2**26}
        history._take(UsageEvent(time=60.0 * n, **used))  # type: ignore[arg-type]  # numbers of several types
    lines = {kind.name: kind.line_of(history) for kind in MACHINE}
    assert lines["processor"].x == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert lines["processor"].y[-1] == 54.0
    assert lines["memory"].y[0] == 1.0
    assert lines["GPU"].y == [10.0] * 5
    assert lines["disk"].y == pytest.approx([64 / 60] * 4)


def test_what_a_process_moves_to_and_from_storage_is_counted(tmp_path: Path) -> None:
    moved = disk_bytes()
    assert isinstance(moved, int)
    assert moved >= 0


def test_no_part_of_the_live_tab_is_empty(tmp_path: Path) -> None:
    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await pilot.press("2")
        await until(pilot, app, "processor")
        views = [view for view in app.screen.query(CurveView) if view.display and view.size.height]
        assert len(views) == 6

    play(tmp_path / "runs", act, WIDE, learned(tmp_path / "runs" / "one"))


def test_a_curve_is_read_zoomed_scaled_and_compared(tmp_path: Path) -> None:
    one, _ = learned(tmp_path / "runs" / "one"), learned(tmp_path / "runs" / "two", 3.0)

    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "two")
        app.open_run(one)
        await until(pilot, app, "Results")
        await pilot.press("2")
        await until(pilot, app, "step 80 of 300")
        await pilot.press("z")
        await until_true(pilot, lambda: isinstance(app.screen, CurveScreen))
        await until(pilot, app, "step 80 · 0.125")
        screen = app.screen
        assert isinstance(screen, CurveScreen)
        await pilot.press(*["left"] * 30)
        await until_true(pilot, lambda: "step 80 ·" not in shown_text(app))
        await pilot.press("plus", "plus")
        await until(pilot, app, "25% of the run is seen")
        await pilot.press("0", "g")
        await until(pilot, app, "decimal logarithm")
        await pilot.press("b")
        await until(pilot, app, "which run is laid over it")
        await pilot.press("down", "enter")
        await until(pilot, app, "━ two")
        await pilot.press("B")
        await until_true(pilot, lambda: "━ two" not in shown_text(app))
        for name in ("fooling rate", "coherence", "step size", "clips a second", "processor", "memory", "GPU", "disk"):
            await pilot.press("v")
            await until(pilot, app, name)
        await pilot.press("escape")

    play(tmp_path / "runs", act, WIDE)


def test_the_end_of_a_run_is_said_once(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "one"
    ended = EndedRuns()
    with Run(folder, "generate", {}, []):
        assert ended.new([read_snapshot(folder)]) == []
    assert [one.folder for one in ended.new([read_snapshot(folder)])] == [folder]
    assert ended.new([read_snapshot(folder)]) == []
    assert "one ✓ done after" in end_words(read_snapshot(folder))


def test_a_run_that_ends_is_noticed_on_any_screen(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "one"

    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        with Run(folder, "generate", {}, []):
            await until(pilot, app, "▶ live")
        await until_true(pilot, lambda: any("✓ done after" in one.message for one in app._notifications))

    (tmp_path / "runs").mkdir()
    play(tmp_path / "runs", act, WIDE)


def test_a_notice_of_the_terminal_holds_no_other_sequence() -> None:
    notice = terminal_notice("a\x1b]52;c;x\x07b", in_tmux=False)
    assert notice.startswith("\x1b]9;")
    assert notice.count("\x1b") == 1
    assert notice.count("\x07") == 1
    assert terminal_notice("a", in_tmux=True).startswith("\x1bPtmux;\x1b\x1b]9;")
