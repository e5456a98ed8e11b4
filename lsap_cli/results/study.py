"""What a `study` finds: outcomes of videos in the cells of a grid, and the tables that are made of them."""

from typing import Literal

from msgspec import field

from lsap_cli.results.base import UNSET, Count, Result, UnsetType
from lsap_cli.results.detectors import DetectorRow
from lsap_cli.results.rates import Rate
from lsap_cli.results.skipped import SkippedVideo

CellStatus = Literal["done", "failed", "missing"]


class StudyOutcome(Result, frozen=True, kw_only=True):
    """One video with one thing added to it, in one cell.

    Attributes:
        video: its name.
        recording: that it was cut from.
        label: null without labels.
        also_accepted: other labels that count as right.
        added: `none` (the clean video behind the cell's defense), `noise` (of equal root mean square), `perturbed`, or
            the name of an attacker of the cell's ladder.
        rung: of an attacker of the ladder: `A0` to `A5`; else absent.
        prediction: a label.
        clean_prediction: on the clean, undefended video with the same sampler.
        correct: whether the prediction is `label` or one of `also_accepted`; null without labels.
        changed: whether the two predictions differ.
        hit: whether the goal is reached: the prediction is the target, or (goal `only`) no longer the class; null for
            videos that the success rate leaves out; absent without such a goal.
        stealth: goal `only`: whether a video of another prediction keeps it; null for the others; else absent.
        linf: the largest change of any value that was measured in the decoded frames, in levels of 0-255; null where
            frames cannot be compared.
        l2_rms: root mean square of the changes, in levels.
        map: mean absolute change, in levels.
        score: of the cell's detector; absent without one.
    """

    video: str
    recording: str = ""
    label: str | None = None
    also_accepted: tuple[str, ...] = ()
    added: str
    rung: str | UnsetType = UNSET
    prediction: str
    clean_prediction: str
    correct: bool | None = None
    changed: bool
    hit: bool | UnsetType | None = UNSET
    stealth: bool | UnsetType | None = UNSET
    linf: float | None = None
    l2_rms: float | None = None
    map: float | None = None
    score: float | UnsetType = UNSET


class StudyRecord(StudyOutcome, frozen=True, kw_only=True):
    """A line of a study's records.jsonl: an outcome, its place in the grid, and what its perturbation took.

    Attributes:
        cell: the hash of everything that determines the cell's outcomes.
        axes: the cell's place in the grid: the value of every axis as text, by the axis's name.
        fold: from 0: this video was in the fold that the perturbation was not learned from.
        elements: values of a clip of the network that judges, T x 3 x H x W: P-l2 is l2_rms / 255 times its root.
        steps: of learning the perturbation.
        learn_seconds: that learning took.
    """

    cell: str
    axes: dict[str, str]
    fold: Count
    elements: Count = 0
    steps: Count = 0
    learn_seconds: float = 0.0


class FinishedCell(Result, frozen=True, kw_only=True, tag_field="schema", tag="lsap.study-cell/1"):
    """What is kept of a cell that is done, in the file that is called after its hash.

    Attributes:
        cell: the hash.
        outcomes: of all videos of its fold.
        pattern: the hash of what determines the perturbation; empty where each video has its own.
        elements: as in the records.
        steps: of learning.
        learn_seconds: that learning took, in all parts of a resumed study.
        judge_seconds: that judging took.
        skipped: videos that have no outcome.
    """

    cell: str
    outcomes: tuple[StudyOutcome, ...]
    pattern: str = ""
    elements: Count = 0
    steps: Count = 0
    learn_seconds: float = 0.0
    judge_seconds: float = 0.0
    skipped: tuple[SkippedVideo, ...] = ()


class FailedCell(Result, frozen=True, kw_only=True, tag_field="schema", tag="lsap.study-failure/1"):
    """Why a cell has no outcomes, in a file that is called after its hash; `--resume` does it again.

    Attributes:
        cell: the hash.
        reason: a sentence.
    """

    cell: str
    reason: str


