"""What the list shows of the run under the cursor: its answer, its figures, a picture of its pattern."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from lsap_cli.dashboard.films import first_slot
from lsap_cli.results.documents import DefendResults, GenerateResults
from lsap_cli.results.files import RESULTS_FILE
from lsap_cli.results.results_file import read_results
from lsap_cli.results.verdict import KeyFigure, Verdict, key_figures, verdict_of
from lsap_cli.runs.reading import RunSnapshot, last_words


@dataclass(frozen=True)
class RunPreview:
    """What was read of a run folder.

    Attributes:
        verdict: None while there are no results.
        figures: at most four.
        picture: of the pattern's first slot.
        last_words: what the process of a failed or killed run printed last.
        problems: what is damaged.
    """

    verdict: Verdict | None
    figures: Sequence[KeyFigure]
    picture: Image.Image | None
    last_words: str
    problems: Sequence[str]


def read_preview(snapshot: RunSnapshot) -> RunPreview:
    """Reads a run folder's results and one picture; of a demo, those of its parts too."""
    folder = snapshot.folder
    loaded = read_results(folder / RESULTS_FILE)
    results, problems = loaded.value, list(loaded.problems)
    empty = isinstance(results, DefendResults | GenerateResults) and not results.rows
    verdict, figures = (verdict_of(results), key_figures(results)) if results is not None and not empty else (None, [])
    picture = first_slot(folder, problems) or _picture_of_part(folder, problems)
    printed = last_words(folder) if snapshot.state in ("failed", "killed", "damaged") else ""
    return RunPreview(verdict, figures, picture, printed, problems)


def _picture_of_part(folder: Path, problems: list[str]) -> Image.Image | None:
    part = folder / "generate"
    return first_slot(part, problems) if part.is_dir() else None
