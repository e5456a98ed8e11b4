"""The report of a `train` run: one HTML page that needs nothing outside itself, and its tables."""

from collections.abc import Callable, Iterator
from pathlib import Path

from lsap_cli.errors import LsapError
from lsap_cli.reports.exports.contents import facts_of_run, read_run_curves, texts_of_settings
from lsap_cli.reports.grid import NONE, Grid, figure_cell
from lsap_cli.reports.run_folder import read_run, read_run_results
from lsap_cli.reports.run_page import RunPage, drawn_curves
from lsap_cli.results.base import or_none
from lsap_cli.results.files import RESULTS_FILE
from lsap_cli.results.left_out import left_out_of
from lsap_cli.results.summary import training_sentence
from lsap_cli.results.training import SplitPart, TrainResults

TRAIN = "train"
SHOWN_CLASSES = 40  # lines on the page; the files have all


def write_train_report(run: Path, out: Path | None, say: Callable[[str], None]) -> Path:
    """Writes the page of a finished `train` run, with `tables/` and `figures/` beside it.

    Args:
        run: the run folder.
        out: the page's path; None: `report.html` in the run folder.
        say: gets a sentence on what of the folder is not on the page.

    Returns:
        The page's path.

    Raises:
        LsapError: if the folder does not hold such a run, or a file of it is damaged.
        OSError: if the page, a table or a figure cannot be written.
    """
    about, results = read_run(run, (TRAIN,)), read_run_results(run)
    if not isinstance(results, TrainResults):
        raise LsapError(f"{run / RESULTS_FILE} is of another command than run.json; run lsap train again", 1)
    curves, notes = read_run_curves(run)
    page = RunPage(
        f"{results.family} {results.backbone or ''}, trained",
        train_sentence(results),
        drawn_curves(curves),
        [*train_grids(results)],
        texts_of_settings(about),
        facts_of_run(about),
        warnings=results.warnings,
    )
    path = page.write(run, about, out)
    for note in notes:
        say(note)
    return path


def train_sentence(results: TrainResults) -> str:
    """What came of it, in sentences."""
    left_out = left_out_of(results)
    ends = f" {left_out[:1].upper()}{left_out[1:]}." if left_out else ""
    return f"{training_sentence(results)} The network is in {results.out}.{ends}"


def train_grids(results: TrainResults) -> Iterator[Grid]:
    """Accuracy, what was trained on what, each class, and the videos that were left out."""
    yield _accuracy_grid(results)
    yield _training_grid(results)
    if results.classes:
        lines = [
            (one.label, str(one.fit_videos), figure_cell(one.accuracy))
            for one in sorted(results.classes, key=lambda one: (one.accuracy is None, _value(one.accuracy), one.label))
        ]
        note = "On held-out videos: rate (count, 95 % Wilson interval); the classes that are right least often first."
        header = ("class", "videos learned from", "accuracy")
        yield Grid("classes", "Class by class", note, header, tuple(lines), SHOWN_CLASSES)
    if results.skipped:
        skipped = tuple((one.path, one.reason) for one in results.skipped)
        yield Grid("left-out", "What was left out", "No figure counts these files.", ("file", "reason"), skipped)


def _accuracy_grid(results: TrainResults) -> Grid:
    lines = [("top-1", figure_cell(results.accuracy))]
    lines.append(("top-1, interval over recordings (bootstrap)", figure_cell(results.accuracy_by_recording)))
    two = or_none(results.two_class)
    if two is not None:
        lines.append(("AUC", figure_cell(two.auc)))
        lines.append((f"false negatives at {two.threshold:g}", figure_cell(two.false_negatives)))
        lines.append((f"false positives at {two.threshold:g}", figure_cell(two.false_positives)))
    lines.append(("always the most frequent class", figure_cell(results.most_frequent_class)))
    note = "On the held-out videos, of the network as its card loads it: value (count, 95 % interval)."
    return Grid("accuracy", "Accuracy", note, ("measure", "value"), tuple(lines))


def _training_grid(results: TrainResults) -> Grid:
    lines = [
        ("family, backbone", f"{results.family}, {results.backbone or NONE}"),
        ("begins with", results.initial_weights or "drawn weights"),
        (
            "layers that learned",
            f"{results.trained}: {results.trained_parameters:,} of {results.parameters:,} parameters",
        ),
        ("steps, epochs", f"{results.steps:,}, {results.epochs:g}; ended by: {results.ended_by}"),
        ("seconds of training", f"{results.train_seconds:.0f}"),
        ("learned from", _part(results.fit)),
        ("chose the weights", NONE if results.validation is None else _part(results.validation)),
        ("held out", _part(results.held_out)),
    ]
    note = "No recording is on two sides of the split."
    return Grid("training", "What was trained", note, ("what", "value"), tuple(lines))


def _part(part: SplitPart) -> str:
    return f"{part.videos} videos of {part.recordings} recordings"


def _value(figure: object) -> float:
    return float(getattr(figure, "value", 0.0))
