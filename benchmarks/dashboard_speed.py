"""How fast the dashboard is, and what it costs: the figures of benchmarks/results/dashboard_*.json.

    python benchmarks/dashboard_speed.py --out benchmarks/results/dashboard_speed.json [--soak-seconds 600]

Every figure is measured on the dashboard as it runs in a terminal: a process of its own under a pseudo terminal, whose
output is read as a terminal would. Times are wall-clock beside the processor time of the same stretch; on a machine
that is busy with other work only the latter says much.
"""

import argparse
import fcntl
import json
import os
import pty
import random
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from lsap_cli.results.documents import GenerateResults
from lsap_cli.results.events import EndEvent, StageEvent, StepEvent
from lsap_cli.results.files import RESULTS_FILE, RUN_FILE, encode_line, write_document
from lsap_cli.results.rates import Rate
from lsap_cli.results.records import NO_ATTACK, NOISE, PERTURBED
from lsap_cli.results.rows import Row
from lsap_cli.results.run_facts import RunFacts
from lsap_cli.runs import Run
from lsap_cli.runs.following import FileTail
from lsap_cli.runs.history import History
from lsap_cli.runs.run import versions

TICKS = os.sysconf("SC_CLK_TCK")
PROGRAM = [sys.executable, "-m", "lsap_cli", "dashboard"]
PARTS = (
    "first_screen_200_runs", "first_screen_2000_runs", "open_a_million_events", "idle_200_runs",
    "following_50_events_a_second",
)  # fmt: skip
VERDICT = "NO MORE THAN NOISE"  # of the runs that `make_run` writes
ESCAPES = re.compile(r"\x1b\[[0-9;?<>=]*[a-zA-Z]|\x1b[()][A-Z0-9]|\x1b[=>]")


@dataclass
class Terminal:
    """The dashboard in a pseudo terminal of 120 x 36."""

    process: subprocess.Popen[bytes]
    handle: int
    started: float
    text: str = ""
    written: int = 0

    def read(self, seconds: float) -> None:
        """Takes what it writes for some time; a terminal that is not read would block it."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            ready, _, _ = select.select([self.handle], [], [], left)
            if ready:
                data = os.read(self.handle, 65536)
                self.written += len(data)
                self.text = (self.text + ESCAPES.sub("", data.decode("utf-8", "replace")))[-200_000:]

    def wait(self, words: str, seconds: float = 120.0) -> float:
        """Seconds since the start until these words were written."""
        end = time.monotonic() + seconds
        while words not in self.text:
            if time.monotonic() > end:
                raise TimeoutError(f"“{words}” did not appear; the last was {self.text[-500:]!r}")
            self.read(0.01)
        return time.monotonic() - self.started

    def press(self, keys: str) -> None:
        os.write(self.handle, keys.encode())

    def processor_seconds(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def memory_bytes(self) -> int:
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def share(self, seconds: float) -> float:
        """Of one core, in percent, over some time."""
        before, start = self.processor_seconds(), time.monotonic()
        self.read(seconds)
        return 100 * (self.processor_seconds() - before) / (time.monotonic() - start)


@contextmanager
def dashboard(folder: Path) -> Iterator[Terminal]:
    handle, inner = pty.openpty()
    fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 36, 120, 0, 0))
    environment = os.environ | {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # a user's Python compiles a module once
    with TemporaryDirectory() as state:  # or it would open the tab that the measurement before it left open
        environment["XDG_STATE_HOME"] = state
        start = time.monotonic()
        process = subprocess.Popen(
            [*PROGRAM, str(folder)], stdin=inner, stdout=inner, stderr=inner, env=environment, start_new_session=True
        )
        os.close(inner)
        terminal = Terminal(process, handle, start)
        try:
            yield terminal
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
            os.close(handle)


def main() -> None:
    """Measures everything and writes one JSON document."""
    parser = argparse.ArgumentParser(description="Measure the dashboard.")
    parser.add_argument("--out", type=Path, required=True, help="the JSON file to write")
    parser.add_argument("--soak-seconds", type=float, default=300.0, help="of following a run, for the memory")
    parser.add_argument("--repeats", type=int, default=5, help="of the short measurements")
    parser.add_argument("--steps", type=int, default=1_000_000, help="of the long run")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="what is measured")
    arguments = parser.parse_args()
    found: dict[str, Any] = {"schema": "lsap.benchmark/1", "versions": versions(), "load_before": os.getloadavg()}
    with TemporaryDirectory() as name:
        root = Path(name)
        measures: dict[str, Callable[[], dict[str, Any]]] = {
            "first_screen_200_runs": lambda: first_screen(root / "many", 200, arguments.repeats),
            "first_screen_2000_runs": lambda: first_screen(root / "thousands", 2000, arguments.repeats),
            "open_a_million_events": lambda: open_long(root / "million", arguments.steps, arguments.repeats),
            "idle_200_runs": lambda: idle(root / "idle", 200),
            "following_50_events_a_second": lambda: follow(root / "follow", arguments.soak_seconds),
        }
        for part in arguments.parts:
            found[part] = measures[part]()
            found[part]["load_after"] = os.getloadavg()[0]
            print(part, json.dumps(found[part]), file=sys.stderr)
            arguments.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def first_screen(root: Path, count: int, repeats: int) -> dict[str, Any]:
    """From the process's start until the newest of some runs is on the screen."""
    make_runs(root, count)
    walls, processors = [], []
    for _ in range(repeats + 1):
        with dashboard(root) as terminal:
            walls.append(terminal.wait(f"run-{count - 1:04d}"))
            processors.append(terminal.processor_seconds())
    return {"wall_seconds": walls[1:], "processor_seconds": processors[1:]}  # the first one also compiles


