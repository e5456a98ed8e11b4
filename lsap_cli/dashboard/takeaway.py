"""Taking results away: the report opened, things copied, tables and pictures exported. Done for the screens."""

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from textual import on, work

from lsap_cli.dashboard.house import Housekeeping
from lsap_cli.dashboard.navigation import CopyFrom, ExportRun, OpenReport
from lsap_cli.dashboard.opening import can_open, open_file
from lsap_cli.dashboard.remembered import state_file
from lsap_cli.results.text import printable

if TYPE_CHECKING:
    from lsap_cli.dashboard.taking import CopyItem

REPORT_FILE = "report.html"
PROGRAM_SECONDS = 300.0  # that a report or an export may take


class TakeAway(Housekeeping):
    """The part of the application that hands results over."""

    @on(OpenReport)
    def open_report(self, event: OpenReport) -> None:
        """Opens the page; makes it first where the run has none."""
        parts = (event.folder, event.folder / "defend")
        page = next((one / REPORT_FILE for one in parts if (one / REPORT_FILE).is_file()), None)
        if page is not None:
            self._show_page(page)
            return
        folder = parts[1] if parts[1].is_dir() else parts[0]
        self.notify("making the report …")
        self._make(["-m", "lsap_cli", "report", str(folder)], folder / REPORT_FILE)

    @on(ExportRun)
    def export_run(self, event: ExportRun) -> None:
        self.notify("writing tables and pictures …")
        self._make(["-m", "lsap_cli.dashboard.exporting", str(event.folder)], None)

    @work(thread=True, group="take-away")
    def _make(self, words: list[str], page: Path | None) -> None:
        """A process of its own; what it says last is shown, or the page that it made."""
        try:
            done = subprocess.run(
                [sys.executable, *words],
                stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=PROGRAM_SECONDS,
                check=False,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            self.call_from_thread(self.notify, printable(error), severity="error", markup=False)
            return
        if done.returncode:
            lines = [line for line in done.stderr.strip().splitlines() if line.strip()]
            self.call_from_thread(self._say, lines[-1:] or ["it failed and said nothing"], "warning")
        elif page is not None:
            self.call_from_thread(self._show_page, page)
        else:
            self.call_from_thread(self._say, done.stdout.splitlines(), "information")

    def _say(self, lines: list[str], severity: str) -> None:
        text = "\n".join(map(printable, lines))
        self.notify(text, severity=severity, timeout=10, markup=False)  # type: ignore[arg-type]  # one of its words

    def _show_page(self, page: Path) -> None:
        """In the browser of this machine, where there is one; else its address is shown."""
        from lsap_cli.dashboard.screens.dialogs import ShowAddress

        if can_open() and open_file(page):
            self.notify(printable(f"opened {page}"), markup=False)
        else:
            self.push_screen(ShowAddress(page.resolve()))

    @on(CopyFrom)
    def copy_from(self, event: CopyFrom) -> None:
        from lsap_cli.dashboard.screens.copy_menu import CopyMenu

        self.push_screen(CopyMenu(event.items), self._copy)

    def _copy(self, item: "CopyItem | None") -> None:
        from lsap_cli.dashboard.taking import keep_copied

        if item is None:
            return
        text = item.text()
        self.copy_to_clipboard(text)
        path = keep_copied(text, state_file().parent)
        also = f"\nif your terminal does not pass it on: {path}" if path else "\nif your terminal allows it"
        self.notify(printable(f"copied: {item.title}") + "\n".join(["", printable(also.strip())]), markup=False)