class StudyCell(Result, frozen=True, kw_only=True):
    """A cell of the grid: one point of all axes, and one fold.

    Attributes:
        cell: the hash of everything that determines its outcomes.
        axes: the value of every axis as text, by its name.
        fold: from 0.
        status: `done`, `failed`, or `missing`, where the study has not come to it.
        reason: why it failed; empty where it did not.
        videos: that are judged in it.
        steps: of learning.
        learn_seconds: that learning took.
        judge_seconds: that judging took.
        expected_seconds: of `--dry-run`: that it will take, with its part of what several cells share; else absent.
    """

    cell: str
    axes: dict[str, str]
    fold: Count
    status: CellStatus
    reason: str = ""
    videos: Count = 0
    steps: Count = 0
    learn_seconds: float = 0.0
    judge_seconds: float = 0.0
    expected_seconds: float | UnsetType = UNSET


class StudyEntry(Result, frozen=True, kw_only=True):
    """One figure of a table.

    Attributes:
        row: the values of the table's row axes.
        column: those of its column axes.
        measure: its name.
        cells: whose records the figure is made of, by their hashes.
        rate: of a share of videos, over all folds; over several seeds `count` and `of` are over videos and seeds, and
            the interval is that of as many outcomes as there are videos.
        value: of any other figure.
        low: lower end of its 95 % interval, by the bootstrap over recordings; null where it has none.
        high: upper end.
        decimals: that a table shows of it.
        seeds: how many seeds the figure is over.
        seed_deviation: standard deviation over seeds; absent for one seed.
        missing: why there is no figure; empty where there is one.
    """

    row: tuple[str, ...]
    column: tuple[str, ...]
    measure: str
    cells: tuple[str, ...] = ()
    rate: Rate | None = None
    value: float | None = None
    low: float | None = None
    high: float | None = None
    decimals: Count = 2
    seeds: Count = 1
    seed_deviation: float | UnsetType = UNSET
    missing: str = ""


class StudyTable(Result, frozen=True, kw_only=True):
    """A table of a study.

    Attributes:
        name: of its files.
        title: above it.
        note: what a reader must know.
        rows: the axes that make its rows.
        columns: those that make its columns; with none there is one column a measure.
        measures: of each cell, in order.
        entries: row by row.
    """

    name: str
    title: str = ""
    note: str = ""
    rows: tuple[str, ...]
    columns: tuple[str, ...] = ()
    measures: tuple[str, ...]
    entries: tuple[StudyEntry, ...] = ()


class StudyDetector(Result, frozen=True, kw_only=True):
    """A detector at one point of the grid, over all folds.

    Attributes:
        axes: the values of all axes by name.
        figures: clean videos against perturbed ones, with the ROC curve.
    """

    axes: dict[str, str]
    figures: DetectorRow


class StudyModel(Result, frozen=True, kw_only=True):
    """A network of the study.

    Attributes:
        name: as in the tables.
        spec: as it was given.
        problem: why it cannot be loaded; empty where it can.
    """

    name: str
    spec: str
    problem: str = ""


class StudyResults(Result, frozen=True, kw_only=True, tag_field="schema", tag="lsap.study/1"):
    """What `study` found.

    Attributes:
        title: of the study.
        videos: that are judged over all folds.
        recordings: that they were cut from; none is in two folds.
        folds: how many.
        models: the networks.
        cells: all of them, in the order of the grid.
        tables: as the study file names them, each with its controls behind it.
        names: what tables show for a value of an axis, where the study file says it.
        detectors: one for each point with a detector.
        skipped: videos that were left out.
        estimate_seconds: of `--dry-run`: what the cells that are not done will take; else null.
        estimate_from: of `--dry-run`: what that estimate is made of.
    """

    title: str
    videos: Count = 0
    recordings: Count = 0
    folds: Count = 0
    models: tuple[StudyModel, ...] = ()
    cells: tuple[StudyCell, ...] = ()
    tables: tuple[StudyTable, ...] = ()
    names: dict[str, str] = field(default_factory=dict)
    detectors: tuple[StudyDetector, ...] = field(default=())
    skipped: tuple[SkippedVideo, ...] = ()
    estimate_seconds: float | None = None
    estimate_from: str = ""

    def count(self, status: CellStatus) -> int:
        """How many cells have a status."""
        return sum(one.status == status for one in self.cells)
