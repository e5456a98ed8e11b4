"""A study's tables as text: CSV, Markdown and LaTeX have every figure with count and interval, or say why not."""

import csv
from pathlib import Path

import pytest

from lsap_cli.reports.grid import write_grids
from lsap_cli.reports.study_grids import (
    failures_of,
    study_grids,
    study_list_grid,
    study_page_grids,
    study_table_grid,
)
from lsap_cli.results.rates import rate_of, rate_of_repeated
from lsap_cli.results.study import StudyCell, StudyEntry, StudyResults, StudyTable

RATE = rate_of(24, 39)
REPEATED = rate_of_repeated(60, 117, 39)
ENTRIES = (
    StudyEntry(row=("ifgsm",), column=("victim_1",), measure="FR", rate=RATE),
    StudyEntry(row=("ifgsm",), column=("victim_1",), measure="MAP", value=1.7449),
    StudyEntry(row=("ifgsm",), column=("other",), measure="FR", rate=REPEATED, seeds=3, seed_deviation=0.031),
    StudyEntry(row=("ifgsm",), column=("other",), measure="MAP", value=1.0, decimals=1),
    StudyEntry(row=("lsap",), column=("victim_1",), measure="FR", missing="1 of 5 cells failed: fold 2: 50 % & more"),
    StudyEntry(row=("lsap",), column=("victim_1",), measure="MAP", missing="1 of 5 cells failed: fold 2: 50 % & more"),
    StudyEntry(row=("lsap",), column=("other",), measure="FR", missing="the grid has no such point"),
    StudyEntry(row=("lsap",), column=("other",), measure="MAP", value=0.913, low=0.85, high=0.96),
)
TABLE = StudyTable(
    name="overall", title="Overall", note="A note.", rows=("attack",), columns=("model",), measures=("FR", "MAP"),
    entries=ENTRIES,
)  # fmt: skip
NAMES = {"ifgsm": "I-FGSM"}


def test_a_table_has_a_column_for_each_value_and_measure_and_numbers_its_reasons() -> None:
    grid = study_table_grid(TABLE, NAMES)
    assert grid.header == ("attack", "victim_1: FR", "victim_1: MAP", "other: FR", "other: MAP")
    assert grid.lines == (
        ("I-FGSM", "0.62 (24/39, 0.46–0.75)", "1.74", "0.51 ± 0.03 (60/117, 0.36–0.66)", "1.0"),
        ("lsap", "– [1]", "– [1]", "– [2]", "0.91 (0.85–0.96)"),
    )
    assert grid.note.startswith("A note. Rates: count of judged videos over all folds, 95 % Wilson interval.")
    assert grid.note.endswith("[1] 1 of 5 cells failed: fold 2: 50 % & more. [2] the grid has no such point.")


def test_a_narrow_table_has_a_line_for_each_row_and_column() -> None:
    grid = study_list_grid(TABLE, NAMES)
    assert grid.header == ("attack", "model", "FR", "MAP")
    assert grid.lines[0] == ("I-FGSM", "victim_1", "0.62 (24/39, 0.46–0.75)", "1.74")
    assert len(grid.lines) == 4


def test_a_page_lists_what_is_too_wide_for_paper(monkeypatch: pytest.MonkeyPatch) -> None:
    results = StudyResults(title="t", tables=(TABLE,), names=NAMES)
    assert [one.header for one in study_page_grids(results)] == [one.header for one in study_grids(results)]
    monkeypatch.setattr("lsap_cli.reports.study_grids.MOST_COLUMNS", 4)
    assert study_page_grids(results) == [study_list_grid(TABLE, NAMES)]
    assert study_grids(results)[0] == study_table_grid(TABLE, NAMES), "files keep it"


def test_all_forms_hold_the_same_cells(tmp_path: Path) -> None:
    grid = study_table_grid(TABLE, NAMES)
    write_grids(tmp_path, [grid])
    with (tmp_path / "tables" / "overall.csv").open(encoding="utf-8", newline="") as file:
        header, figures, dashes = csv.reader(file)
    ends = ("count", "of", "low", "high")
    of_victim = ["victim_1: FR", *(f"victim_1: FR {end}" for end in ends), "victim_1: MAP"]
    of_other = ["other: FR", *(f"other: FR {end}" for end in (*ends, "deviation")), "other: MAP"]
    assert header[:13] == ["attack", *of_victim, *of_other][:13]
    told = dict(zip(header, figures, strict=True))
    assert [float(told[name]) for name in of_victim[:3]] == pytest.approx([24 / 39, 24, 39])
    assert float(told["other: FR deviation"]) == pytest.approx(0.031)
    assert float(told["victim_1: MAP"]) == pytest.approx(1.74, abs=0.005)
    assert dashes[:6] == ["lsap", "– [1]", "", "", "", ""]
    markdown = (tmp_path / "tables" / "overall.md").read_text(encoding="utf-8").splitlines()
    assert markdown[0] == "## Overall"
    assert markdown[-2:] == ["| I-FGSM | 0.62 (24/39, 0.46–0.75) | 1.74 | 0.51 ± 0.03 (60/117, 0.36–0.66) | 1.0 |",
                             "| lsap | – [1] | – [1] | – [2] | 0.91 (0.85–0.96) |"]  # fmt: skip
    latex = (tmp_path / "tables" / "overall.tex").read_text(encoding="utf-8")
    assert r"attack & victim\_1: FR & victim\_1: MAP & other: FR & other: MAP \\" in latex
    assert r"I-FGSM & 0.62 (24/39, 0.46--0.75) & 1.74 & 0.51 $\pm$ 0.03 (60/117, 0.36--0.66) & 1.0 \\" in latex
    assert all(line.startswith("%") for line in latex.splitlines() if "50 %" in line)


def test_the_interval_of_repeated_outcomes_is_that_of_the_videos() -> None:
    assert REPEATED is not None
    once = rate_of(20, 39)
    assert once is not None
    assert (REPEATED.low, REPEATED.high) == (once.low, once.high)


def test_failed_cells_come_first_and_equal_reasons_are_one() -> None:
    axes = {"model": "m", "attack": "a", "budget": "linf 8/255", "goal": "untargeted"}
    cells = [StudyCell(cell="1", axes=axes, fold=0, status="done")]
    cells += [StudyCell(cell=str(2 + fold), axes=axes, fold=fold, status="failed", reason="planted") for fold in (0, 1)]
    results = StudyResults(title="t", cells=tuple(cells), tables=(TABLE,))
    *_, grid = study_grids(results)
    assert [line[0] for line in grid.lines] == ["failed", "failed", "done"]
    assert failures_of(results) == [("m, a, linf 8/255, untargeted, fold 1", "planted", 2)]