def open_long(root: Path, steps: int, repeats: int) -> dict[str, Any]:
    """From Enter on a run of a million events until its results are on the screen, and from `2` (its Live tab) until
    its last step is, which is after a look at parts of the file; and how long reading all of it takes.
    """
    make_run(root / "long", steps=steps)
    walls, processors, live, reading, memory = [], [], [], [], 0
    for _ in range(repeats):
        start = time.process_time()
        history = History()
        tail = FileTail(root / "long" / "events.jsonl")
        for block in tail.read():
            history.feed(block)
        tail.close()
        reading.append(time.process_time() - start)
        with dashboard(root) as terminal:
            terminal.wait("long")
            terminal.read(3)
            before, start = terminal.processor_seconds(), time.monotonic()
            terminal.press("\r")
            terminal.wait(VERDICT)
            walls.append(time.monotonic() - start)
            opened = terminal.processor_seconds()
            processors.append(opened - before)
            terminal.press("2")
            terminal.wait(f"step {steps:,}")
            live.append(terminal.processor_seconds() - opened)
            memory = max(memory, terminal.memory_bytes())
    return {
        "wall_seconds": walls, "processor_seconds": processors, "live_tab_processor_seconds": live,
        "reading_processor_seconds": reading,
        "memory_mb": round(memory / 2**20, 1),
        "file_mb": round((root / "long" / "events.jsonl").stat().st_size / 2**20, 1),
    }  # fmt: skip


def idle(root: Path, count: int) -> dict[str, Any]:
    """Percent of one core, with nothing happening: the list of some runs, and one finished run."""
    make_runs(root, count)
    with dashboard(root) as terminal:
        terminal.wait(f"run-{count - 1:04d}")
        terminal.read(10)
        listed = terminal.share(30)
        terminal.press("\r")
        terminal.wait(VERDICT)
        terminal.read(5)
        return {"list_percent": listed, "run_percent": terminal.share(30), "memory_mb": terminal.memory_bytes() / 2**20}


