"""The tables of a study file against its grids: what cannot be meant is refused."""

from collections.abc import Sequence
from typing import Any

from lsap_cli.study.axes import AXES, SEED
from lsap_cli.study.grid import StudyPoint
from lsap_cli.study.measures import MEASURES
from lsap_cli.study.request import Refusal, StudyRequest, TableRequest
from lsap_common import unknown_name


def check_table_request(table: TableRequest, request: StudyRequest, points: Sequence[StudyPoint]) -> None:
    """Refuses a table that the grids cannot fill.

    Args:
        table: of the file.
        request: of the file.
        points: of all grids.

    Raises:
        LsapError: naming the file, the table and the key.
    """
    error = request.refusal
    place = f"[[table]] {table.name}"
    named = list(dict.fromkeys(axis for grid in request.grids for axis in grid.axes))
    for key, axes in (("rows", table.rows), ("columns", table.columns), ("where", tuple(table.where))):
        for axis in axes:
            if axis not in AXES:
                raise error(f"{place} {key}", unknown_name("axis", axis, AXES))
            if axis not in named:
                there = ", ".join(named)
                raise error(
                    f"{place} {key}", f"the grid lacks the axis '{axis}'; add it to [grid], or take one of: {there}"
                )
    if not table.rows:
        raise error(f"{place} rows", f"there is none; name axes of the grid: {', '.join(named)}")
    twice = [axis for axis in table.rows if axis in table.columns or table.rows.count(axis) > 1]
    if twice:
        raise error(place, f"the axis '{twice[0]}' stands twice in its rows and columns")
    again = [measure for measure in table.measures if table.measures.count(measure) > 1]
    if again:
        raise error(f"{place} measures", f"the measure '{again[0]}' stands there twice")
    if not table.measures:
        raise error(f"{place} measures", f"there is none; take some of: {', '.join(MEASURES)}")
    for measure in table.measures:
        if measure not in MEASURES:
            raise error(f"{place} measures", unknown_name("measure", measure, MEASURES))
    grids = [one.name for one in request.grids if one.name]
    for name in table.grids:
        if not grids:
            raise error(f"{place} grid", f"the grid '{name}' is unknown: no [[grid]] has a name")
        if name not in grids:
            raise error(f"{place} grid", unknown_name("grid", name, grids))
    for axis, values in table.where.items():
        found = list(dict.fromkeys(point.text(axis) for point in points))
        for value in values:
            if value not in found:
                raise error(f"{place} where.{axis}", unknown_name("value", value, found))
    _check_places(error, place, table, points)


def _check_places(error: Refusal, place: str, table: TableRequest, points: Sequence[StudyPoint]) -> None:
    """One cell of a table is of points that differ in their seed alone."""
    first: dict[Any, StudyPoint] = {}
    taken = [point for point in points if table.takes(point)]
    if not taken:
        raise error(place, "no point of the grid has these values; the table would be empty")
    for point in taken:
        other = first.setdefault(table.place(point), point)
        for axis in AXES:
            if axis != SEED and point.text(axis) != other.text(axis):
                raise error(
                    place,
                    f"the axis '{axis}' has several values ({other.text(axis)}, {point.text(axis)}), and the table "
                    "does not say which: name it in rows or columns, or choose one with where",
                )
