import json
from pathlib import Path

from textual.pilot import Pilot
from textual.widgets import DataTable

from lsap_cli.dashboard.app import Dashboard
from lsap_cli.dashboard.outcomes import pairs, read_outcomes
from lsap_cli.dashboard.screens.compare import different, looked_at
from lsap_cli.dashboard.summaries import read_rows
from lsap_cli.dashboard.watching import RunWatch
from lsap_cli.dashboard.widgets.curve import CurveView
from lsap_cli.results.rates import mcnemar
from tests.dashboard.conftest import WIDE, play, until


def test_only_settings_that_differ_are_listed(runs: Path) -> None:
    found = dict(different([looked_at(runs / "tour" / "generate"), looked_at(runs / "other")]))
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
    outcomes = [read_outcomes(first), read_outcomes(second)]
    rows = [read_rows(looked_at(folder).results)[0] for folder in (first, second)]
    found = pairs((rows[0], outcomes[0]), (rows[1], outcomes[1]))
    assert len(found) == len(rows[0].rows) == 18
    pair = next(one for one in found if (one.attack, one.defense, one.sampler) == ("perturbed", "none", "uniform"))
    assert pair.paired == len(videos) - 1
    of_both = {
        folder: {
            record["video"]: record["correct"]
            for record in map(json.loads, (folder / "records.jsonl").read_text().splitlines())
            if record["attack"] not in ("none", "noise")
            and (record["defense"], record["sampler"]) == ("none", "uniform")
        }
        for folder in (first, second)
    }
    assert pair.p == mcnemar(*([of_both[folder][video] for video in videos[1:]] for folder in (first, second)))


def test_runs_are_shown_side_by_side_with_curves_over_each_other(runs: Path) -> None:
    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "fooled")
        app.open_compare([runs / "tour" / "generate", runs / "other"])
        for words in ("Settings that differ", "steps", "24", "generate", "other"):
            await until(pilot, app, words)
        await until(pilot, app, "━ other")
        assert [view.display for view in app.screen.query(CurveView)] == [True, True]
        assert app.screen.query_one("#figures", DataTable).row_count > 3
        await pilot.press("escape")
        await until(pilot, app, "newest first")

    play(runs, act, WIDE)


def test_a_demo_is_compared_by_its_parts(runs: Path) -> None:
    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "fooled")
        app.open_compare([runs / "tour", runs / "second"])
        await until(pilot, app, "Settings that differ")
        await until(pilot, app, "(8)")
        table = app.screen.query_one("#figures", DataTable)
        assert table.row_count == 18

    play(runs, act, WIDE)


def test_runs_with_nothing_in_common_say_so(runs: Path) -> None:
    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "fooled")
        app.open_compare([runs / "tour" / "apply", runs / "second", runs / "other"])
        await until(pilot, app, "no cell (attack, defense, sampler) in common")

    play(runs, act, WIDE)


def test_the_counted_matrix_is_the_one_that_the_run_ends_with(runs: Path) -> None:
    watch = RunWatch(runs / "second")
    watch.look()
    ended = {(row["attack"], row["defense"], row["sampler"]): row for row in (watch.results or {})["rows"]}
    counted = {(row["attack"], row["defense"], row["sampler"]): row for row in watch.tally.rows()}
    assert counted.keys() == ended.keys()
    for key, row in counted.items():
        for name in ("videos", "clean_accuracy", "attacked_accuracy", "fooling_rate"):
            assert row[name] == ended[key][name], (key, name)
