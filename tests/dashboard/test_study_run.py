"""A study in the dashboard: its cells are progress, its records are no damaged lines, its list says what is done."""

import re
from pathlib import Path

from textual.pilot import Pilot

from lsap_cli.dashboard.app import Dashboard
from lsap_cli.dashboard.formatting import whole_parts
from lsap_cli.dashboard.list_figures import figure_and_curve
from lsap_cli.dashboard.panes.live import status_lines
from lsap_cli.dashboard.panes.study_findings import study_text
from lsap_cli.dashboard.run_progress import run_progress
from lsap_cli.dashboard.run_reader import RunReader
from lsap_cli.results.events import CellEvent, CellsAtWorkEvent, StageEvent
from lsap_cli.results.files import RESULTS_FILE, encode_line, write_document
from lsap_cli.results.rates import Rate
from lsap_cli.results.study import StudyCell, StudyEntry, StudyRecord, StudyResults, StudyTable
from lsap_cli.runs import Run
from lsap_cli.runs.reading import read_snapshot
from tests.dashboard.conftest import play, until


def cell(number: int, status: str = "done") -> StudyCell:
    return StudyCell(cell=f"{number:032x}", axes={"attack": "lsap"}, fold=number, status=status)  # type: ignore[arg-type]


def begin(folder: Path) -> Run:
    return Run(folder, "study", {"study": "study.toml"}, [])


def test_cells_are_progress_and_those_at_work_and_failed_are_named(tmp_path: Path) -> None:
    with begin(tmp_path / "run") as run:
        run.event(StageEvent(name="cells", cells=4))
        run.event(CellsAtWorkEvent(cells=("lsap, fold 1", "lsap, fold 2")))
        run.event(CellEvent(cell="lsap, fold 1", seconds=1.5))
        run.event(CellEvent(cell="lsap, fold 2", failed=True, reason="planted"))
        run.event(CellsAtWorkEvent(cells=("lsap, fold 3",)))
        reader = RunReader(run.folder)
        reader.update()
        lines = "\n".join(line.plain for line in status_lines(reader))
        assert run_progress(reader).share == 0.5
        assert "2 of 4" in lines
        assert "1 failed" in lines
        assert "1 at work: lsap, fold 3" in lines
        assert "failed: lsap, fold 2: planted" in [line.text for line in reader.history.log]
        reader.close()


def test_the_list_tells_how_many_cells_of_a_live_study_are_done_and_when_it_ends(tmp_path: Path) -> None:
    with begin(tmp_path / "run") as run:
        run.event(StageEvent(name="loading the models"))
        assert figure_and_curve(read_snapshot(run.folder))[0] == "loading the models"
        run.event(StageEvent(name="cells", cells=9))
        for number in range(9):
            run.event(CellEvent(cell=str(number)))
        run.event(StageEvent(name="cells", cells=165))  # it was started again
        assert figure_and_curve(read_snapshot(run.folder))[0] == "0 of 165 cells"
        for number in range(3):
            run.event(CellEvent(cell=str(number), failed=number == 0))
        figure = figure_and_curve(read_snapshot(run.folder))[0]
        assert re.fullmatch(r"2 of 165 cells, 1 failed, \d+:\d\d left", figure)
        assert whole_parts(figure, 24).plain == "2 of 165 cells, 1 failed"
        assert whole_parts(figure, 23).plain == "2 of 165 cells"
    assert figure_and_curve(read_snapshot(run.folder))[0] == "2 of 165 cells, 1 failed"


def entries(attack: str, count: int) -> list[StudyEntry]:
    rate = Rate(value=count / 40, count=count, of=40, low=0.2, high=0.95)
    row = ("tsm", attack)
    return [
        StudyEntry(row=row, column=(), measure="SR", rate=rate),
        StudyEntry(row=row, column=(), measure="MAP", value=1.92),
    ]


TABLE = StudyTable(
    name="targeted", title="Targeted [b]", note="All folds.", rows=("model", "attack"), measures=("SR", "MAP"),
    entries=(*entries("fgsm", 10), *entries("lsap", 39)),
)  # fmt: skip


def test_the_tables_of_a_study_are_columns_where_they_fit_and_blocks_where_not() -> None:
    failed = StudyCell(
        cell="0" * 32, axes={"model": "tsm", "attack": "a", "budget": "linf 8/255", "goal": "any"}, fold=0,
        status="failed", reason="planted",
    )  # fmt: skip
    results = StudyResults(title="t", tables=(TABLE,), cells=(failed,))
    wide = study_text(results, 80).plain.splitlines()
    assert wide[0] == "Targeted [b]  model tsm", "what all lines share stands in the heading"
    assert wide[1].split() == ["attack", "SR", "MAP"]
    assert wide[2].startswith("fgsm")
    assert [line.index("1.92") for line in wide[2:4]] == [wide[1].index("MAP")] * 2
    assert wide[4].startswith("All folds. Rates: count")
    assert wide[-1].startswith("failed: 1 such as tsm, a")
    narrow = study_text(results, 30).plain.splitlines()
    assert narrow[1:3] == ["fgsm", "  SR 0.25 (10/40, 0.20–0.95)"]
    assert narrow[3] == "  MAP 1.92"


def test_the_results_tab_of_a_study_shows_its_tables(tmp_path: Path) -> None:
    with begin(tmp_path / "run") as run:
        write_document(run.folder / RESULTS_FILE, StudyResults(title="t", tables=(TABLE,), cells=(cell(0),)))

    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "Targeted [b]")
        await until(pilot, app, "0.97 (39/40")
        await pilot.press("3")
        await until(pilot, app, "This run has no pictures;")
        await pilot.press("2")
        await until(pilot, app, "done in 0:0")

    play(tmp_path, act, opened=tmp_path / "run")


def finished(folder: Path) -> Path:
    with begin(folder) as run:
        cells = (cell(0), cell(1), cell(2, "failed"))
        write_document(folder / RESULTS_FILE, StudyResults(title="t", cells=cells))
        record = StudyRecord(
            cell=cells[0].cell, axes={"attack": "lsap"}, fold=0, video="a", added="perturbed", prediction="x",
            clean_prediction="y", changed=True,
        )  # fmt: skip
        (run.folder / "records.jsonl").write_bytes(encode_line(record))
    return folder


def test_records_of_a_study_are_no_damaged_lines_and_the_list_says_how_many_cells_are_done(tmp_path: Path) -> None:
    folder = finished(tmp_path / "run")
    reader = RunReader(folder)
    reader.update()
    reader.update()
    assert reader.problems == []
    assert figure_and_curve(read_snapshot(folder))[0] == "2 of 3 cells, 1 failed"
    reader.close()


def test_every_tab_of_a_finished_study_can_be_opened(tmp_path: Path) -> None:
    folder = finished(tmp_path / "run")

    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "study")
        for key in ("2", "3", "4", "5", "1"):
            await pilot.press(key)
            await pilot.pause()
        await until(pilot, app, "NOT WHOLE")

    play(tmp_path, act, opened=folder)
