"""One line for each run: what the list shows of it."""

from dataclasses import dataclass, replace
from pathlib import Path

from lsap_cli.dashboard.describing import description, is_default_name
from lsap_cli.results.files import RESULTS_FILE, RUN_FILE
from lsap_cli.results.run_labels import LABELS_FILE, RunLabels
from lsap_cli.results.text import printable
from lsap_cli.runs.finding import find_runs
from lsap_cli.runs.following import file_stamp
from lsap_cli.runs.labels import read_run_labels
from lsap_cli.runs.reading import EVENTS_FILE, RunSnapshot, read_snapshot

Stamps = tuple[tuple[int, int] | None, ...]
STAMPED = (RUN_FILE, EVENTS_FILE, RESULTS_FILE, LABELS_FILE)  # a run is read again where one of them has changed
UNLABELLED = RunLabels()


@dataclass(frozen=True)
class RunSummary:
    """A run in the list.

    Attributes:
        snapshot: of its folder.
        name: that a person gave it, else its path below the folder with the runs.
        labels: its name, tags and note.
        part: whether it is a part of the run above it.
        figure: the figure that matters most, in words, with its interval where it is a rate.
        curve: of the loss, or of what the rows measured.
        seconds: it took, or takes so far.
    """

    snapshot: RunSnapshot
    name: str
    part: bool
    figure: str
    curve: tuple[float, ...]
    seconds: float | None
    labels: RunLabels = UNLABELLED

    @property
    def description(self) -> str:
        """What it was asked to do: method, budget."""
        return printable(description(self.snapshot.command, self.snapshot.settings))

    @property
    def title(self) -> str:
        """What tells it from the others: the name that a person chose, and what it was asked to do."""
        if self.part:
            return self.name
        named = "" if is_default_name(self.name.rpartition("/")[2]) else self.name
        return " · ".join(part for part in (named, self.description) if part) or self.name


@dataclass(frozen=True)
class _Known:
    """What was read of a run, and of which state of its files.

    Attributes:
        complete: whether its figure was read, too.
    """

    stamps: Stamps
    snapshot: RunSnapshot
    labels: RunLabels
    figure: str = ""
    curve: tuple[float, ...] = ()
    complete: bool = False


class RunSummarizer:
    """Reads summaries again only where a file has changed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._known: dict[Path, _Known] = {}
        self._summaries: dict[Path, tuple[_Known, RunSummary]] = {}

    def all(self, figures: bool = True) -> list[RunSummary]:
        """Every run, newest first, each followed by its parts.

        Args:
            figures: False reads run.json alone, so that a first list is there at once.
        """
        folders = list(find_runs(self.root))
        known = set(folders)
        summaries = [self._summary(folder, folder.parent in known, figures) for folder in folders]
        groups: dict[Path, list[RunSummary]] = {}
        for one in summaries:
            groups.setdefault(one.snapshot.folder.parent if one.part else one.snapshot.folder, []).append(one)
        ordered = sorted(groups.values(), key=lambda group: (-(group[0].snapshot.started or 0.0), group[0].name))
        return [
            one
            for group in ordered
            for one in [*group[:1], *sorted(group[1:], key=lambda part: (part.snapshot.started or 0.0, part.name))]
        ]

    def _summary(self, folder: Path, part: bool, figures: bool) -> RunSummary:
        try:
            return self._made(folder, self._read(folder, figures), part)
        except Exception as error:  # one strange folder must not hide the others
            problem = f"this run cannot be summarized ({type(error).__name__}: {printable(error)[:80]})"
            snapshot = RunSnapshot(folder, "damaged", problems=(problem,))
            return RunSummary(snapshot, self._path_name(folder, part), part, problem, (), None)

    def _made(self, folder: Path, run: _Known, part: bool) -> RunSummary:
        """The same object where nothing has changed, so that two lists are soon compared."""
        kept, summary = self._summaries.get(folder, (None, None))
        if summary is None or kept is not run or summary.part != part:
            summary = RunSummary(
                run.snapshot, printable(run.labels.name) or self._path_name(folder, part), part, run.figure,
                run.curve, run_seconds(run.snapshot), run.labels,
            )  # fmt: skip
            self._summaries[folder] = run, summary
        return summary

    def _path_name(self, folder: Path, part: bool) -> str:
        """Of a part its own name, else the path below the folder with the runs."""
        return printable(folder.name if part or folder == self.root else folder.relative_to(self.root).as_posix())

    def _read(self, folder: Path, figures: bool) -> _Known:
        stamps = tuple(file_stamp(f"{folder}/{name}") for name in STAMPED)  # text: a path object takes as long as stat
        known = self._known.get(folder)
        if known is None or known.stamps != stamps or known.snapshot.live:
            labels = UNLABELLED if stamps[-1] is None else read_run_labels(folder)
            known = _Known(stamps, read_snapshot(folder), labels)
        if figures and not known.complete:
            from lsap_cli.dashboard.list_figures import figure_and_curve  # all classes of results: after the first list

            figure, curve = figure_and_curve(known.snapshot)
            known = replace(known, figure=figure, curve=curve, complete=True)
        self._known[folder] = known
        return known


def run_seconds(snapshot: RunSnapshot) -> float | None:
    """How long the run took; of one that did not end properly, until its last event."""
    if snapshot.started is None:
        return None
    end = snapshot.finished
    if end is None:
        stamp = file_stamp(snapshot.folder / EVENTS_FILE)
        end = None if stamp is None else stamp[0] / 1e9
    return None if end is None else max(0.0, end - snapshot.started)
