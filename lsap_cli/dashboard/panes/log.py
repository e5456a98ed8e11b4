"""The log of a run, on the Live tab and, as tall as the screen, on one of its own, with what the process printed."""

from rich.text import Text

from lsap_cli.dashboard.formatting import OCHER, ORANGE, clock_time
from lsap_cli.dashboard.run_reader import RunReader
from lsap_cli.dashboard.widgets.log_view import LogEntry, LogView
from lsap_cli.results.text import printable
from lsap_cli.runs.following import file_stamp
from lsap_cli.runs.history import History, LogLine
from lsap_cli.runs.reading import CONSOLE_FILE, read_console

LOG_STYLES = {"warning": OCHER, "skipped": f"bold {ORANGE}", "stage": "bold", "note": "bold", "end": "bold"}
CONSOLE = "console"
SHOWN_CONSOLE_BYTES = 2**16
LEVELS: dict[str, frozenset[str] | None] = {  # kinds of events
    "everything": None,
    "stages, notes, warnings": frozenset(
        {"stage", "note", "warning", "skipped", "start", "end", "resumed", "split", "verification", "converged"}
    ),
    "warnings": frozenset({"warning", "skipped"}),
}


def log_text(line: LogLine) -> Text:
    """An event as a line of the log; its kind stands in words too."""
    word = {"warning": "note: ", "stage": "", "note": ""}.get(line.kind, f"{printable(line.kind)}: ")
    text = Text(f"{clock_time(line.time)} ", style="dim")
    return Text().append_text(text).append(f"{word}{printable(line.text)}", style=LOG_STYLES.get(line.kind, ""))


class EventLog(LogView):
    """The log of a history, appended to; only lines that are new are written."""

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self._written = 0
        self._of: object = None

    def write_new(self, history: History) -> None:
        if self._of is not history:
            self._of, self._written = history, 0
            self.clear()
        new = min(history.logged - self._written, len(history.log))
        lines = list(history.log)[len(history.log) - new :] if new else []
        self.extend(LogEntry(line.kind, log_text(line)) for line in lines)
        self._written = history.logged


class LogPane(EventLog):
    """The log's own tab."""

    def __init__(self) -> None:
        super().__init__(id="log-pane")
        self._level = 0
        self._printed: object = None

    def on_mount(self) -> None:
        self._describe()

    def show(self, reader: RunReader) -> None:
        self.write_new(reader.history)
        stamp = (reader.folder, file_stamp(reader.folder / CONSOLE_FILE))
        if stamp != self._printed:
            self._printed = stamp
            printed = read_console(reader.folder, SHOWN_CONSOLE_BYTES).splitlines()
            lines = [LogEntry(CONSOLE, Text(printable(line.rstrip()))) for line in printed if line.strip()]
            title = Text("what the process printed:", style="bold")
            self.put_tail([LogEntry(CONSOLE, title), *lines] if lines else [])
        self._describe()

    def next_level(self) -> None:
        """Shows fewer kinds of lines, or all again."""
        self._level = (self._level + 1) % len(LEVELS)
        self.find(self.search)

    def find(self, words: str) -> None:
        """Shows lines with these words alone."""
        self.choose(words, list(LEVELS.values())[self._level])
        self._describe()

    def toggle_follow(self) -> None:
        self.follow = not self.follow
        if self.follow:
            self.scroll_end(animate=False)
        self._describe()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        self._describe()

    def _describe(self) -> None:
        found = f"with “{printable(self.search)}” (/)" if self.search else "/ searches"
        follows = "follows (f)" if self.follow else "stays (f follows)"
        self.border_title = Text(f"{list(LEVELS)[self._level]} (v) · {found} · {follows}")
