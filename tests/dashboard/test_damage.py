"""A damaged or half-written run is shown as such, and never breaks a screen: each kind of damage of each file."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import DataTable

from lsap_cli.dashboard.app import Dashboard
from lsap_cli.dashboard.run_reader import read_once
from tests.dashboard.conftest import play, shown_text, until, until_true


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


def pipe_instead(name: str) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        (folder / name).unlink()
        os.mkfifo(folder / name)

    return damage


def link_instead(name: str, target: str = "/etc/hostname") -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        (folder / name).unlink()
        (folder / name).symlink_to(target)

    return damage


def far_away(folder: Path) -> None:
    facts = json.loads((folder / "run.json").read_text())
    facts |= {"started": "9999-12-31T23:59:59+00:00", "finished": "0001-01-01T00:00:00+00:00", "pid": 2**60}
    (folder / "run.json").write_text(json.dumps(facts))
    with (folder / "events.jsonl").open("a") as events:
        events.write('{"time": 1e300, "kind": "warning", "message": "far"}\n')
        events.write('{"time": 1e300, "kind": "stage", "name": "far", "videos": 9007199254740992}\n')


def of_400_digits(folder: Path) -> None:
    text = (folder / "results.json").read_text()
    (folder / "results.json").write_text(text.replace('"videos": 8', f'"videos": 1{"0" * 400}'))
    with (folder / "events.jsonl").open("a") as events:
        events.write(f'{{"time": 1{"0" * 400}, "kind": "warning", "message": "far"}}\n')


def not_a_number(folder: Path) -> None:
    text = (folder / "results.json").read_text()
    (folder / "results.json").write_text(text.replace('"low": 0', '"low": NaN, "was": 0'))


def too_large(folder: Path) -> None:
    with (folder / "results.json").open("r+b") as file:
        file.truncate(2**27)


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
    slots = {"slots": ["../outside.png", "nothing.png"], "of": 2, "scale": 8.0}
    look = {"perturbation": slots, "videos": [3, {"before": 1}]}
    (folder / "pictures" / "look.json").write_text(json.dumps(look))


def everything_is_gone(folder: Path) -> None:
    for path in folder.glob("*.json*"):
        path.unlink()


# a damage of each file: what is done to it, and the sentence that names it where the file is one that a run must have
Damage = tuple[str, Callable[[Path], None], str | None]
# (times and numbers far away are written into run.json, too, which is whole there)
DAMAGES: dict[str, list[Damage]] = {
    "run.json": [
        ("cut", cut("run.json"), "run.json is damaged"),
        ("empty", replace("run.json", b""), "run.json is damaged"),
        ("bytes", replace("run.json", b"\xff\xfe"), "run.json is not text"),
        ("a list", replace("run.json", b"[]"), "holds no JSON object"),
        ("without anything", replace("run.json", b"{}"), "`command` is missing"),
        ("whole", lambda _: None, None),
        ("gone", remove("run.json"), "run.json is missing"),
        ("a folder", folder_instead("run.json"), "run.json cannot be read"),
        ("a pipe", pipe_instead("run.json"), "it is no regular file"),
    ],
    "events.jsonl": [
        ("cut", cut("events.jsonl"), "ends in the middle of a line"),
        ("noise", noise_in_the_events, "damaged lines"),
        ("gone", remove("events.jsonl"), "events.jsonl is missing"),
        ("a folder", folder_instead("events.jsonl"), "events.jsonl is missing"),
        ("a pipe", pipe_instead("events.jsonl"), "events.jsonl is missing"),
        ("times and numbers far away", far_away, None),
        ("numbers of 400 digits", of_400_digits, "cannot be used"),
    ],
    "results.json": [
        ("a link that leads out", link_instead("results.json"), "it is a link that leads out of the folder"),
        ("numbers that are none", not_a_number, "cannot be used"),
        ("too large", too_large, "too large to be read here"),
        ("cut", cut("results.json"), "results.json is damaged"),
        ("of another kind", rows_of_another_kind, "1 of 18 entries of `rows` cannot be used"),
        ("gone", remove("results.json"), None),
        ("else wrong", everything_else_is_wrong, None),
        ("whole", lambda _: None, None),
    ],
    "records.jsonl": [
        ("a device", link_instead("records.jsonl", "/dev/zero"), "records.jsonl cannot be read"),
        ("cut", cut("records.jsonl"), None),
        ("noise", replace("records.jsonl", b'{"attack": 1}\n\xff\n[]\n'), "records.jsonl has 3 damaged lines"),
        ("gone", remove("records.jsonl"), None),
    ],
    "pictures": [
        ("gone", remove("pictures"), None),
        ("a picture cut", cut("pictures/slots/00.png"), None),
        ("a picture that is none", replace("pictures/films/0-after.png", b"GIF89a"), None),
        ("look.json cut", cut("pictures/look.json"), None),
        ("look.json leads out", look_with_paths_that_lead_out, None),
    ],
}
# Every damage is in one of these runs at least: a screen costs seconds, and one file's damage hides no other file's.
ROUNDS = max(map(len, DAMAGES.values()))


def flat(app: Dashboard) -> str:
    """What is on the screen, in one line."""
    return " ".join(shown_text(app).split())


@pytest.mark.parametrize("file", DAMAGES)
def test_each_damage_is_named(made: Path, tmp_path: Path, file: str) -> None:
    for place, (name, damage, sentence) in enumerate(DAMAGES[file]):
        folder = tmp_path / str(place) / "second"
        shutil.copytree(made / "second", folder)
        damage(folder)
        problems = read_once(folder).problems
        assert sentence is None or any(sentence in one for one in problems), (name, problems)


@pytest.mark.parametrize("at", range(ROUNDS))
def test_damaged_files_are_told_and_break_no_screen(runs: Path, at: int) -> None:
    for damages in DAMAGES.values():
        _, damage, _ = damages[at % len(damages)]
        damage(runs / "second")
    problems = read_once(runs / "second").problems
    told = f"damaged: {problems[0][:60]}" if problems else "1 Results"

    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "fooled")
        app.open_run(runs / "second")
        await until(pilot, app, "1 Results")
        await until_true(pilot, lambda: told in flat(app), lambda: flat(app))
        await every_tab_and_the_comparison(pilot, app, runs)

    play(runs, act)


def test_a_run_of_which_nothing_is_left_breaks_no_screen(runs: Path) -> None:
    everything_is_gone(runs / "second")

    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "fooled")
        app.open_run(runs / "second")
        await until(pilot, app, "1 Results")
        await every_tab_and_the_comparison(pilot, app, runs)

    play(runs, act)


async def every_tab_and_the_comparison(pilot: Pilot[None], app: Dashboard, runs: Path) -> None:
    for key in "12345":
        await pilot.press(key)
        await pilot.pause()
        assert "cannot be drawn" not in shown_text(app)
    app.open_compare([runs / "second", runs / "tour" / "defend", runs / "other"])
    await until(pilot, app, "Settings that differ")
    await until_true(pilot, lambda: bool(app.screen.query_one("#figures", DataTable).columns))


def test_a_picture_outside_of_the_run_is_not_opened(runs: Path) -> None:
    look_with_paths_that_lead_out(runs / "second")

    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "1 Results")
        await pilot.press("3")
        reason = "it is a link that leads out of the folder"
        await until_true(pilot, lambda: reason in " ".join(shown_text(app).split()), lambda: shown_text(app))

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
        await until(pilot, app, "8/8")
        shutil.rmtree(runs / "second")
        await until(pilot, app, "damaged")
        for key in "12345":
            await pilot.press(key)
            await pilot.pause()

    play(runs, act, opened=runs / "second")
