"""How often the folders are looked through."""

import time
from pathlib import Path

from lsap_cli.dashboard.watching import COVERED_LIST_SECONDS, LIST_EVERY_SECONDS, LIST_SHARE, ListWatch, Watcher


def test_waiting_for_a_core_is_not_counted_as_looking() -> None:
    took: list[float] = []

    def look() -> bool:
        time.sleep(0.2)
        return False

    def pause(seconds: float) -> float:
        took.append(seconds)
        watcher.stop()
        return 0.0

    watcher = Watcher(look, lambda: None, pause)
    watcher.start()
    watcher.join(20)
    assert len(took) == 1
    assert took[0] < 0.1


def test_the_pause_keeps_looking_to_its_share_of_a_core_from_the_third_look_on(tmp_path: Path) -> None:
    watch = ListWatch(tmp_path)
    pauses = []
    for _ in range(3):
        watch.look()
        pauses.append(watch.pause(0.1))
    assert pauses == [0.0, LIST_EVERY_SECONDS, 0.1 / LIST_SHARE]
    assert watch.pause(1e-4) == LIST_EVERY_SECONDS
    watch.covered = True
    assert watch.pause(1e-4) == COVERED_LIST_SECONDS


def test_a_watcher_is_woken_from_its_pause() -> None:
    looks: list[float] = []

    def look() -> bool:
        looks.append(time.monotonic())
        if len(looks) == 2:
            watcher.stop()
        return False

    watcher = Watcher(look, lambda: None, lambda _: 60.0)
    watcher.start()
    time.sleep(0.2)
    assert len(looks) == 1
    watcher.wake()
    watcher.join(20)
    assert len(looks) == 2
    assert looks[1] - looks[0] < 20
