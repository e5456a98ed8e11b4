"""A damaged or half-written run is shown as such, and never breaks a screen: one test for each kind of damage."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from lsap_cli.dashboard.app import Dashboard
from tests.dashboard.conftest import play, until, words_on


def cut(name: str) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        path = folder / name
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    return damage


def replace(name: str, content: bytes) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    return damage


def remove(name: str) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        path = folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    return damage


def folder_instead(name: str) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        (folder / name).unlink()
        (folder / name).mkdir()

    return damage


def noise_in_the_events(folder: Path) -> None:
    lines = (folder / "events.jsonl").read_bytes().split(b"\n")
    lines[1:1] = [b"\x00\x01\xff", b"{", b"[]", b'{"time": 1, "kind": "step", "number": "x"}']
    (folder / "events.jsonl").write_bytes(b"\n".join(lines))


def rows_of_another_kind(folder: Path) -> None:
    results = json.loads((folder / "results.json").read_text())
    results["rows"][0].pop("attack")
    (folder / "results.json").write_text(json.dumps(results))


def everything_else_is_wrong(folder: Path) -> None:
    results = json.loads((folder / "results.json").read_text())
    wrong = {
        "checks": 3,
        "ladder": [3, {"rungs": [{"rung": {}, "rows": [3]}]}],
        "detectors": [{"curve": {"false_positive_rate": ["x"], "true_positive_rate": 3}}],
    }
    results |= wrong | {"sampler_matrix": [{}], "pictures": {"frames": [3, {}]}, "protocol": []}
    (folder / "results.json").write_text(json.dumps(results))


def look_with_paths_that_lead_out(folder: Path) -> None:
    secret = folder.parent / "outside.png"
    shutil.copyfile(folder / "pictures" / "perturbation.png", secret)
    look = {"perturbation": {"slots": ["../outside.png", 3, None, "nothing.png"]}, "videos": [3, {"before": 1}]}
    (folder / "pictures" / "look.json").write_text(json.dumps(look))


def everything_is_gone(folder: Path) -> None:
    for path in folder.glob("*.json*"):
        path.unlink()


DAMAGES: dict[str, tuple[Callable[[Path], None], str | None]] = {
    "run.json cut": (cut("run.json"), "run.json is damaged"),
    "run.json empty": (replace("run.json", b""), "run.json is damaged"),
    "run.json bytes": (replace("run.json", b"\xff\xfe"), "run.json is not text"),
    "run.json a list": (replace("run.json", b"[]"), "holds no JSON object"),
    "run.json without anything": (replace("run.json", b"{}"), "run.json names no command"),
    "run.json gone": (remove("run.json"), "run.json is missing"),
    "run.json a folder": (folder_instead("run.json"), "run.json cannot be read"),
    "events cut": (cut("events.jsonl"), "ends in the middle of a line"),
    "events noise": (noise_in_the_events, "damaged lines"),
    "events gone": (remove("events.jsonl"), "events.jsonl is missing"),
    "events a folder": (folder_instead("events.jsonl"), "events.jsonl is missing"),
    "results cut": (cut("results.json"), "results.json is damaged"),
    "results of another kind": (rows_of_another_kind, "results.json has rows that cannot be read"),
    "results gone": (remove("results.json"), None),
    "results else wrong": (everything_else_is_wrong, None),
    "records cut": (cut("records.jsonl"), None),
    "records noise": (replace("records.jsonl", b'{"attack": 1}\n\xff\n[]\n'), "records.jsonl has 3 damaged lines"),
    "records gone": (remove("records.jsonl"), None),
    "pictures gone": (remove("pictures"), None),
    "a picture cut": (cut("pictures/slots/00.png"), None),
    "a picture that is none": (replace("pictures/films/0-after.png", b"GIF89a"), None),
    "look.json cut": (cut("pictures/look.json"), None),
    "look.json leads out": (look_with_paths_that_lead_out, None),
    "all gone but the folder": (everything_is_gone, None),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_run_is_shown_as_such_and_breaks_no_screen(runs: Path, name: str) -> None:
    damage, sentence = DAMAGES[name]
    damage(runs / "second")

    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "fooled")
        app.open_run(runs / "second")
        await until(pilot, app, "1 Live")
        if sentence is not None:
            flat = " ".join((await until(pilot, app, sentence.split()[0])).split())
            for _ in range(100):
                flat = " ".join(words_on(app).split())
                if sentence in flat:
                    break
                await pilot.pause(0.05)
            assert sentence in flat
            assert "damaged" in flat
        for key in "12345":
            await pilot.press(key)
            await pilot.pause(0.15)
        app.open_compare([runs / "second", runs / "tour" / "defend", runs / "other"])
        await until(pilot, app, "Settings that differ")
        await pilot.pause(0.3)

    play(runs, act)


def test_a_picture_outside_of_the_run_is_not_opened(runs: Path) -> None:
    look_with_paths_that_lead_out(runs / "second")

    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "1 Live")
        await pilot.press("3")
        await until(pilot, app, "it lies outside of the run")

    play(runs, act, (160, 48), runs / "second")


def test_a_folder_that_may_not_be_read_is_shown_as_damaged(runs: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    (runs / "second" / "run.json").chmod(0)

    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "damaged")

    play(runs, act)


def test_a_run_that_vanishes_while_it_is_watched_breaks_nothing(runs: Path) -> None:
    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "8 of 8")
        shutil.rmtree(runs / "second")
        await pilot.pause(1.5)
        for key in "12345":
            await pilot.press(key)
            await pilot.pause(0.1)

    play(runs, act, opened=runs / "second")
