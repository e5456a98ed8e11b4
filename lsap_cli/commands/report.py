"""`lsap report`: its command line."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from lsap_cli.commands import arguments
from lsap_cli.commands.options import OpenReport, show_report
from lsap_cli.errors import LsapError, file_error

COMPARISON = "comparison.html"


def command(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN...",
            help="a finished run of generate, apply, defend, train, harden or study; several of defend are compared",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="the page: of one run, with its tables beside it (default: report.html in the run); of several, "
            f"their comparison (default: {COMPARISON}); with --to, where the export goes",
        ),
    ] = None,
    to: Annotated[
        list[str] | None,
        typer.Option(
            callback=arguments.targets,
            help="export the run instead: {targets}; repeat for several",
        ),
    ] = None,
    open_report: OpenReport = False,
) -> None:
    """Make a run's HTML report and tables anew from its folder; compare several runs on one page; export a run.

    Example: lsap report runs/20260101-120000-defend runs/20260102-120000-defend --out comparison.html
    """
    from lsap_cli.reports.run_folder import refuse_other_folder

    for run in runs:
        refuse_other_folder(run)
    if to:
        _export(runs, to, out)
        return
    arguments.output_file("--out", ".html", ".htm")(out)
    from lsap_cli.commands.screen import print_place
    from lsap_cli.reports.comparison import write_comparison
    from lsap_cli.reports.html import write_report
    from lsap_cli.reports.pages import write_page

    if len(runs) == 1:
        try:
            page = write_page(runs[0], out, _say)
        except OSError as error:
            if out is not None:
                reason = error.strerror or error
                raise LsapError(f"--out {out} cannot be written ({reason}); give another path", 1) from None
            raise file_error(error, "write it elsewhere with --out PAGE.html") or error from None
        print_place(page)
        show_report(page, open_report)
        return
    unwritten = 0
    for run in runs:  # each also gets its own page, which the comparison does not need
        try:
            print_place(write_report(run, say=_say))
        except OSError as error:
            unwritten += 1
            print(f"lsap: {file_error(error) or error}; the comparison goes on", file=sys.stderr)
    page = write_comparison(runs, out or Path(COMPARISON))
    print_place(page)
    show_report(page, open_report)
    if unwritten:
        raise LsapError(f"{unwritten} of {len(runs)} runs have no page of their own, for the reason above", 1)


def _export(runs: Sequence[Path], targets: Sequence[str], out: Path | None) -> None:
    """Each run to each target; the place on stdout, what is not in it on stderr."""
    from lsap_cli.reports.exports.targets import ONE_FILE, export_to

    if out is not None and (len(targets) > 1 or (len(runs) > 1 and targets[0] in ONE_FILE)):
        raise LsapError(f"--out {out} names one place; give one RUN and one --to with it")
    if out is not None and targets[0] in ONE_FILE:
        arguments.output_file("--out", ONE_FILE[targets[0]])(out)
    for run in runs:
        for target in targets:
            try:
                exported = export_to(target, run, out)
            except OSError as error:
                raise file_error(error, "write it elsewhere with --out") or error from None
            for note in exported.notes:
                _say(note)
            print(exported.place)


def _say(sentence: str) -> None:
    print(f"lsap: {sentence}", file=sys.stderr)
