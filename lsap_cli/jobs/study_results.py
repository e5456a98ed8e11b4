"""The results of a study: its cells, records, detectors and tables, the same whatever order cells were done in."""

from collections.abc import Iterator, Mapping, Sequence

from msgspec import structs

from lsap_cli.evaluation.detection_rows import detector_rows
from lsap_cli.evaluation.scores import DetectorScore
from lsap_cli.jobs.study_plan import StudyPlan
from lsap_cli.results.base import or_none
from lsap_cli.results.detectors import DetectorRow
from lsap_cli.results.records import NO_ATTACK, PERTURBED
from lsap_cli.results.study import (
    FailedCell,
    FinishedCell,
    StudyCell,
    StudyDetector,
    StudyRecord,
    StudyResults,
)
from lsap_cli.specs import build_detector
from lsap_cli.study.axes import NONE
from lsap_cli.study.cells import PlannedCell, each_once
from lsap_cli.study.tables import StudyFindings, make_tables


def study_results(
    plan: StudyPlan, done: Mapping[str, FinishedCell], failed: Mapping[str, FailedCell]
) -> tuple[StudyResults, list[StudyRecord]]:
    """What the cells have given, in the order of the grid: the same whatever order they were done in."""
    records = {cell.hash: _records(cell, done[cell.hash]) for cell in plan.cells if cell.hash in done}
    detectors = {one.point.key: row for one, row in _detectors(plan.cells, records)}
    findings = StudyFindings(plan.cells, records, failed, detectors)
    videos = [one for fold in plan.setup.folds for one in fold]
    of_cells = [one for cell in plan.cells if cell.hash in done for one in done[cell.hash].skipped]
    points = {cell.point.key: cell for cell in plan.cells}
    results = StudyResults(
        title=plan.request.title or plan.request.path.stem,
        videos=len(videos),
        recordings=len({one.group for one in videos}),
        folds=len(plan.setup.folds),
        models=plan.models,
        cells=tuple(_cell(cell, done, failed) for cell in each_once(plan.cells)),
        tables=tuple(make_tables(plan.request.tables, findings)),
        names=dict(plan.request.names),
        detectors=tuple(StudyDetector(axes=dict(points[key].axes), figures=row) for key, row in detectors.items()),
        skipped=tuple(dict.fromkeys((*plan.skipped, *of_cells))),
    )
    return results, [one for cell in each_once(plan.cells) for one in records.get(cell.hash, ())]


def _records(cell: PlannedCell, finished: FinishedCell) -> list[StudyRecord]:
    return [
        StudyRecord(
            **structs.asdict(outcome), cell=cell.hash, axes=dict(cell.axes), fold=cell.fold,
            elements=finished.elements, steps=finished.steps, learn_seconds=finished.learn_seconds,
        )
        for outcome in finished.outcomes
    ]  # fmt: skip


def _cell(cell: PlannedCell, done: Mapping[str, FinishedCell], failed: Mapping[str, FailedCell]) -> StudyCell:
    finished, failure = done.get(cell.hash), failed.get(cell.hash)
    known = StudyCell(
        cell=cell.hash, axes=dict(cell.axes), fold=cell.fold, status="failed" if failure else "missing",
        reason=failure.reason if failure else "",
    )  # fmt: skip
    if finished is None:
        return known
    return structs.replace(
        known, status="done", reason="", videos=len({one.video for one in finished.outcomes}), steps=finished.steps,
        learn_seconds=finished.learn_seconds, judge_seconds=finished.judge_seconds,
    )  # fmt: skip


def _detectors(
    cells: Sequence[PlannedCell], records: Mapping[str, Sequence[StudyRecord]]
) -> Iterator[tuple[PlannedCell, DetectorRow]]:
    """Each point's detector over all folds: scores of clean videos against those of perturbed ones."""
    points: dict[tuple[str, ...], list[PlannedCell]] = {}
    for cell in cells:
        if cell.point.text("detector") != NONE:
            points.setdefault(cell.point.key, []).append(cell)
    for of_point in points.values():
        if all(cell.hash in records for cell in of_point):
            spec = of_point[0].point.text("detector")
            scores = [
                DetectorScore(spec, one.added, one.video, one.recording, score, 0.0)
                for cell in of_point
                for one in records[cell.hash]
                if one.added in (NO_ATTACK, PERTURBED) and (score := or_none(one.score)) is not None
            ]
            rows, _ = detector_rows(scores, {spec: build_detector(spec)}, NO_ATTACK)
            for row in rows:
                yield of_point[0], row
