"""The Results tab: the matrix, checks, ladders, detectors."""

import json
import shutil
import time
from functools import partial
from pathlib import Path

import msgspec
import pytest
from textual.pilot import Pilot
from textual.widgets import DataTable, TabbedContent

from lsap_cli.dashboard.app import Dashboard
from lsap_cli.dashboard.panes.results import ResultsPane
from lsap_cli.dashboard.run_reader import RunReader
from lsap_cli.dashboard.screens.cell import CellScreen
from lsap_cli.dashboard.screens.run import RunScreen
from lsap_cli.dashboard.widgets.answer import figures_text
from lsap_cli.dashboard.widgets.heat import MOST_DEFENSES
from lsap_cli.results.detectors import DetectorRow, RocCurve
from lsap_cli.results.documents import DefendResults
from lsap_cli.results.files import RESULTS_FILE, encode_line, write_document
from lsap_cli.results.hardening import HardenResults, JudgedNetwork
from lsap_cli.results.ladders import Check, DefenseLadder, LadderRung
from lsap_cli.results.rates import Estimate, Paired, Rate, rate_of
from lsap_cli.results.results_file import read_results
from lsap_cli.results.rows import Row
from lsap_cli.results.spread import SamplerTransfer
from lsap_cli.results.training import SplitPart
from lsap_cli.results.verdict import KeyFigure
from lsap_cli.runs import Run
from tests.dashboard.conftest import SMALL, WIDE, play, shown_text, until, until_true
from tests.result_objects import make_record

RECORDED = Path(__file__).parent / "recorded"


@pytest.mark.parametrize("room", [76, 118])
@pytest.mark.parametrize("sampler", ["uniform", "dense:stride=2"])
def test_the_interval_below_a_figure_is_whole_whatever_it_is_of(room: int, sampler: str) -> None:
    rates = [rate_of(5, 40), rate_of(40, 40)]
    figures = [
        KeyFigure(f"figure {number}", rate, note=sampler) for number, rate in enumerate([*rates, None, rates[0]])
    ]
    lines = figures_text(figures, room).plain.split("\n")
    assert all(len(line) <= room for line in lines)
    assert lines[2].count("0.05–0.26") == 2
    assert lines[2].count("0.91–1.00") == 1
    assert lines[-1].count(sampler) == 4
    assert len(lines) == (4 if sampler == "dense:stride=2" and room == 76 else 3)


@pytest.mark.parametrize("room", [18, 38, 56, 74])
def test_figures_that_do_not_fit_beside_each_other_go_on_below(room: int) -> None:
    figures = [KeyFigure(f"figure {number}", None, text=f"value {number}") for number in range(4)]
    lines = figures_text(figures, room).plain.split("\n")
    assert all(0 < len(line) <= room for line in lines)
    names = [line.split() for line in lines[::2]]
    assert [word for line in names for word in line if word != "figure"] == ["0", "1", "2", "3"]
    assert len(names) == -(-4 // max(1, room // 19))


def test_the_matrix_can_be_read_without_color_and_its_cells_open() -> None:
    rows = json.loads((RECORDED / "second" / "results.json").read_text())["rows"]

    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "worst of 2 samplers")
        first = next(row for row in rows if row["sampler"] == "uniform" and row["attack"] == "noise")
        found = first["attacked_accuracy"]
        await until(pilot, app, f"{found['value']:.2f} {found['count']}/{found['of']}")
        await pilot.press("s", "s")
        await until(pilot, app, "accuracy  sampler random")
        await pilot.press("m")
        await until(pilot, app, "fooling rate  sampler random")
        await pilot.press("enter")
        shown = await until(pilot, app, "8 videos, fooled first")
        assert isinstance(app.screen, CellScreen)
        assert "sampler random" in shown
        assert "clean accuracy, same defense" in shown
        assert "adaptive ladder: none was measured" in shown
        table = app.screen.query_one("#videos", DataTable)
        assert table.row_count == 8
        assert [str(one.label).strip() for one in table.columns.values()][:3] == ["video", "outcome", "now"]
        await pilot.press("escape")
        assert isinstance(app.screen, RunScreen)

    play(RECORDED, act, opened=RECORDED / "second")


