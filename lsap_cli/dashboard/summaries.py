"""One line for each run: what the list shows of it."""

from dataclasses import dataclass
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
    """What was read of a run, and of which state of its files."""

    stamps: Stamps
    snapshot: RunSnapshot
    figure: str
    curve: tuple[float, ...]
    labels: RunLabels = UNLABELLED


class RunSummarizer:
    """Reads summaries again only where a file has changed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._known: dict[Path, _Known] = {}

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
        name = printable(folder.name if part or folder == self.root else folder.relative_to(self.root).as_posix())
        try:
            run = self._read(folder, figures)
            name = printable(run.labels.name) or name
            return RunSummary(run.snapshot, name, part, run.figure, run.curve, run_seconds(run.snapshot), run.labels)
        except Exception as error:  # one strange folder must not hide the others
            problem = f"this run cannot be summarized ({type(error).__name__}: {printable(error)[:80]})"
            return RunSummary(RunSnapshot(folder, "damaged", problems=(problem,)), name, part, problem, (), None)

    def _read(self, folder: Path, figures: bool) -> _Known:
        stamps = tuple(file_stamp(folder / name) for name in (RUN_FILE, EVENTS_FILE, RESULTS_FILE, LABELS_FILE))
        known = self._known.get(folder)
        if known is not None and known.stamps == stamps and not known.snapshot.live:
            return known
        snapshot, labels = read_snapshot(folder), read_run_labels(folder)
        if not figures:
            return _Known(stamps, snapshot, "", (), labels)
        from lsap_cli.dashboard.list_figures import figure_and_curve  # all classes of results: the list is there first

        known = _Known(stamps, snapshot, *figure_and_curve(snapshot), labels)
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
