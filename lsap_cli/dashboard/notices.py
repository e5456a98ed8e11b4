"""A notice when a run ends: on the screen, as a bell, and by the terminal's own notices (OSC 9)."""

import os
from collections.abc import Iterable
from pathlib import Path

from textual import on

from lsap_cli.dashboard.formatting import duration, state_text
from lsap_cli.dashboard.navigation import Navigator, RunsSeen
from lsap_cli.dashboard.summaries import run_seconds
from lsap_cli.results.text import printable
from lsap_cli.runs.reading import RunSnapshot

LONGEST = 200  # characters of a notice


class EndedRuns:
    """Which runs have ended since they were seen live."""

    def __init__(self) -> None:
        self._live: set[Path] = set()

    def new(self, runs: Iterable[RunSnapshot]) -> list[RunSnapshot]:
        """Those of some runs that were live before and are not now; each is given once."""
        ended = []
        for run in runs:
            if run.live:
                self._live.add(run.folder)
            elif run.folder in self._live:
                self._live.remove(run.folder)
                ended.append(run)
        return ended


class NoticesOfEnds(Navigator):
    """The part of the application that says when a run ends."""

    def __init__(self) -> None:
        super().__init__()
        self._ended = EndedRuns()

    @on(RunsSeen)
    def say_what_ended(self, event: RunsSeen) -> None:
        for run in self._ended.new(event.runs):
            text = end_words(run)
            self.notify(text, severity="information" if run.state == "done" else "warning", markup=False)
            self.bell()
            driver = self._driver
            if driver is not None and not self.is_headless and not self.is_web:
                driver.write(terminal_notice(f"lsap: {text}", in_tmux=bool(os.environ.get("TMUX"))))


def end_words(run: RunSnapshot) -> str:
    """How a run ended, in a line."""
    why = f": {run.error}" if run.error and run.state != "done" else ""
    return printable(f"{run.folder.name} {state_text(run.state).plain} after {duration(run_seconds(run))}{why}")[
        :LONGEST
    ]


def terminal_notice(text: str, in_tmux: bool) -> str:
    """OSC 9; for tmux wrapped, which passes it on only where `allow-passthrough` is set."""
    notice = f"\x1b]9;{printable(text)}\x07"
    return "\x1bPtmux;" + notice.replace("\x1b", "\x1b\x1b") + "\x1b\\" if in_tmux else notice
