"""The log of a run, on the first tab and, as tall as the screen, on one of its own."""

from rich.text import Text
from textual.widgets import RichLog

from lsap_cli.dashboard.formatting import OCHER, ORANGE, clock_time
from lsap_cli.dashboard.run_reader import RunReader
from lsap_cli.results.text import printable
from lsap_cli.runs.history import History, LogLine

LOG_STYLES = {"warning": OCHER, "skipped": f"bold {ORANGE}", "stage": "bold", "note": "bold", "end": "bold"}


def log_text(line: LogLine) -> Text:
    """An event as a line of the log; its kind stands in words too."""
    word = {"warning": "note: ", "stage": "", "note": ""}.get(line.kind, f"{printable(line.kind)}: ")
    text = Text(f"{clock_time(line.time)} ", style="dim")
    return Text().append_text(text).append(f"{word}{printable(line.text)}", style=LOG_STYLES.get(line.kind, ""))


class LogView(RichLog):
    """The log, appended to; only lines that are new are written."""

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id, max_lines=1000, wrap=True, markup=False, min_width=20)
        self._written = 0
        self._of: object = None

    def write_new(self, history: History) -> None:
        if self._of is not history:
            self._of, self._written = history, 0
            self.clear()
        new = min(history.logged - self._written, len(history.log))
        for line in list(history.log)[len(history.log) - new :] if new else []:
            self.write(log_text(line), expand=True)  # the whole width, also where no terminal says its own
        self._written = history.logged


class LogPane(LogView):
    """The fourth tab."""

    def __init__(self) -> None:
        super().__init__(id="log-pane")

    def show(self, reader: RunReader) -> None:
        self.write_new(reader.history)
