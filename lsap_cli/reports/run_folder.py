"""The folder of a finished `defend` run, as a report reads it: whole, safe to show, and nothing outside of it."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from lsap_cli.errors import LsapError
from lsap_cli.results.base import Result
from lsap_cli.results.documents import DefendResults, RunResults
from lsap_cli.results.files import LONGEST_LINE, RESULTS_FILE, Loaded, decode_line, open_regular, read_facts_document
from lsap_cli.results.printable_result import printable_result
from lsap_cli.results.records import Record
from lsap_cli.results.results_file import read_results
from lsap_cli.results.run_facts import RunFacts

RECORDS_FILE = "records.jsonl"
Whole = TypeVar("Whole", bound=Result)


def refuse_other_folder(run: Path) -> None:
    """Refuses what is no run folder.

    Args:
        run: a path.

    Raises:
        LsapError: naming it.
    """
    loaded = read_facts_document(run)
    if loaded.value is None and not loaded.problems:
        raise LsapError(f"{run} is not a run folder: it has no run.json; give the folder that --run named")


def read_run(run: Path, commands: Sequence[str] = ("defend",)) -> RunFacts:
    """The run.json of a finished run; every text in it is safe to show.

    Args:
        run: the folder.
        commands: of which one made the run.

    Raises:
        LsapError: if the folder does not hold one.
    """
    refuse_other_folder(run)
    about = printable_result(_whole(read_facts_document(run), run, "the command"))
    if about.command == "demo":
        parts = ", ".join(str(run / command) for command in commands)
        raise LsapError(f"{run} holds a demo, which has several runs; give one of {parts}")
    if about.command not in commands:
        raise LsapError(f"{run} holds a run of {about.command}; this needs a run of {' or '.join(commands)}")
    if about.status != "done":
        raise LsapError(f"the run in {run} is {about.status}, not done; a report needs a finished run")
    return about


def read_defend_results(run: Path) -> DefendResults:
    """The results.json of a `defend` run; every text in it is safe to show.

    Raises:
        LsapError: if it is missing, damaged, or of another command.
    """
    results = read_run_results(run)
    if not isinstance(results, DefendResults):
        raise LsapError(f"{run / RESULTS_FILE} is of another command; a report needs a run of defend")
    return results


def read_run_results(run: Path) -> RunResults:
    """The results.json of a run; every text in it is safe to show.

    Raises:
        LsapError: if it is missing or damaged.
    """
    loaded = read_results(run / RESULTS_FILE)
    if loaded.value is None and not loaded.problems:
        raise LsapError(f"{run} has no results.json; run the command that made it again", exit_code=1)
    return printable_result(_whole(loaded, run, "the command that made it"))


def _whole(loaded: Loaded[Whole], run: Path, command: str) -> Whole:
    """A document without damage: a report must not leave out what it could not read."""
    if loaded.value is None or loaded.problems:
        raise LsapError(f"{run}: {'; '.join(loaded.problems)}; run {command} again", exit_code=1)
    return loaded.value


def run_records(run: Path) -> Iterator[Record]:
    """The records of a run; none where it has no such file.

    Raises:
        LsapError: if a line is damaged, or the file is no regular file of the folder.
    """
    path = run / RECORDS_FILE
    try:
        lines = open_regular(path)
    except FileNotFoundError:
        return
    except OSError as error:
        raise LsapError(f"{path} cannot be read ({error.strerror or error})", exit_code=1) from None
    with lines:
        for number, line in enumerate(iter(lambda: lines.readline(LONGEST_LINE), b""), 1):
            record = decode_line(line, Record) if line.strip() else None
            if record is not None:
                yield record
            elif line.strip():
                raise LsapError(f"{path} is damaged in line {number}; run lsap defend again", exit_code=1)
