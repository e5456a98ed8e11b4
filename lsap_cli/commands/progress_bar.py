"""The one bar of a command on a terminal: the stage, how much of the whole command is over, the time that is left."""

import time

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from lsap_cli.dashboard.formatting import duration
from lsap_cli.results.text import printable
from lsap_cli.runs.whole_progress import NOT_KNOWN, WholeProgress

A_SECOND = 4  # times that the bar is drawn
LONGEST_STAGE = 30


class CommandBar:
    """A line with the bar, and below it what is being done, from `open` to `close`.

    Args:
        console: of the terminal.
        progress: of the command.

    Attributes:
        stage: of the command, as the bar calls it.
        detail: what is being done, in one line.
    """

    def __init__(self, console: Console, progress: WholeProgress) -> None:
        self.progress = progress
        self.stage, self.detail = "", ""
        self._live = Live(
            console=console,
            transient=True,
            refresh_per_second=A_SECOND,
            get_renderable=self.render,
            redirect_stdout=False,
        )

    def open(self) -> None:
        """Shows the bar from now on."""
        self._live.start()

    def close(self) -> None:
        """Takes the bar off the terminal, if it is there."""
        self.stage = self.detail = ""
        self._live.stop()

    @property
    def is_open(self) -> bool:
        """Whether the bar is on the terminal."""
        return self._live.is_started

    def render(self) -> RenderableType:
        """The two lines as they are now."""
        if not self.stage:
            return Text("")
        line = Table.grid(padding=(0, 1), expand=True)
        line.add_column(no_wrap=True)
        line.add_column(ratio=1)
        line.add_column(no_wrap=True, justify="right")
        stage = Text(self.stage, style="bold")
        stage.truncate(LONGEST_STAGE, overflow="ellipsis")
        share = self.progress.share
        total = None if share is None else 1.0
        line.add_row(stage, ProgressBar(total=total, completed=share or 0.0, pulse=share is None), self.place())
        return Group(line, Text(printable(self.detail), style="dim", no_wrap=True, overflow="ellipsis"))

    def place(self) -> str:
        """How much of the command is over, and the time that is left."""
        return place_words(self.progress, time.monotonic()) or NOT_KNOWN


def place_words(progress: WholeProgress, now: float) -> str:
    """`43 %, 2:05 left`; empty where it is not known.

    Args:
        progress: of the command.
        now: by the clock that the events were taken with.
    """
    left = progress.left_at(now)
    if progress.share is None or left is None:
        return ""
    return f"{progress.share:4.0%}  {duration(left)} left".strip()
