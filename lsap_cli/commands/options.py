"""Options that several commands share, and what every command does around its job."""

import json
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lsap_cli.cluster.settings import DEFAULT_TIMEOUT
from lsap_cli.commands import arguments
from lsap_cli.commands.checking import end_of_checks
from lsap_cli.errors import LsapError, file_error
from lsap_cli.limits import LARGEST_SEED, MOST_CLIPS

if TYPE_CHECKING:
    from lsap_cli.commands.screen import Screen
    from lsap_cli.results.base import Result
    from lsap_cli.runs import Run

MemoryLimit = Annotated[
    float | None,
    typer.Option(
        min=0.01,
        max=2**20,
        help="GB for the frames of videos; one that needs more is left out (default: half the free)",
    ),
]
MACHINES = "Many machines"
RUN_FILE = "run.json"
SPEED = "Speed and memory"
DEFAULT_TIMEOUT_TEXT = f"{DEFAULT_TIMEOUT / 60:.0f}m"
Model = Annotated[
    str, typer.Option("--model", "-m", callback=arguments.model, help="a model card (model.toml), or one of: {models}")
]
Download = Annotated[
    bool, typer.Option("--download", help="fetch hf:OWNER/NAME into the local Hugging Face cache first, once")
]
Device = Annotated[str, typer.Option(callback=arguments.device, help="auto, cpu, cuda or cuda:N")]
Seed = Annotated[int, typer.Option(min=0, max=LARGEST_SEED, help="same seed, same result")]


def run_place(run: Path | None) -> Path | None:
    """A place for a run: a folder that one may write into, or that can be made."""
    if run is None:
        return None
    there = next(one for one in (run, *run.absolute().parents) if one.exists())
    if not there.is_dir():
        raise LsapError(f"--run {run}: {there} is a file; give a folder that does not exist yet")
    if not os.access(there, os.W_OK | os.X_OK):
        raise LsapError(f"--run {run}: nothing can be written into {there}; give another folder")
    return run


RunFolder = Annotated[
    Path | None,
    typer.Option("--run", "-r", callback=run_place, help="the run's folder (default: runs/<time>-<command>)"),
]
Json = Annotated[bool, typer.Option("--json", help="one JSON document on stdout, nothing else there")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="no progress and no notes on stderr; stdout as ever")]
OpenDashboard = Annotated[bool, typer.Option("--dashboard", help="follow the run in the dashboard")]
OpenReport = Annotated[bool, typer.Option("--open", help="open the report in a browser, where there is a screen")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="say what would be done, and end; nothing is written")]
Root = Annotated[
    Path | None,
    typer.Option(callback=arguments.folder_check("--root"), help="where a list's paths begin (default: its folder)"),
]
Fps = Annotated[
    float | None,
    typer.Option(callback=arguments.fps, help="pictures a second of frame folders (default: 25, or the format's)"),
]
LabelNames = Annotated[
    Path | None,
    typer.Option("--labels", callback=arguments.label_file, help="a file with the names of a list's numbers"),
]
Cluster = Annotated[
    str | None,
    typer.Option(
        callback=arguments.cluster,
        help="spread the work by Ray: local:N workers on this machine, or HOST:PORT of a cluster",
        rich_help_panel=MACHINES,
    ),
]
Storage = Annotated[
    Path | None,
    typer.Option(
        callback=arguments.folder_check("--storage"),
        help="with --cluster HOST:PORT: the folder that all nodes see under the same path",
        rich_help_panel=MACHINES,
    ),
]
TaskTimeout = Annotated[
    str,
    typer.Option(
        "--timeout",
        callback=arguments.duration_check("--timeout"),
        help="with --cluster: a task is given up on after so long without any news of it",
        rich_help_panel=MACHINES,
    ),
]
ResumeRun = Annotated[bool, typer.Option("--resume", help="go on with the stopped run in --run")]
FrameMemory = Annotated[
    float,
    typer.Option(min=0.0, max=2**20, help="GB of frames to hold in memory; more goes to disk", rich_help_panel=SPEED),
]
Batch = Annotated[int, typer.Option(min=1, max=MOST_CLIPS, help="clips that are classified at a time")]


def require_run_folder(resume: bool, run: Path | None) -> None:
    """Refuses --resume of a command whose state lies in its run folder, without one; see `check_run_folder`.

    Raises:
        LsapError: naming --run.
    """
    if resume and run is None:
        raise LsapError("--resume needs --run DIR, the folder of the run to go on with")
    check_run_folder(resume, run)


def check_run_folder(resume: bool, run: Path | None) -> None:
    """Refuses a place for a run that holds another run.

    Raises:
        LsapError: naming --run.
    """
    if run is not None and (run / RUN_FILE).exists() and not resume:
        raise LsapError(f"the run folder {run} holds a run already; give another with --run")


