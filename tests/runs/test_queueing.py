import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from lsap_cli.dashboard.launching import queue, stop
from lsap_cli.runs.reading import read_console, read_snapshot

HOLDER = """
import sys, time
from pathlib import Path
from lsap_cli.runs.queueing import is_first, take_ticket, take_turn
root = Path(sys.argv[1])
ticket = take_ticket(root)
while not (is_first(ticket, []) and take_turn(root)):
    time.sleep(0.02)
print("turn", flush=True)
sys.stdin.read()
"""


def wait_for(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.05)


def holder(root: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def test_one_process_at_a_time_has_its_turn_the_oldest_first_and_a_killed_one_gives_way(tmp_path: Path) -> None:
    processes = []
    for _ in range(3):
        processes.append(holder(tmp_path))
        count = len(processes)
        wait_for(lambda count=count: sum(one.name[0].isdigit() for one in (tmp_path / ".queue").glob("*")) == count)  # type: ignore[misc]  # the value of now
    try:
        first, second, third = processes
        assert first.stdout is not None
        assert second.stdout is not None
        assert third.stdout is not None
        assert first.stdout.readline() == "turn\n"
        second.kill()
        second.wait()
        time.sleep(0.2)
        assert third.poll() is None
        first.kill()
        assert third.stdout.readline() == "turn\n"
    finally:
        for one in processes:
            one.kill()
            one.communicate()


def test_a_queued_run_waits_for_the_one_before_it_and_then_begins(tmp_path: Path) -> None:
    first = holder(tmp_path)
    assert first.stdout is not None
    assert first.stdout.readline() == "turn\n"
    folder = tmp_path / "waits"
    process = queue(["generate", "/nowhere", "--model", "demo", "--out", "r.safetensors"], folder, tmp_path, [])
    try:
        wait_for(lambda: len(list((tmp_path / ".queue").glob("[0-9]*"))) == 2)
        assert read_snapshot(folder).state == "queued"
    finally:
        first.communicate("")
    assert process.wait(60) == 2
    assert "/nowhere" in read_console(folder)
    assert read_snapshot(folder).state == "failed"


def test_what_is_taken_out_of_the_queue_never_begins(tmp_path: Path) -> None:
    first = holder(tmp_path)
    assert first.stdout is not None
    assert first.stdout.readline() == "turn\n"
    folder = tmp_path / "waits"
    process = queue(["demo"], folder, tmp_path, [])
    try:
        assert read_snapshot(folder).state == "queued"
        assert stop(folder) == "taken out of the queue"
        assert process.wait(30) == 1
    finally:
        first.communicate("")
    assert read_snapshot(folder).error == "it was taken out of the queue before it began"