def test_a_run_says_plainly_what_it_does_not_have() -> None:
    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "1 Results")
        await pilot.press("1")
        for words in ("no checks", "no adaptive ladder", "no detectors"):
            await until(pilot, app, f"This run has {words}")

    play(RECORDED, act, WIDE, RECORDED / "second")


def test_checks_ladder_sampler_matrix_and_roc_are_shown_where_a_run_has_them(tmp_path: Path) -> None:
    runs = Path(shutil.copytree(RECORDED, tmp_path / "runs"))
    path = runs / "second" / "results.json"
    results = read_results(path).value
    assert isinstance(results, DefendResults)
    attacked = Row(
        attack="A2 true gradient",
        defense="jpeg:quality=75",
        sampler="uniform",
        videos=8,
        attacked_accuracy=rate_of(3, 8),
    )
    found = msgspec.structs.replace(
        results,
        checks=(Check(name="iterative beats single-step", status="WARN", figure="0.50 against 0.55", sentence="why"),),
        ladder=(DefenseLadder(
            defense="jpeg:quality=75", rungs=(LadderRung(rung="A2", attack="A2 true gradient", rows=(attacked,)),)),
        ),
        sampler_matrix=(
            SamplerTransfer(
                attack="r",
                fit=("segments",),
                rates={"uniform": Rate(value=0.75, count=6, of=8, low=0.41, high=0.93)},
            ),
        ),
        detectors=(DetectorRow(
            detector="sparse-dense", attack="r", clean_videos=8, attacked_videos=8,
            auc=Estimate(value=0.93, low=0.8, high=0.99),
            curve=RocCurve(false_positive_rate=(0, 0.1, 1), true_positive_rate=(0, 0.8, 1))),
        ),
    )  # fmt: skip
    write_document(path, found)

    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "1 Results")
        await pilot.press("1")
        shown = await until(pilot, app, "iterative beats single-step")
        for words in ("WARN", "0.50 against 0.55", "A2 true gradient", "accuracy 0.38 (3/8", "segments",
                      "0.75 0.41–0.93", "sparse-dense", "auc 0.93 (0.80–0.99)"):  # fmt: skip
            assert words in shown, words
        assert app.screen.query_one("#roc").display
        app.screen.query_one("#matrix").focus()
        await pilot.press("down", "enter")
        await until(pilot, app, "A2 true gradient")
        assert isinstance(app.screen, CellScreen)

    play(runs, act, WIDE, runs / "second")


def test_a_small_screen_shows_the_verdict_and_pages_on_to_what_was_found() -> None:
    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "NO MORE THAN NOISE")
        pane = app.screen.query_one(ResultsPane)
        await until_true(pilot, lambda: pane.max_scroll_y > 0)
        await until_true(pilot, lambda: app.screen.query_one("#matrix").has_focus)
        await pilot.press("pagedown")
        await until_true(pilot, lambda: pane.scroll_y > 0)
        await pilot.press("end")
        await until(pilot, app, "no detectors")
        await pilot.press("home")
        await until(pilot, app, "NO MORE THAN NOISE")
        assert pane.scroll_y == 0

    play(RECORDED, act, (80, 16), RECORDED / "second")


def test_a_run_that_is_read_late_gets_the_keyboard_to_its_matrix(monkeypatch: pytest.MonkeyPatch) -> None:
    update = RunReader.update

    def late(reader: RunReader) -> bool:
        if not reader.loaded:
            time.sleep(1.0)  # the tab is there before what it shows
        return update(reader)

    monkeypatch.setattr(RunReader, "update", late)

    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "1 Results")
        assert not app.screen.query_one("#matrix").has_focus
        await until_true(pilot, lambda: app.screen.query_one("#matrix").has_focus)
        await pilot.press("enter")
        await until_true(pilot, lambda: isinstance(app.screen, CellScreen))

    play(RECORDED, act, SMALL, RECORDED / "second")


