"""`lsap report`: its command line."""

from pathlib import Path
from typing import Annotated

import typer


def command(run: Annotated[Path, typer.Argument(help="the folder of a finished lsap defend run")]) -> None:
    """Make a run's HTML report anew from its folder.

    Example: lsap report runs/20260101-120000-defend
    """
    from lsap_cli.reports.html import write_report

    print(write_report(run))
