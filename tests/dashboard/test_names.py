"""Names of files, attacks, defenses and labels are text, never markup: the same names through every screen."""

import platform
import shlex
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from lsap_cli.dashboard.app import Dashboard
from lsap_cli.dashboard.screens.cell import CellScreen
from lsap_cli.dashboard.widgets.form import FieldRow
from lsap_cli.results.detectors import DetectorRow
from lsap_cli.results.documents import DefendResults, Protocol
from lsap_cli.results.events import FileEvent, SkippedEvent, StageEvent, VideoEvent, WarningEvent
from lsap_cli.results.files import RESULTS_FILE, encode_line, write_document
from lsap_cli.results.ladders import Check, DefenseLadder, LadderRung
from lsap_cli.results.rates import Rate
from lsap_cli.results.records import NO_ATTACK, NO_DEFENSE, Record
from lsap_cli.results.rows import Row
from lsap_cli.results.run_facts import RunFacts
from lsap_cli.results.spread import SamplerTransfer
from lsap_cli.results.text import printable
from tests.dashboard.conftest import WIDE, play, shown_text, until, until_true

# a name: what of it must be on the screens (markup; escape sequences and directions; quoting)
NAMES = {
    "[/bold][background].mp4": "[/bold][background].mp4",
    "\\[x] [b]a[link=x] $(y)": "\\[x] [b]a[link=x] $(y)",
    "a\x1b[31m\tb\u202egpm.4": "a\\x1b[31m\\tb\\u202egpm.4",
}


def write_runs(root: Path, name: str) -> None:
    """A `defend` run that is stopped and an `apply` run, with one name wherever a name can be."""
    rate = Rate(value=0.5, count=2, of=4, low=0.15, high=0.85)
    rows = tuple(
        Row(attack=attack, defense=defense, sampler=name, videos=4, attacked_accuracy=rate, fooling_rate=rate)
        for attack in (NO_ATTACK, name)
        for defense in (NO_DEFENSE, name)
    )
    rung = LadderRung(rung="A1", attack=name, rows=rows[:1])
    results = DefendResults(
        rows=rows,
        protocol=Protocol(classifier=name, classes=2, videos=4, labelled=4, frames=8, target=name),
        ladder=(DefenseLadder(defense=name, rungs=(rung,)),),
        checks=(Check(name=name, status="WARN", figure=name, defense=name),),
        detectors=(DetectorRow(detector=name, attack=name, clean_videos=1, attacked_videos=1),),
        sampler_matrix=(SamplerTransfer(attack=name, fit=(name,), rates={name: rate}),),
    )
    records = [
        Record(video=name, label=name, attack=attack, defense=defense, sampler=name, prediction=name,
               clean_prediction=name, correct=False, changed=True)
        for attack in (NO_ATTACK, name) for defense in (NO_DEFENSE, name)
    ]  # fmt: skip
    events = {
        "defend": [StageEvent(name=name, videos=4), SkippedEvent(path=name, reason=name), WarningEvent(message=name),
                   VideoEvent(path=name)],
        "apply": [StageEvent(name=name, files=1), FileEvent(path=name, linf=8.0, exact=True)],
    }  # fmt: skip
    for command, one in events.items():
        folder = root / f"{command} {name.replace('/', '|')}"
        folder.mkdir(parents=True)
        facts = RunFacts(
            command=command, status="interrupted", started="2026-01-01T00:00:00+00:00", host=platform.node(),
            settings={"videos": name, "model": name, "seed": command}, versions={"lsap": name}, device=name,
            classifier={"name": name},
        )  # fmt: skip
        write_document(folder / "run.json", facts)
        (folder / "events.jsonl").write_bytes(b"".join(map(encode_line, one)))
        if command == "defend":
            write_document(folder / RESULTS_FILE, results)
            (folder / "records.jsonl").write_bytes(b"".join(map(encode_line, records)))


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_shown_as_it_is_on_every_screen(tmp_path: Path, name: str) -> None:
    write_runs(tmp_path, name)
    defend, apply = sorted(tmp_path.iterdir(), reverse=True)
    shown = NAMES[name]

    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, shown)
        for folder, keys in ((apply, "145"), (defend, "145")):
            app.open_run(folder)
            await until(pilot, app, "1 Results")
            for key in keys:
                await pilot.press(key)
                await until(pilot, app, shown)
                assert "cannot be drawn" not in shown_text(app)
        await pilot.press("1", "down", "right", "enter")
        await until(pilot, app, "1 videos")
        assert isinstance(app.screen, CellScreen)
        await pilot.press("escape", "c")
        await until(pilot, app, "Compare")
        await pilot.press("escape", "r")
        await until(pilot, app, "make no valid command")
        app.open_compare([defend, apply])
        await until(pilot, app, "Settings that differ")

    play(tmp_path, act, WIDE)


def shown_rows(app: Dashboard) -> list[FieldRow]:
    """Where the videos are named, in the form that is seen."""
    return [row for row in app.screen.query(FieldRow) if row.field.name == "videos" and row.region.area]


def test_a_name_in_a_form_is_shown_as_it_is(tmp_path: Path) -> None:
    name = " ".join(NAMES)

    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "There is no run")
        app.open_start("generate")
        await until(pilot, app, "videos is needed")
        await until_true(pilot, lambda: bool(shown_rows(app)))
        row = shown_rows(app)[0]
        row.query_one(Input).value = name
        typed = printable(shlex.join([row.query_one(Input).value]))
        await until(pilot, app, f"$ lsap generate {typed}")

    play(tmp_path, act, WIDE)
