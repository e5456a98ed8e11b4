"""The page of a finished run, whichever command made it."""

from collections.abc import Callable
from pathlib import Path

from lsap_cli.reports.hardening import HARDEN, write_hardening_report
from lsap_cli.reports.html import write_report
from lsap_cli.reports.run_page import COMMANDS, write_run_report
from lsap_cli.reports.study_page import STUDY, write_study_report
from lsap_cli.reports.train_page import TRAIN, write_train_report
from lsap_cli.results.files import read_facts_document

WITH_A_PAGE = ("defend", *COMMANDS, TRAIN, HARDEN, STUDY)


def write_page(run: Path, out: Path | None, say: Callable[[str], None]) -> Path:
    """Writes the report of a run, with its tables and figures beside it.

    Args:
        run: the folder of a run of `generate`, `apply`, `defend`, `train`, `harden` or `study`.
        out: the page's path; None: `report.html` in the run folder.
        say: gets a sentence on what of the folder is not on the page.

    Returns:
        The page's path.

    Raises:
        LsapError: if the folder does not hold such a run that is finished.
        OSError: if the page, a table or a figure cannot be written.
    """
    facts = read_facts_document(run).value
    command = facts.command if facts is not None else None
    if command == STUDY:
        return write_study_report(run, out)
    if command == HARDEN:
        return write_hardening_report(run, out)
    if command == TRAIN:
        return write_train_report(run, out, say)
    if command in COMMANDS:
        return write_run_report(run, out, say)
    return write_report(run, out, say)
