"""What cannot be drawn or summarized is named; the dashboard goes on."""

from pathlib import Path

import pytest
from textual.pilot import Pilot

from lsap_cli.dashboard.app import Dashboard
from lsap_cli.dashboard.run_reader import RunReader
from lsap_cli.results.documents import DefendResults, GenerateResults
from lsap_cli.results.events import StageEvent, VideoEvent
from lsap_cli.results.files import encode_document, encode_line
from lsap_cli.results.rates import Rate
from lsap_cli.results.records import NO_ATTACK, Record
from lsap_cli.results.rows import Row
from lsap_cli.runs import Run
from lsap_cli.runs.reading import RunSnapshot, read_snapshot
from tests.dashboard.conftest import play, shown_text, until

RATE = Rate(value=0.5, count=2, of=4, low=0.15, high=0.85)
PANES = {
    "1": "lsap_cli.dashboard.panes.results.ResultsPane.show",
    "2": "lsap_cli.dashboard.panes.live.LivePane.show",
    "3": "lsap_cli.dashboard.panes.pictures.PicturesPane.show",
    "4": "lsap_cli.dashboard.panes.log.LogPane.show",
    "5": "lsap_cli.dashboard.panes.facts.FactsPane.show",
}


def finished_run(folder: Path) -> Path:
    with Run(folder, "generate", {"model": "demo"}, []) as run:
        run.event(StageEvent(name="learning", steps=3))
    return folder


@pytest.mark.parametrize("key", PANES)
def test_a_pane_that_cannot_be_drawn_says_so_and_the_others_are_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    def fail(pane: object, reader: RunReader) -> None:
        raise ValueError("a strange [/value]")

    monkeypatch.setattr(PANES[key], fail)

    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "1 Results")
        await pilot.press(key)
        await until(pilot, app, "this part cannot be drawn: ValueError: a strange [/value]")
        other = "5" if key != "5" else "4"
        await pilot.press(other)
        await until(pilot, app, "Settings" if other == "5" else "learning")
        assert "cannot be drawn" not in shown_text(app)

    play(tmp_path, act, opened=finished_run(tmp_path / "run"))


def test_one_run_that_cannot_be_summarized_does_not_hide_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("good", "strange"):
        finished_run(tmp_path / name)

    def fail(folder: Path) -> RunSnapshot:
        if folder.name == "strange":
            raise OverflowError("too far")
        return read_snapshot(folder)

    monkeypatch.setattr("lsap_cli.dashboard.summaries.read_snapshot", fail)

    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        shown = await until(pilot, app, "this run")
        assert "good" in shown
        assert "✓ done" in shown
        assert "? damaged" in shown

    play(tmp_path, act)


@pytest.mark.parametrize("command", ["generate", "defend"])
def test_a_watched_run_ends_while_a_tab_is_open(tmp_path: Path, command: str) -> None:
    rows = tuple(
        Row(attack=attack, defense="none", sampler="uniform", videos=4, attacked_accuracy=RATE, fooling_rate=RATE)
        for attack in (NO_ATTACK, "r")
    )
    results: DefendResults | GenerateResults = DefendResults(rows=rows)
    if command == "generate":
        results = GenerateResults(out="r", attack="lsap", steps=3, fit_videos=4, verification_videos=4, rows=rows)
    record = Record(
        video="a", attack="r", defense="none", sampler="uniform", prediction="b", clean_prediction="c", changed=True
    )

    folder = tmp_path / "run"
    folder.mkdir()

    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        for key in PANES:
            for name in ("results.json", "records.jsonl"):
                (folder / name).unlink(missing_ok=True)
            with Run(folder, command, {"model": "demo"}, [], resume=True) as run:
                run.event(StageEvent(name="working", videos=4))
                await until(pilot, app, "▶ live")
                await pilot.press(key)
                run.event(VideoEvent(path="a"))
                (folder / "records.jsonl").write_bytes(encode_line(record))
                await pilot.pause()
                (folder / "results.json").write_bytes(encode_document(results))
            await until(pilot, app, "✓ done")
            assert "cannot be drawn" not in shown_text(app)
            await pilot.press("1")
            await until(pilot, app, "0.50 2/4")
            assert "cannot be drawn" not in shown_text(app)

    play(tmp_path, act, opened=folder)
