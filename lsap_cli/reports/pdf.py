"""The report as PDF, printed by a Chromium that is installed."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from lsap_cli.errors import LsapError
from lsap_cli.reports.exports.targets import Exported
from lsap_cli.reports.pages import WITH_A_PAGE, write_page
from lsap_cli.reports.run_folder import read_run

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge")
PAGE = "report.pdf"
PATIENCE = 180.0  # seconds
FLAGS = (
    "--headless", "--disable-gpu", "--no-first-run", "--disable-extensions", "--disable-background-networking",
    "--disable-dev-shm-usage", "--no-pdf-header-footer",
)  # fmt: skip


def export_pdf(run: Path, out: Path | None) -> Exported:
    """Makes the report anew and prints it.

    Args:
        run: the folder of a finished run of any command that has a page.
        out: the PDF file; None: `report.pdf` in the run folder.

    Raises:
        LsapError: if no such program is installed, it fails, or the run cannot be read.
        OSError: if the file cannot be written.
    """
    read_run(run, WITH_A_PAGE)  # refused before a program is looked for
    program = _program()
    path, notes = run / PAGE if out is None else out, list[str]()
    # beside the PDF, and with a name that shows: a Chromium from a snap sees neither /tmp nor hidden folders
    with tempfile.TemporaryDirectory(prefix="pdf-", dir=path.parent, ignore_cleanup_errors=True) as name:
        folder = Path(name).resolve()
        page = write_page(run, folder / "report.html", notes.append)
        printed = folder / PAGE
        _print(program, page, printed, folder / "profile")
        printed.replace(path)
    return Exported(str(path), tuple(notes))


def _program() -> str:
    found = next((path for name in PROGRAMS if (path := shutil.which(name))), None)
    if found is None:
        raise LsapError(
            f"--to pdf prints the page with Chromium, and none of {', '.join(PROGRAMS)} is there: install one "
            "(apt install chromium, or Chrome), or print report.html from a browser",
            1,
        )
    return found


def _print(program: str, page: Path, printed: Path, profile: Path) -> None:
    # the sandbox does not start for root; the page has no script and loads nothing (its security policy says so)
    rootless = () if os.geteuid() else ("--no-sandbox",)
    command = [program, *FLAGS, *rootless, f"--user-data-dir={profile}", f"--print-to-pdf={printed}", page.as_uri()]
    words = _output(command)
    if not printed.is_file() or not printed.read_bytes().startswith(b"%PDF"):
        raise LsapError(f"{program} printed no PDF; it said: {words or 'nothing'}", 1)


def _output(command: Sequence[str]) -> str:
    """The last line that a program printed.

    Raises:
        LsapError: if it cannot be started or takes too long.
    """
    try:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
        )
    except OSError as error:
        raise LsapError(f"{command[0]} cannot be started ({error.strerror})", 1) from None
    try:
        _, words = process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        raise LsapError(f"{command[0]} did not print the page within {PATIENCE:.0f} seconds", 1) from None
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # it starts others, which must not outlive it
        process.wait()
    return next(reversed(words.decode(errors="replace").strip().splitlines()), "")
