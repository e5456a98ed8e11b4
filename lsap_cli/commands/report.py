"""`lsap report`: its command line."""

from pathlib import Path
from typing import Annotated

import typer


def command(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="folders of finished lsap defend runs")],
    out: Annotated[Path, typer.Option(help="the page that compares several runs")] = Path("comparison.html"),
) -> None:
    """Make a run's HTML report and tables anew from its folder; compare several runs on one page.

    Example: lsap report runs/20260101-120000-defend runs/20260102-120000-defend --out comparison.html
    """
    from lsap_cli.reports.comparison import write_comparison
    from lsap_cli.reports.html import write_report

    for run in runs:
        print(write_report(run))
    if len(runs) > 1:
        print(write_comparison(runs, out))
