"""With what a run was made: settings, environment, artefacts; and everything that is wrong with its folder."""

from collections.abc import Mapping
from pathlib import Path

import msgspec
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Static

from lsap_cli.dashboard.formatting import ORANGE, STATES, duration, megabytes
from lsap_cli.dashboard.guard import Guarded
from lsap_cli.dashboard.launching import command_text
from lsap_cli.dashboard.run_reader import RunReader
from lsap_cli.dashboard.summaries import run_seconds
from lsap_cli.dashboard.widgets.hanging import HangingText
from lsap_cli.results.base import or_none
from lsap_cli.results.text import printable
from lsap_cli.runs.reading import read_console

SHOWN_ELSEWHERE = {"rows", "pictures", "files", "skipped", "schema"}
TITLES = {"protocol": "In effect: what the settings became"}
BYTES = ("memory",)  # settings that are kept in bytes
SECONDS = ("time_budget", "timeout")
MOST_FILES = 60
LONGEST_VALUE = 600  # characters
NAMES = 18  # columns for the name of a value


class FactsPane(Guarded, VerticalScroll):
    """The last tab."""

    DEFAULT_CLASSES = "pane"

    def __init__(self) -> None:
        super().__init__(id="facts-pane")
        self._shown: object = None

    def compose(self) -> ComposeResult:
        yield Static(id="facts", markup=False)

    def show(self, reader: RunReader) -> None:
        new = (reader.snapshot, reader.problems, id(reader.results), reader.history.events)
        if new != self._shown:
            self._shown = new
            self.query_one("#facts", Static).update(HangingText(facts_text(reader), NAMES + 3))


def facts_text(reader: RunReader) -> Text:
    """Everything that is known about a run, as text."""
    snapshot = reader.snapshot
    text = Text()
    for problem in reader.problems:
        text.append(f"damaged: {printable(problem)}\n", style=f"bold {ORANGE}")
    if snapshot.error:
        text.append(f"failed: {printable(snapshot.error)}\n", style=f"bold {ORANGE}")
    _section(text, "Run", _run(reader))
    _section(text, "Settings", snapshot.settings)
    left = [name.replace("_", " ") for name, value in snapshot.settings.items() if value is None or value == []]
    if left:
        text.append(f"  {'left to the run':<{NAMES}} ", style="dim").append(f"{printable(', '.join(left))}\n")
    if snapshot.facts is not None:
        _section(text, "Classifier", or_none(snapshot.facts.classifier) or {})
        _section(text, "Versions", snapshot.facts.versions)
    if reader.results is not None:
        for name, value in msgspec.to_builtins(reader.results).items():
            if name not in SHOWN_ELSEWHERE and value not in (None, [], {}):
                title = TITLES.get(name, f"Result: {name.replace('_', ' ')}")
                _section(text, title, value if isinstance(value, dict) else {"": value})
    _files(text, snapshot.folder)
    _console(text, snapshot.folder)
    return text


def _run(reader: RunReader) -> dict[str, object]:
    snapshot, facts, history = reader.snapshot, reader.snapshot.facts, reader.history
    return {
        "folder": snapshot.folder,
        "command line": command_text(snapshot),
        "state": STATES[snapshot.state][1],
        "took": duration(run_seconds(snapshot)),
        "events": history.events,
        "notes": history.warnings or None,
        "left out": history.skipped or None,
        "process": snapshot.pid,
        "host": (facts.host if facts else None) or "not recorded",
        "platform": (facts.platform if facts else "") or "not recorded",
    }


def _section(text: Text, title: str, values: Mapping[str, object]) -> None:
    """A heading and a line for each value that there is."""
    lines = [(name, words) for name, value in values.items() if (words := value_words(name, value))]
    if not lines:
        return
    text.append(f"\n{title}\n", style="bold")
    for name, words in lines:
        shown = words if len(words) <= LONGEST_VALUE else f"{words[:LONGEST_VALUE]} … ({len(words)} characters)"
        text.append(f"  {printable(name.replace('_', ' ')):<{NAMES}} ", style="dim").append(f"{printable(shown)}\n")


def value_words(name: str, value: object) -> str:
    """A value of a JSON file as a person reads it; empty where there is none."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case int() | float() if name.endswith("_bytes") or name in BYTES:
            return megabytes(value)
        case int() | float() if name.endswith("seconds") or name in SECONDS:
            return f"{value:g} s" if value < 600 else f"{value:g} s ({duration(value)})"
        case float():
            return f"{value:.6g}"
        case list() | tuple():
            return ", ".join(words for one in value if (words := value_words(name, one)))
        case dict():
            parts = [(key, value_words(str(key), one)) for key, one in value.items()]
            return " · ".join(f"{str(key).replace('_', ' ')} {words}" for key, words in parts if words)
    return str(value)


def _files(text: Text, folder: Path) -> None:
    text.append("\nFiles\n", style="bold")
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        text.append(f"  {printable(error)}\n")
        return
    for path in entries[:MOST_FILES]:
        if not path.name.startswith("."):
            text.append(f"  {printable(path.name):<30}{_size(path)}\n")


def _size(path: Path) -> str:
    try:
        return megabytes(path.stat().st_size) if path.is_file() else "folder" if path.is_dir() else "no regular file"
    except OSError:
        return "gone"


def _console(text: Text, folder: Path) -> None:
    printed = read_console(folder)
    if printed:
        text.append("\nWhat it printed\n", style="bold")
        text.append("\n".join(f"  {printable(line)}" for line in printed.splitlines()))
