"""Cells of two runs beside each other, by hand: differences, the paired test, what is folded, the base."""

from pathlib import Path

from textual.pilot import Pilot
from textual.widgets import DataTable

from lsap_cli.dashboard.app import Dashboard
from lsap_cli.dashboard.run_reader import read_once
from lsap_cli.dashboard.screens.changed import ChangedScreen
from lsap_cli.dashboard.screens.compare import CompareScreen, different
from lsap_cli.results.documents import DefendResults
from lsap_cli.results.files import RESULTS_FILE, encode_line, write_document
from lsap_cli.results.records import Record
from lsap_cli.results.rows import Row, Rows, count_records, counted_rows
from lsap_cli.runs import Run
from lsap_cli.runs.comparing import ComparedRun, compare_cells
from tests.dashboard.conftest import SMALL, WIDE, play, shown_text, until, until_true
from tests.result_objects import make_record

VIDEOS = 20


def records_of(right: int, attack: str = "r") -> list[Record]:
    """Records of 20 videos without an attack, all right, and under one, the first ones right."""
    clean = [make_record(f"{video:02d}", (0,), ("none", "none", "uniform"), 0, 0) for video in range(VIDEOS)]
    return clean + [
        make_record(f"{video:02d}", (0,), (attack, "none", "uniform"), 0 if video < right else 1, 0)
        for video in range(VIDEOS)
    ]


def rows_of(records: list[Record]) -> list[Row]:
    return counted_rows(count_records(records))


def run_of(right: int, attack: str = "r", worst: tuple[Row, ...] = ()) -> ComparedRun:
    records = records_of(right, attack)
    by_cell = {cell: [one for one in records if one.cell == cell] for cell in count_records(records)}
    return ComparedRun(attack, Rows(tuple(rows_of(records))), worst, by_cell)


def write_run(folder: Path, right: int) -> None:
    records = records_of(right)
    with Run(folder, "defend", {"seed": right, "batch": 8}, []):
        (folder / "records.jsonl").write_bytes(b"".join(map(encode_line, records)))
        write_document(folder / RESULTS_FILE, DefendResults(rows=tuple(rows_of(records))))


def test_a_cell_has_the_difference_over_the_videos_of_both_and_says_which_changed() -> None:
    attacked, clean = compare_cells(run_of(5), run_of(17, attack="another name"))
    assert attacked.key == ("perturbed", "none", "uniform")
    assert attacked.difference is not None
    assert (attacked.difference.gained, attacked.difference.lost, attacked.difference.of) == (12, 0, VIDEOS)
    assert attacked.difference.low > 0
    assert attacked.p == 2 * (2 / 2**12)  # two cells, of which one has no p
    assert attacked.verdict == "better"
    assert [one.first.video for one in attacked.changed] == [f"{number:02d}" for number in range(5, 17)]
    assert all(one.gained for one in attacked.changed)
    assert clean.verdict == "alike"
    assert compare_cells(run_of(17), run_of(5))[0].verdict == "worse"


def test_a_difference_of_chance_is_neither_better_nor_worse() -> None:
    assert compare_cells(run_of(5), run_of(7))[0].verdict == "open"


def test_the_worst_attackers_of_two_runs_are_compared_under_whatever_names() -> None:
    def worst(attack: str, right: int) -> tuple[Row, ...]:
        return tuple(row for row in rows_of(records_of(right, attack)) if row.attack == attack)

    first, second = run_of(5, "a", worst("a", 5)), run_of(17, "b", worst("b", 17))
    assert compare_cells(first, second)[0].key == ("worst adaptive", "none", "uniform")


def test_alike_rows_are_folded_the_base_changes_and_enter_names_the_videos(tmp_path: Path) -> None:
    for name, right in (("one", 5), ("two", 17), ("three", 5)):
        write_run(tmp_path / name, right)

    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "3 runs")
        app.open_compare([tmp_path / name for name in ("one", "two", "three")])
        await until(pilot, app, "accuracy, 1 row is alike")
        await until(pilot, app, "base one")
        await until(pilot, app, "▲ +0.60")
        await pilot.press("a")
        await until_true(pilot, lambda: app.screen.query_one("#figures", DataTable).row_count == 2)
        await pilot.press("b")
        await until(pilot, app, "base two")
        await until(pilot, app, "▼ -0.60")
        await pilot.press("enter")
        await until_true(pilot, lambda: isinstance(app.screen, ChangedScreen))
        await until(pilot, app, "12 of 20 differ")
        assert app.screen.query_one("#videos", DataTable).row_count == 24, "of both other runs"
        await pilot.press("escape")
        assert isinstance(app.screen, CompareScreen)

    play(tmp_path, act, SMALL)


def test_all_of_a_row_is_on_the_screen_at_80_columns_and_in_one_line_where_it_fits(tmp_path: Path) -> None:
    for name, right in (("20261201-120000-defend", 5), ("20261201-130000-defend", 17)):
        write_run(tmp_path / name, right)
    for size, lines in ((SMALL, 2), (WIDE, 1)):

        async def act(pilot: Pilot[None], app: Dashboard, lines: int = lines) -> None:
            await until(pilot, app, "2 runs")
            app.open_compare(sorted(tmp_path.glob("2026*")))
            await until(pilot, app, "▲ +0.60")
            table = app.screen.query_one("#figures", DataTable)
            assert {row.height for row in table.rows.values()} == {lines}
            assert table.virtual_size.width <= table.size.width, "nothing is beyond the right edge"
            for words in ("0.25 5/20", "(0.11–0.47)", "0.85 17/20", "(0.64–0.95)", "0.000977", "(20)"):
                assert words in shown_text(app)

        play(tmp_path, act, size)


def test_what_is_alike_of_two_runs_is_not_listed_and_values_are_words(tmp_path: Path) -> None:
    for name in ("one", "two"):
        samplers = ["uniform", "random"] if name == "one" else []
        with Run(tmp_path / name, "defend", {"sampler": samplers, "allow_overlap": name == "one", "seed": 1}, []):
            pass
    differ = dict(different([read_once(tmp_path / name) for name in ("one", "two")]))
    assert differ == {"sampler": ["uniform, random", "–"], "allow_overlap": ["yes", "no"]}