def fetch_models(download: bool, *specs: str, quiet: bool = False) -> None:
    """Fetches models of the Hugging Face Hub, where --download was given.

    Raises:
        LsapError: if none of them is of the Hub, or the download fails.
    """
    if not download:
        return
    from lsap_cli.classifiers.spec_checks import hub_repository

    places = [place for place in map(hub_repository, specs) if place is not None]
    if not places:
        named = f"'{', '.join(specs)}' is not of that kind" if specs else "give it with --model"
        raise LsapError(f"--download fetches hf:OWNER/NAME; {named}")
    from lsap_cli.classifiers.model_formats.hf import download as fetch

    for place in places:
        fetch(place, quiet)


@contextmanager
def running(
    command: str, folder: Path | None, settings: dict[str, Any], quiet: bool, resume: bool = False
) -> "Iterator[tuple[Run, Screen]]":
    """A run folder whose events are shown on the terminal while the command works.

    Of several processes that torchrun started, the first one has the folder and the screen.
    """
    end_of_checks()  # of a command that lacks it before: no run begins while a form is filled in
    from lsap_cli.commands.screen import Screen
    from lsap_cli.runs.run import Run, default_folder
    from lsap_cli.runs.stop_signals import StopSignal, stopped_by_signals

    where = folder or default_folder(command.replace(" ", "-"))
    try:
        with file_errors_explained(_next_step(command, where)), stopped_by_signals(), ExitStack() as stack:
            if os.environ.get("RANK", "0") != "0":
                where = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lsap-process-"))) / "run"
                quiet, resume = True, False
            screen = stack.enter_context(Screen(quiet))
            yield stack.enter_context(Run(where, command, settings, [screen.show], resume)), screen
    except SystemExit as end:  # the code of a model or of a package, which must not look like the command's own end
        raise LsapError(
            f"the code of the model, or of a package that it uses, ended the program (sys.exit with {end.code}); "
            "take that out of it",
            1,
        ) from end
    except KeyboardInterrupt as stop:
        code = stop.exit_code if isinstance(stop, StopSignal) else 128 + signal.SIGINT
        again = _next_step(command, where)
        raise LsapError(f"stopped; what was finished is kept{again and f'; {again}'}", code) from None


@contextmanager
def file_errors_explained(next_step: str) -> Iterator[None]:
    """Turns an error of the system about a file, such as a full disk, into a sentence that ends with the next step."""
    try:
        yield
    except OSError as error:
        refused = file_error(error, next_step)
        if refused is None:
            raise
        raise refused from error


def _next_step(command: str, folder: Path) -> str:
    """How a command that was stopped goes on; empty for one that begins anew."""
    if command == "apply":
        return "go on with --resume"
    return (
        f"go on with --resume --run {folder}" if command in ("generate", "defend", "train", "study", "harden") else ""
    )


def show_report(report: Path, open_it: bool) -> None:
    """Opens a report in a browser, where that was asked for; where it cannot, says so.

    Args:
        report: the page.
        open_it: whether `--open` was given.
    """
    if not open_it:
        return
    from lsap_cli.dashboard.opening import can_open, open_file

    if not can_open() or not open_file(report):
        print(f"lsap: --open found no browser with a screen here; open {report.absolute()}", file=sys.stderr)


def run_folder_of(run: Path | None, command: str) -> Path:
    """Where a run would be."""
    from lsap_cli.runs.run import default_folder

    return run or default_folder(command)


def print_plan(command: str, plan: dict[str, str], as_json: bool) -> None:
    """What a command would do, on stdout.

    Args:
        command: its name.
        plan: what, and how much of it.
        as_json: one JSON document instead of lines.
    """
    if as_json:
        print_json({"schema": "lsap.plan/1", "command": command, "plan": plan})
        return
    from lsap_cli.commands.screen import print_parts

    print_parts(*(f"{name:14} {text}" for name, text in plan.items()))
    print("lsap: --dry-run: nothing was done", file=sys.stderr)


def text_of(path: Path | None) -> str | None:
    """A path as settings hold it."""
    return None if path is None else str(path)


def print_json(document: "Result | dict[str, Any]") -> None:  # some lists have no class
    """The command's one JSON document on stdout."""
    from lsap_cli.results.files import encode_document

    if isinstance(document, dict):
        print(json.dumps(document, indent=1))
    else:
        print(encode_document(document).decode(), end="")


def keep_memory_limit(gigabytes: float | None) -> None:
    """Sets the limit of this process; None: half of what is free."""
    from lsap_cli.video.memory_limit import set_memory_limit

    set_memory_limit(None if gigabytes is None else int(gigabytes * 2**30))