def follow(root: Path, seconds: float) -> dict[str, Any]:
    """Percent of one core, delay and memory, while a run writes 50 steps a second."""
    stop = threading.Event()
    written: dict[int, float] = {}

    def work() -> None:
        with Run(root / "live", "generate", {"model": "demo"}, []) as run:
            run.event(StageEvent(name="learning", steps=10_000_000))
            number = 0
            while not stop.wait(0.02):
                number += 1
                written[number] = time.monotonic()
                run.event(step(number))

    writer = threading.Thread(target=work)
    writer.start()
    time.sleep(1)
    delays: list[float] = []
    memory: list[tuple[float, float]] = []
    try:
        with dashboard(root / "live") as terminal:
            terminal.wait("step ")
            terminal.read(5)
            narrow = terminal.share(20)
            start, seen = time.monotonic(), 0
            busy = terminal.processor_seconds()
            while time.monotonic() - start < seconds:
                terminal.read(0.02)
                shown = [int(one) for one in re.findall(r"step (\d+) ", terminal.text[-4000:])]
                if shown and shown[-1] > seen and shown[-1] in written:
                    seen = shown[-1]
                    delays.append(time.monotonic() - written[seen])
                if not memory or time.monotonic() - start - memory[-1][0] > 10:
                    memory.append((time.monotonic() - start, terminal.memory_bytes() / 2**20))
            whole = 100 * (terminal.processor_seconds() - busy) / (time.monotonic() - start)
    finally:
        stop.set()
        writer.join()
    ordered = sorted(delays)
    return {
        "percent": narrow, "percent_of_soak": whole, "events": len(written), "soak_seconds": seconds,
        "delay_seconds": {
            "median": ordered[len(ordered) // 2], "p95": ordered[int(len(ordered) * 0.95)], "n": len(ordered),
        },
        "memory_mb": [(round(at), round(size, 1)) for at, size in memory],
    }  # fmt: skip


def make_runs(root: Path, count: int) -> None:
    for number in range(count):
        make_run(root / f"run-{number:04d}", steps=300)


def make_run(folder: Path, steps: int) -> None:
    """A finished `generate` run of so many steps, written as lsap writes one."""
    folder.mkdir(parents=True)
    number = int(folder.name.rpartition("-")[2]) if folder.name.startswith("run-") else 0
    begun = f"2026-01-{1 + number // 1440:02d}T{number // 60 % 24:02d}:{number % 60:02d}"
    facts = RunFacts(
        command="generate", status="done", pid=1, command_line=("lsap", "generate"), started=f"{begun}:00+00:00",
        finished=f"{begun}:40+00:00", settings={"model": "demo", "epsilon": "8/255"}, versions=versions(),
    )  # fmt: skip
    write_document(folder / RUN_FILE, facts)
    with (folder / "events.jsonl").open("wb") as file:
        file.write(encode_line(StageEvent(time=1.0, name="learning", steps=steps)))
        for at in range(1, steps + 1):
            file.write(encode_line(step(at, 1767225600.0 + at / 100)))
        file.write(encode_line(EndEvent(time=1767225600.0 + steps / 100, status="done")))
    rate = Rate(value=0.75, count=30, of=40, low=0.6, high=0.86)
    rows = tuple(
        Row(
            attack=attack, defense="none", sampler="uniform", videos=40, clean_accuracy=rate, attacked_accuracy=rate,
            fooling_rate=rate,
        )
        for attack in (NO_ATTACK, NOISE, PERTURBED)
    )  # fmt: skip
    results = GenerateResults(
        out="r.safetensors", attack="lsap", steps=steps, fit_videos=160, verification_videos=40, rows=rows
    )
    write_document(folder / RESULTS_FILE, results)


def step(at: int, time: float = 0.0) -> StepEvent:
    """A step with values as real ones have."""
    return StepEvent(
        time=time, number=at, loss=round(random.random(), 4), fooled=random.randint(0, 8), clips=8,
        gradient=1.2345678901234567e-05, seconds=at / 50, progress=at / 1e7, seconds_left=100.0, coherence=0.1234,
        step_size=0.0005,
    )  # fmt: skip


if __name__ == "__main__":
    main()
