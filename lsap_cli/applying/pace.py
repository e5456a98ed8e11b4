"""How far all copies are, in frames: each frame is written once and read once."""

import time
from collections.abc import Sequence

from lsap_cli.applying.planning import PlannedCopy
from lsap_cli.results.events import FramesEvent
from lsap_cli.runs import Run

PROGRESS_SECONDS = 0.5


class CopyPace:
    """Turns each file's progress into events about all files.

    Args:
        run: where events go.
        planned: all copies that are to be written.
    """

    def __init__(self, run: Run, planned: Sequence[PlannedCopy]) -> None:
        self._run = run
        self._frames, self._files = sum(2 * copy.facts.frames for copy in planned), len(planned)
        self._start = self._reported = time.monotonic()
        self._finished = self._finished_files = 0
        self._current: dict[str, int] = {}

    def report(self, copy: PlannedCopy, done: int) -> None:
        """One file has written and read so many frames; an event follows if the last one is old enough."""
        self._current[copy.video.name] = done
        now = time.monotonic()
        if now - self._reported < PROGRESS_SECONDS:
            return
        self._reported = now
        through = self._finished + sum(self._current.values())
        rate = through / (now - self._start)
        frames = copy.facts.frames
        self._run.event(
            FramesEvent(
                path=copy.video.name,
                frame=done if done <= frames else done - frames,
                frames=frames,
                doing="writing" if done <= frames else "checking",
                files_done=self._finished_files,
                files=self._files,
                progress=min(through / self._frames, 1.0) if self._frames else 0.0,
                frames_per_second=round(rate / 2, 2),
                seconds_left=round(max(self._frames - through, 0) / rate, 1) if rate else None,
            )
        )

    def finish(self, copy: PlannedCopy) -> None:
        """One file is done, or was given up on."""
        self._current.pop(copy.video.name, None)
        self._finished += 2 * copy.facts.frames
        self._finished_files += 1
