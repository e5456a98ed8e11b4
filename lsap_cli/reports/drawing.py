"""A figure of matplotlib as a page and as files take it; the files of a run's figures."""

import io
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import matplotlib as mpl
from matplotlib.figure import Figure

from lsap_cli.reports.grid import refuse_link
from lsap_cli.results.files import write_atomically

FIGURES = "figures"


@dataclass(frozen=True, eq=False)
class Drawing:
    """A drawn figure: as it stands in a page, and as files of its own. Equal figures give equal bytes.

    Attributes:
        figure: of matplotlib.
        salt: what tells the figure's ids from those of others on a page.
    """

    figure: Figure
    salt: str

    @cached_property
    def svg(self) -> str:
        """An SVG element that can stand in a page: no addresses, no ids that another plot has."""
        text = self._drawn("svg", {"Date": None}).decode()
        text = text[text.index("<svg") :]
        text = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", text, flags=re.DOTALL)
        return re.sub(r"<[^>]*>", lambda tag: _local_tag(tag.group(), self.salt), text).strip()

    def svg_file(self) -> bytes:
        """A whole SVG file."""
        return self._drawn("svg", {"Date": None})

    def pdf_file(self) -> bytes:
        """A PDF of one page, as large as the figure, with its fonts in it."""
        return self._drawn("pdf", {"CreationDate": None})

    def _drawn(self, kind: str, metadata: dict[str, None]) -> bytes:
        buffer = io.BytesIO()
        with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": self.salt, "pdf.fonttype": 42}):
            self.figure.savefig(buffer, format=kind, metadata=metadata)
        return buffer.getvalue()


def _local_tag(tag: str, prefix: str) -> str:
    """A tag without namespaces, with its ids and references under a prefix."""
    tag = re.sub(r'\s+xmlns(:\w+)?="[^"]*"', "", tag)
    tag = re.sub(r'\sid="', f' id="{prefix}-', tag)
    tag = tag.replace('xlink:href="#', f'href="#{prefix}-')
    return tag.replace("url(#", f"url(#{prefix}-")


class Drawn(Protocol):
    """A plot that has files."""

    @property
    def drawing(self) -> Drawing:
        """The figure."""
        ...

    @property
    def file_name(self) -> str:
        """Of its files, without a suffix."""
        ...


def write_figures(folder: Path, plots: Iterable[Drawn]) -> None:
    """Writes every plot as SVG and PDF into `figures/`.

    Args:
        folder: of the page.
        plots: whose names may hold anything; what no file name should hold becomes a dash.

    Raises:
        LsapError: if `figures/` is a link, through which files elsewhere would be replaced.
    """
    where = folder / FIGURES
    refuse_link(where)
    counts: Counter[str] = Counter()
    for plot in plots:
        where.mkdir(exist_ok=True)
        name = re.sub(r"[^\w.=-]+", "-", plot.file_name)[:80].strip("-.")
        counts[name] += 1
        name += f"-{counts[name]}" if counts[name] > 1 else ""
        write_atomically(where / f"{name}.svg", plot.drawing.svg_file())
        write_atomically(where / f"{name}.pdf", plot.drawing.pdf_file())
