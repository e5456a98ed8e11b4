"""The tables of a study, made of its records: outcomes of all folds in one figure, holes that say why."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from msgspec import structs

from lsap_cli.results.base import UNSET
from lsap_cli.results.detectors import DetectorRow
from lsap_cli.results.rates import Rate, rate_of_repeated
from lsap_cli.results.records import PERTURBED
from lsap_cli.results.study import FailedCell, StudyEntry, StudyRecord, StudyTable
from lsap_cli.study.axes import SEED
from lsap_cli.study.cells import PlannedCell, each_once
from lsap_cli.study.measures import CONTROLS, MEASURES, DetectorFigure, LadderShare, Measure, PatternFigure, VideoShare
from lsap_cli.study.request import TableRequest

RATES = (VideoShare, LadderShare)
NOT_DONE = "the study has not come to it"


@dataclass(frozen=True)
class StudyFindings:
    """What the cells have given.

    Attributes:
        cells: all of the study.
        records: of the cells that are done, by the cell's hash.
        failures: of those that are not, by the cell's hash.
        detectors: figures over all folds of each point with a detector, by the point's key.
    """

    cells: Sequence[PlannedCell]
    records: Mapping[str, Sequence[StudyRecord]]
    failures: Mapping[str, FailedCell]
    detectors: Mapping[tuple[str, ...], DetectorRow]


def make_tables(requests: Sequence[TableRequest], findings: StudyFindings) -> list[StudyTable]:
    """Each table, and behind it the controls of the same rows and columns, where it shows rates without them."""
    made: list[StudyTable] = []
    for request in requests:
        made.append(make_table(request, findings))
        controls = controls_of(request)
        if controls is not None:
            made.append(make_table(controls, findings))
    return made


def controls_of(request: TableRequest) -> TableRequest | None:
    """The table of clean accuracy and noise that belongs beside a table of rates; None: it shows them itself."""
    shows_rates = any(isinstance(MEASURES[one], RATES) for one in request.measures)
    if not shows_rates or set(CONTROLS) <= set(request.measures):
        return None
    return replace(
        request,
        name=f"{request.name}-controls",
        title=f"{request.title}: controls",
        note="The same videos clean, and under noise of equal root mean square: no rate stands without them.",
        measures=CONTROLS,
    )


def make_table(request: TableRequest, findings: StudyFindings) -> StudyTable:
    """One table."""
    places: dict[tuple[tuple[str, ...], tuple[str, ...]], list[PlannedCell]] = {}
    for cell in each_once(findings.cells):
        if request.takes(cell.point):
            axes = cell.axes
            place = tuple(axes[one] for one in request.rows), tuple(axes[one] for one in request.columns)
            places.setdefault(place, []).append(cell)
    rows, columns = (_in_order([place[side] for place in places]) for side in (0, 1))
    entries = [
        _entry(row, column, measure, places.get((row, column), []), findings)
        for row in rows
        for column in columns
        for measure in request.measures
    ]
    return StudyTable(
        name=request.name, title=request.title, note=request.note, rows=request.rows, columns=request.columns,
        measures=request.measures, entries=tuple(entries),
    )  # fmt: skip


def _in_order(places: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Values of several axes, each once: those of the first axis together, each axis in the order of the grid."""
    axes = [list(dict.fromkeys(values)) for values in zip(*places, strict=True)]
    return sorted(
        dict.fromkeys(places), key=lambda place: [axis.index(value) for axis, value in zip(axes, place, strict=True)]
    )


def _entry(
    row: tuple[str, ...], column: tuple[str, ...], name: str, cells: Sequence[PlannedCell], findings: StudyFindings
) -> StudyEntry:
    decimals = measure.decimals if isinstance(measure := MEASURES[name], PatternFigure) else 2
    empty = StudyEntry(row=row, column=column, measure=name, decimals=decimals, cells=tuple(one.hash for one in cells))
    hole = _hole(cells, findings)
    if hole:
        return structs.replace(empty, missing=hole)
    records = [one for cell in cells for one in findings.records[cell.hash]]
    seeds = list(dict.fromkeys(cell.axes[SEED] for cell in cells))
    empty = structs.replace(empty, seeds=len(seeds))
    if isinstance(measure, DetectorFigure):
        return _detector_entry(empty, measure, cells, findings)
    whole = _figure(measure, records)
    if whole is None:
        return structs.replace(empty, missing=_reason(name, measure))
    of_seeds = [_figure(measure, [one for one in records if one.axes[SEED] == seed]) for seed in seeds]
    values = [one.value if isinstance(one, Rate) else one for one in of_seeds if one is not None]
    deviation = statistics.stdev(values) if len(values) > 1 else UNSET
    if isinstance(whole, Rate):
        return structs.replace(empty, rate=whole, seed_deviation=deviation)
    return structs.replace(empty, value=whole, seed_deviation=deviation)


def _hole(cells: Sequence[PlannedCell], findings: StudyFindings) -> str:
    """Why a place of a table has no figure: nothing is there, or a fold of it failed; empty: all is there."""
    if not cells:
        return "the grid has no such point"
    missing = [one for one in cells if one.hash not in findings.records]
    if not missing:
        return ""
    first = missing[0]
    failure = findings.failures.get(first.hash)
    reason = NOT_DONE if failure is None else failure.reason
    return f"{len(missing)} of {len(cells)} cells failed: fold {first.fold + 1}, seed {first.axes[SEED]}: {reason}"


def _figure(measure: Measure, records: Sequence[StudyRecord]) -> Rate | float | None:
    if isinstance(measure, PatternFigure):
        return measure.value([one for one in records if one.added == PERTURBED])
    if isinstance(measure, VideoShare | LadderShare):
        outcomes = list(measure.outcomes(records))
        return rate_of_repeated(sum(won for _, won in outcomes), len(outcomes), len({one.video for one, _ in outcomes}))
    return None


def _reason(name: str, measure: Measure) -> str:
    """Why all cells are done and there is no figure all the same."""
    if isinstance(measure, LadderShare):
        return "no attacker of it was judged: no ladder, no such rung, or no labels"
    if name in ("SR", "noise SR"):
        return "no target, or no video that counts"
    if name == "stealth":
        return "no goal of that kind, or no video that counts"
    return "no video has labels" if "ACC" in name else "it was not measured"


def _detector_entry(
    empty: StudyEntry, measure: DetectorFigure, cells: Sequence[PlannedCell], findings: StudyFindings
) -> StudyEntry:
    """A figure of the first seed's detector: scores of several seeds are not put into one curve."""
    empty = structs.replace(empty, seeds=1)
    row = findings.detectors.get(cells[0].point.key)
    if row is None:
        return structs.replace(empty, missing="no detector")
    found = getattr(row, measure.name, None) or getattr(row.operating_point, measure.name, None)
    if isinstance(found, Rate):
        return structs.replace(empty, rate=found)
    if found is None:
        return structs.replace(empty, missing="no video that counts")
    return structs.replace(empty, value=found.value, low=found.low, high=found.high)
