import json
from pathlib import Path

from textual.pilot import Pilot
from textual.widgets import DataTable

from lsap_cli.dashboard.app import Dashboard
from lsap_cli.dashboard.run_reader import read_once
from lsap_cli.dashboard.screens.compare import different
from lsap_cli.dashboard.widgets.curve import CurveView
from lsap_cli.results.documents import DefendResults
from lsap_cli.results.rates import mcnemar
from lsap_cli.results.rows import counted_rows
from lsap_cli.runs.comparing import compare_cells, compared_run, read_records
from tests.dashboard.conftest import WIDE, play, until, until_true


def test_only_settings_that_differ_are_listed(made: Path) -> None:
    found = dict(different([read_once(made / "tour" / "generate"), read_once(made / "other")]))
    assert found["steps"] == ["24", "6"]
    assert found["seed"] == ["0", "5"]
    assert "epsilon" not in found
    assert "version of torch" not in found


def test_two_runs_are_tested_on_the_videos_that_both_judged(runs: Path) -> None:
    first, second = runs / "tour" / "defend", runs / "second"
    lines = (second / "records.jsonl").read_text().splitlines()
    videos = sorted({json.loads(line)["video"] for line in lines})
    kept = [line for line in lines if json.loads(line)["video"] != videos[0]]
    (second / "records.jsonl").write_text("\n".join(kept) + "\n")
    read = [(read_once(one), read_records(one)) for one in (first, second)]
    runs_read = [compared_run("", run.rows, run.results, records) for run, records in read]
    found = compare_cells(*runs_read)
    assert len(found) == len(runs_read[0].rows.rows) == 18
    pair = next(one for one in found if one.key == ("perturbed", "none", "uniform"))
    assert pair.difference is not None
    assert pair.difference.of == len(videos) - 1
    of_both = {
        folder: {
            record["video"]: record["correct"]
            for record in map(json.loads, (folder / "records.jsonl").read_text().splitlines())
            if record["attack"] not in ("none", "noise")
            and (record["defense"], record["sampler"]) == ("none", "uniform")
        }
        for folder in (first, second)
    }
    assert pair.difference.p == mcnemar(
        *([of_both[folder][video] for video in videos[1:]] for folder in (first, second))
    )


def test_runs_are_shown_side_by_side_with_curves_over_each_other(made: Path) -> None:
    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "fooled")
        app.open_compare([made / "tour" / "generate", made / "other"])
        for words in ("Settings that differ", "steps", "24", "generate", "other"):
            await until(pilot, app, words)
        await until(pilot, app, "━ other")
        assert [view.display for view in app.screen.query(CurveView)] == [True, True]
        await pilot.press("a")
        await until_true(pilot, lambda: app.screen.query_one("#figures", DataTable).row_count > 3)
        await pilot.press("escape")
        await until(pilot, app, "newest first")

    play(made, act, WIDE)


def test_a_demo_is_compared_by_its_parts(made: Path) -> None:
    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "fooled")
        app.open_compare([made / "tour", made / "second"])
        await until(pilot, app, "Settings that differ")
        await until(pilot, app, "alike")
        await pilot.press("a")
        table = app.screen.query_one("#figures", DataTable)
        await until_true(pilot, lambda: table.row_count == 18)

    play(made, act, WIDE)


def test_runs_with_nothing_in_common_say_so(made: Path) -> None:
    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "fooled")
        app.open_compare([made / "tour" / "apply", made / "second", made / "other"])
        await until(pilot, app, "no cell (attack, defense, sampler) in common")

    play(made, act, WIDE)


def test_the_counted_matrix_is_the_one_that_the_run_ends_with(made: Path) -> None:
    run = read_once(made / "second")
    assert isinstance(run.results, DefendResults)
    ended = {row.cell: row for row in run.results.rows}
    counted = {row.cell: row for row in counted_rows(run.counts)}
    assert counted.keys() == ended.keys()
    for cell, row in counted.items():
        for name in ("videos", "clean_accuracy", "attacked_accuracy", "fooling_rate"):
            assert getattr(row, name) == getattr(ended[cell], name), (cell, name)
