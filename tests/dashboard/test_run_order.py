"""Which runs the list shows, in which order; what they are called; how the mouse and the keys choose."""

import json
from pathlib import Path

import pytest
from textual.pilot import Pilot

from lsap_cli.dashboard.app import Dashboard
from lsap_cli.dashboard.describing import description, is_default_name
from lsap_cli.dashboard.panes.preview import PreviewPane
from lsap_cli.dashboard.run_order import filtered, ordered_runs, sort_words, valid_sort
from lsap_cli.dashboard.screens.compare import CompareScreen
from lsap_cli.dashboard.screens.run import RunScreen
from lsap_cli.dashboard.screens.runs import RunsScreen
from lsap_cli.dashboard.summaries import RunSummarizer, RunSummary
from lsap_cli.results.events import StageEvent
from lsap_cli.runs import Run
from tests.dashboard.conftest import SMALL, WIDE, play, until, until_true

GENERATE = {"attack": "lsap", "norm": "linf", "epsilon": "8/255", "binding": "cyclic:8"}


def write_run(folder: Path, started: str, command: str = "generate", error: str = "", **settings: object) -> None:
    """A run that has ended, with an error or without."""
    with Run(folder, command, {**GENERATE, **settings}, []) as run:
        run.event(StageEvent(name="learning"))
    facts = json.loads((folder / "run.json").read_text())
    facts |= {"started": f"2026-01-{started}T10:00:00+00:00", "finished": f"2026-01-{started}T10:01:00+00:00"}
    facts |= {"status": "failed", "error": error} if error else {}
    (folder / "run.json").write_text(json.dumps(facts))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Four runs: a demo with two parts, one that failed, two of default names."""
    write_run(tmp_path / "a-demo", "02", "demo")
    write_run(tmp_path / "a-demo" / "generate", "02")
    write_run(tmp_path / "a-demo" / "defend", "03", "defend")
    write_run(tmp_path / "20260104-100000-generate", "04", epsilon="4/255")
    write_run(tmp_path / "20260105-100000-generate", "05")
    write_run(tmp_path / "broken", "01", error="the disk is full [of videos]")
    return tmp_path


def names(runs: list[RunSummary]) -> list[str]:
    return [one.snapshot.folder.name for one in runs]


@pytest.fixture
def listed(root: Path) -> list[RunSummary]:
    return RunSummarizer(root).all()


def test_each_order_keeps_the_parts_of_a_demo_below_it(listed: list[RunSummary]) -> None:
    five, four, demo = "20260105-100000-generate", "20260104-100000-generate", ["a-demo", "generate", "defend"]
    assert names(ordered_runs(listed, "start")) == [five, four, *demo, "broken"]
    assert names(ordered_runs(listed, "-start")) == ["broken", *demo, four, five]
    assert names(ordered_runs(listed, "run")) == [four, five, *demo, "broken"]
    assert names(ordered_runs(listed, "-run")) == ["broken", *demo, five, four]
    assert names(ordered_runs(listed, "state")) == [five, four, *demo, "broken"], "equal ones, the newest first"


def test_words_states_and_exclusions_filter(listed: list[RunSummary]) -> None:
    assert names(filtered(listed, "4/255")) == ["20260104-100000-generate"]
    assert names(filtered(listed, "defend")) == ["a-demo", "defend"], "with its demo, without the other part"
    assert names(filtered(listed, "a-demo -defend")) == ["a-demo", "generate", "defend"], "a demo has all its parts"
    assert names(filtered(listed, "generate -4/255"))[0] == "20260105-100000-generate"
    assert names(filtered(listed, "", state="failed")) == ["broken"]
    assert "broken" not in names(filtered(listed, "", hides_failed=True))


def test_a_kept_order_that_is_none_is_the_newest_first() -> None:
    assert [valid_sort(one) for one in ("start", "-took", "newest", "", "-")] == ["start", "-took", "start", "start",
                                                                                 "start"]  # fmt: skip
    assert sort_words("-run") == "by run, reversed"


def test_runs_are_called_by_what_they_were_asked_to_do() -> None:
    assert description("generate", {**GENERATE, "target": "yoga"}) == "lsap 8/255 cyclic:8 →yoga"
    assert description("generate", {"norm": "l2", "epsilon": "2/255"}) == "l2 2/255"
    assert description("defend", {"perturbed": "/x/copies", "adaptive": True, "defense": ["a", "b"]}) == (
        "copies adaptive 2 def."
    )
    assert description("apply", {"perturbation": "x/r.safetensors", "codec": "ffv1"}) == "r ffv1"
    assert description("defend", {"perturbation": 3, "defense": "x"}) == "", "settings may be anything"
    assert is_default_name("20261130-154000-generate")
    assert not is_default_name("20261130-talk")


def test_a_header_sorts_by_mouse_and_a_second_click_turns_it_around(root: Path) -> None:
    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "6 runs")
        for words in ("by command", "by command, reversed"):
            await pilot.click("#runs", offset=(20, 0))
            await until(pilot, app, words)
        await pilot.press("1")
        await until(pilot, app, "by state")

    play(root, act)


def test_the_mouse_chooses_marks_and_opens(root: Path) -> None:
    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "6 runs")
        screen = app.screen
        assert isinstance(screen, RunsScreen)
        await pilot.click("#runs", offset=(0, 2))
        await until(pilot, app, "1 marked")
        assert screen.chosen is not None
        assert screen.chosen.snapshot.folder.name == "20260104-100000-generate"
        await pilot.click("#runs", offset=(30, 3))
        assert screen.chosen.snapshot.folder.name == "a-demo", "one click chooses"
        assert app.screen is screen
        await pilot.click("#runs", offset=(40, 3))
        await until_true(pilot, lambda: isinstance(app.screen, RunScreen))

    play(root, act)


def test_two_runs_are_compared_with_three_keys(root: Path) -> None:
    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "6 runs")
        await pilot.press("space", "space", "c")
        await until_true(pilot, lambda: isinstance(app.screen, CompareScreen))

    play(root, act)


def test_states_are_shown_alone_and_failed_ones_hidden(root: Path) -> None:
    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "6 runs")
        await pilot.press("h")
        await until(pilot, app, "5 of 6 runs")
        await pilot.press("h", "i", "i")
        await until(pilot, app, "1 of 6 runs · 0 live · newest first · only failed")
        await pilot.press("escape")
        await until(pilot, app, "6 runs · 0 live · newest first")

    play(root, act)


@pytest.mark.parametrize("size", [SMALL, WIDE])
def test_a_wide_screen_shows_the_chosen_run_beside_the_list_with_its_whole_error(
    root: Path, size: tuple[int, int]
) -> None:
    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "6 runs")
        await pilot.press("S", "home")
        preview = app.screen.query_one(PreviewPane)
        if size == SMALL:
            assert not preview.display
        else:
            await until(pilot, app, "the disk is full [of videos]")
            await pilot.press("down")
            await until(pilot, app, "✓ done · demo")

    play(root, act, size)