def test_a_matrix_larger_than_any_screen_is_cut_and_says_so(tmp_path: Path) -> None:
    runs = Path(shutil.copytree(RECORDED, tmp_path / "runs"))
    path = runs / "second" / "results.json"
    results = read_results(path).value
    assert isinstance(results, DefendResults)
    row = next(one for one in results.rows if one.kind == "perturbed")
    rows = tuple(msgspec.structs.replace(row, defense=f"jpeg:quality={number}") for number in range(MOST_DEFENSES + 9))
    write_document(path, msgspec.structs.replace(results, rows=rows))

    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "1 Results")
        await pilot.press("1")
        await until(pilot, app, f"the first {MOST_DEFENSES} of {MOST_DEFENSES + 9} defenses")
        assert app.screen.query_one("#matrix", DataTable).row_count == MOST_DEFENSES

    play(runs, act, WIDE, runs / "second")


def is_active(app: Dashboard, tab: str) -> bool:
    return app.screen.query_one(TabbedContent).active == tab


def test_the_figures_are_as_they_were_when_the_tab_comes_back(runs: Path) -> None:
    """While another tab is shown, the pane has no width."""
    folder = runs / "tour" / "defend"

    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "clean  ")
        before: list[str] = []
        while before != (before := shown_text(app).split("\n")[3:12]):
            await pilot.pause(0.5)  # until it rests: the width changes when all is there
        for key, tab in (("2", "live"), ("3", "pictures"), ("1", "results")):
            await pilot.press(key)
            await until_true(pilot, partial(is_active, app, tab))
        await until_true(pilot, lambda: shown_text(app).split("\n")[3:12] == before, lambda: shown_text(app))

    play(runs, act, SMALL, opened=folder)


def harden_results() -> HardenResults:
    """Of a run without attackers."""
    part, right = SplitPart(videos=4, recordings=4), rate_of(4, 4)
    assert right is not None
    network = JudgedNetwork(name="net", clean_accuracy=right)
    return HardenResults(
        fit=part, held_out=part, out="out", model="demo", method="universal", norm="linf", epsilon="8/255",
        binding="constant", before=network, after=network, clean_change=Paired(gained=0, lost=0, of=4, p=None),
        warnings=("the accuracy is of few videos",),
    )  # fmt: skip


def test_a_hardened_network_has_a_short_verdict_and_all_sentences_below_its_figures(tmp_path: Path) -> None:
    with Run(tmp_path / "run", "harden", {}, []):
        write_document(tmp_path / "run" / RESULTS_FILE, harden_results())

    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "clean after")
        lines = shown_text(app).split("\n")
        figures = next(number for number, line in enumerate(lines) if "clean before" in line)
        verdict, below = " ".join(lines[:figures]), " ".join(" ".join(lines[figures:]).split())
        assert "? NOT JUDGED  No attacker was learned" in verdict
        assert "cost no clean accuracy" not in verdict
        assert "Hardening cost no clean accuracy" in below
        assert "The accuracy is of few videos." in below

    play(tmp_path, act, SMALL, opened=tmp_path / "run")


def test_cells_of_every_attack_have_a_space_between_them_and_a_harden_run_lacks_nothing(tmp_path: Path) -> None:
    """Counts of three digits are wider; checks, ladders and detectors are of `defend`."""
    records = [
        make_record(f"{video:03d}", (0,), (attack, "none", "uniform"), 0 if video < 99 else 1, 0)
        for attack in ("none", "fresh, seed 1", "fresh, seed 2")
        for video in range(120)
    ]
    with Run(tmp_path / "run", "harden", {}, []):
        (tmp_path / "run" / "records.jsonl").write_bytes(b"".join(map(encode_line, records)))
        write_document(tmp_path / "run" / RESULTS_FILE, harden_results())

    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        text = await until(pilot, app, "Every attack")
        assert "0.82 99/120 .75–.88 0.82 99/120" in text.partition("Every attack")[2]
        assert "This run has no" not in text

    play(tmp_path, act, WIDE, opened=tmp_path / "run")
