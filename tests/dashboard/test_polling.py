"""How often the folders are read."""

import threading
from pathlib import Path

import pytest

from lsap_cli.dashboard.polling import PollingThread
from lsap_cli.dashboard.run_list import (
    COVERED_LIST_SECONDS,
    FIRST_LIST_SECONDS,
    IDLE_LIST_SHARE,
    LIST_EVERY_SECONDS,
    LIVE_LIST_SHARE,
    RunListReader,
)
from lsap_cli.dashboard.summaries import RunSummary
from lsap_cli.runs.reading import RunSnapshot, RunState


def test_waiting_for_a_core_is_not_counted_as_reading() -> None:
    took: list[float] = []
    waited = threading.Event()

    def update() -> bool:
        waited.wait(0.2)  # it has no core
        return False

    def pause(seconds: float) -> float:
        took.append(seconds)
        thread.stop()
        return 0.0

    thread = PollingThread(update, lambda: None, pause)
    thread.start()
    thread.join(20)
    assert len(took) == 1
    assert took[0] < 0.1


@pytest.mark.parametrize(("state", "share"), [("done", IDLE_LIST_SHARE), ("running", LIVE_LIST_SHARE)])
def test_the_pause_keeps_reading_to_its_share_of_a_core_from_the_third_update_on(
    tmp_path: Path, state: RunState, share: float
) -> None:
    reader = RunListReader(tmp_path)
    pauses = []
    for _ in range(3):
        reader.update()
        reader.summaries = [RunSummary(RunSnapshot(tmp_path, state), "one", False, "", (), None)]
        pauses.append(reader.pause(0.1))
    assert pauses == [FIRST_LIST_SECONDS, LIST_EVERY_SECONDS, 0.1 / share]
    assert reader.pause(1e-4) == LIST_EVERY_SECONDS
    reader.covered = True
    assert reader.pause(1e-4) == COVERED_LIST_SECONDS


def test_a_thread_is_woken_from_its_pause() -> None:
    paused = threading.Event()
    updates = 0

    def update() -> bool:
        nonlocal updates
        updates += 1
        if updates == 2:
            thread.stop()
        return False

    def pause(_: float) -> float:
        paused.set()
        return 60.0

    thread = PollingThread(update, lambda: None, pause)
    thread.start()
    assert paused.wait(20)
    assert updates == 1
    thread.wake()
    thread.join(20)
    assert not thread.is_alive()
    assert updates == 2
