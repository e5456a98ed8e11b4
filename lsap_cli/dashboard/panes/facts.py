"""With what a run was made: settings, environment, artefacts; and everything that is wrong with its folder."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Static

from lsap_cli.dashboard.launching import command_words
from lsap_cli.dashboard.watching import RunWatch
from lsap_cli.dashboard.words import ORANGE, duration, megabytes
from lsap_cli.reports.rows import printable
from lsap_cli.runs.reading import CONSOLE_FILE, Facts

KNOWN = {"rows", "pictures", "files", "skipped", "schema"}
CONSOLE_BYTES = 4000


class FactsPane(VerticalScroll):
    """The last tab."""

    DEFAULT_CLASSES = "pane"

    def __init__(self) -> None:
        super().__init__(id="facts-pane")
        self._shown: object = None

    def compose(self) -> ComposeResult:
        yield Static(id="facts", markup=False)

    def show(self, watch: RunWatch) -> None:
        seen = (watch.facts, watch.problems, id(watch.results))
        if seen != self._shown:
            self._shown = seen
            self.query_one("#facts", Static).update(facts_text(watch))


def facts_text(watch: RunWatch) -> Text:
    facts = watch.facts
    text = Text()
    for problem in watch.problems:
        text.append(f"damaged: {printable(problem)}\n", style=f"bold {ORANGE}")
    if facts.error:
        text.append(f"failed: {printable(facts.error)}\n", style=f"bold {ORANGE}")
    _section(text, "Run", _run(facts, watch))
    _section(text, "Settings", facts.settings)
    for name in ("classifier", "versions"):
        value = facts.raw.get(name)
        if isinstance(value, Mapping):
            _section(text, name.capitalize(), value)
    for name, value in (watch.results or {}).items():
        if name not in KNOWN:
            _section(text, f"Result: {name}", value if isinstance(value, Mapping) else {"": value})
    _files(text, facts.folder)
    _console(text, facts.folder)
    return text


def _run(facts: Facts, watch: RunWatch) -> dict[str, Any]:
    history = watch.history
    passed = None if facts.started is None or facts.finished is None else facts.finished - facts.started
    return {
        "folder": facts.folder,
        "command line": command_words(facts),
        "state": facts.state,
        "took": duration(passed),
        "events": history.events,
        "notes": history.warnings,
        "left out": history.skipped,
        "process": facts.pid,
        "host": facts.raw.get("host", "not recorded"),
        "platform": facts.raw.get("platform", "not recorded"),
    }


def _section(text: Text, title: str, values: Mapping[str, Any]) -> None:
    text.append(f"\n{title}\n", style="bold")
    for name, value in values.items():
        shown = json.dumps(value) if isinstance(value, list | dict) else str(value)
        shown = shown if len(shown) <= 600 else f"{shown[:600]} … ({len(shown)} characters)"
        text.append(f"  {printable(name):<18}", style="dim").append(f"{printable(shown)}\n")


def _files(text: Text, folder: Path) -> None:
    text.append("\nFiles\n", style="bold")
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        text.append(f"  {error}\n")
        return
    for path in entries[:60]:
        if not path.name.startswith("."):
            size = megabytes(path.stat().st_size) if path.is_file() else "folder"
            text.append(f"  {printable(path.name):<30}{size}\n")


def _console(text: Text, folder: Path) -> None:
    try:
        with (folder / CONSOLE_FILE).open("rb") as file:
            file.seek(max(0, (folder / CONSOLE_FILE).stat().st_size - CONSOLE_BYTES))
            words = file.read().decode("utf-8", "replace")
    except OSError:
        return
    text.append("\nWhat it printed\n", style="bold")
    text.append("\n".join(f"  {printable(line)}" for line in words.splitlines()))
