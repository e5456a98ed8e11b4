import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lsap_cli.results.events import StageEvent, UsageEvent
from lsap_cli.runs import Run
from lsap_cli.runs.finding import find_runs
from lsap_cli.runs.reading import QUIET_SECONDS, hold_console, read_snapshot
from lsap_cli.runs.usage import UsageWriter


def whole_run(folder: Path) -> Path:
    with Run(folder, "apply", {"seed": 3, "model": "demo"}, []) as run:
        run.event(StageEvent(name="applying", files=3))
    return folder


def change(folder: Path, **facts: object) -> None:
    path = folder / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | facts))


def test_a_finished_run_is_read_as_it_was_written(tmp_path: Path) -> None:
    facts = read_snapshot(whole_run(tmp_path))
    assert (facts.command, facts.state, facts.problems) == ("apply", "done", ())
    assert facts.settings == {"seed": 3, "model": "demo"}
    assert facts.started is not None
    assert facts.finished is not None
    assert abs(facts.started - time.time()) < 60
    assert (facts.pid, facts.classifier) == (os.getpid(), "demo")


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (["a.toml"], "a.toml"),
        (["a.toml", "b.toml"], "2 models"),
        ([], ""),
        (None, ""),
        ("model.toml", "model.toml"),
        (["/long/way/tsm/model.toml"], "tsm"),
        ("tsm/model.toml", "tsm"),
        ("hf:a/b", "hf:a/b"),
    ],
)
def test_a_model_is_called_by_its_spec_or_the_folder_of_its_card_and_several_are_counted(
    tmp_path: Path, model: object, words: str
) -> None:
    with Run(tmp_path, "study", {"model": model}, []):
        pass
    assert read_snapshot(tmp_path).classifier == words


def test_a_run_is_live_while_its_process_holds_the_lock_and_killed_when_it_is_gone(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; from lsap_cli.runs import Run; "
        f"Run(Path({str(tmp_path)!r}), 'apply', {{}}, []).__enter__(); print('on', flush=True); input()"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "on\n"
    assert read_snapshot(tmp_path).state == "running"
    process.kill()
    process.communicate()
    assert read_snapshot(tmp_path).state == ("killed" if sys.platform == "linux" else "running")


def test_looking_at_a_run_never_hinders_it_from_starting(tmp_path: Path) -> None:
    whole_run(tmp_path)
    change(tmp_path, status="running")
    read_snapshot(tmp_path)
    with Run(tmp_path, "apply", {}, [], resume=True):
        read_snapshot(tmp_path)


def test_a_run_of_another_machine_is_live_while_its_events_grow(tmp_path: Path) -> None:
    whole_run(tmp_path)
    change(tmp_path, status="running", host="elsewhere")
    assert read_snapshot(tmp_path).state == "running"
    old = time.time() - QUIET_SECONDS - 5
    os.utime(tmp_path / "events.jsonl", (old, old))
    assert read_snapshot(tmp_path).state == "killed"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "run.json is damaged: it is not whole JSON"),
        ('{"command": "apply", "sta', "run.json is damaged: it is not whole JSON"),
        ("[1, 2]", "run.json is damaged: it holds no JSON object"),
        ("[" * 100_000, "run.json is damaged: it is not whole JSON"),
        ('{"status": "done", "settings": {}}', "run.json is damaged: `command` is missing"),
        (
            '{"command": "apply", "status": "done", "settings": 3}',
            "run.json is damaged: `settings` cannot be used (Expected `object`, got `int`)",
        ),
        (
            '{"command": "apply", "status": "odd", "settings": {}}',
            "run.json is damaged: `status` cannot be used (Invalid enum value 'odd')",
        ),
    ],
)
def test_each_damage_of_run_json_is_named(tmp_path: Path, text: str, problem: str) -> None:
    whole_run(tmp_path)
    (tmp_path / "run.json").write_text(text)
    assert problem in read_snapshot(tmp_path).problems


def test_text_that_is_none_and_files_that_are_missing_are_named(tmp_path: Path) -> None:
    whole_run(tmp_path)
    (tmp_path / "run.json").write_bytes(b"\xff\xfe\x00")
    assert read_snapshot(tmp_path).problems == ("run.json is not text",)
    (tmp_path / "run.json").unlink()
    facts = read_snapshot(tmp_path)
    assert (facts.state, facts.problems) == ("damaged", ("run.json is missing",))


def test_a_missing_log_is_named(tmp_path: Path) -> None:
    (whole_run(tmp_path) / "events.jsonl").unlink()
    assert read_snapshot(tmp_path).problems == ("events.jsonl is missing",)


@pytest.mark.parametrize("wrong", [None, 3, "yesterday", "2026-13-45T00:00:00", {}])
def test_a_start_that_is_no_moment_falls_back_to_the_folder(tmp_path: Path, wrong: object) -> None:
    whole_run(tmp_path)
    change(tmp_path, started=wrong, pid=wrong, classifier=wrong)
    facts = read_snapshot(tmp_path)
    assert facts.started is not None
    assert facts.state == "done"


def test_a_process_that_never_became_a_run_is_starting_while_it_lives_and_then_says_its_last_words(
    tmp_path: Path,
) -> None:
    with (tmp_path / "console.txt").open("wb") as console:
        hold_console(console)
        console.write(b"working\nlsap: the folder does not exist\n\n")
        console.flush()
        assert read_snapshot(tmp_path).state == "starting"
    run = read_snapshot(tmp_path)
    assert (run.state, run.error) == ("failed", "lsap: the folder does not exist")


def test_runs_are_found_with_their_parts_and_nothing_else(tmp_path: Path) -> None:
    for name in ("a", "b", "deep/er/c", "b/generate"):
        whole_run(tmp_path / name)
    whole_run(tmp_path / ".hidden")
    (tmp_path / "videos").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "a")
    assert [path.relative_to(tmp_path).as_posix() for path in find_runs(tmp_path)] == [
        "a",
        "b",
        "b/generate",
        "deep/er/c",
    ]
    assert list(find_runs(tmp_path / "a")) == [tmp_path / "a"]
    assert list(find_runs(tmp_path / "nothing")) == []


def test_usage_is_reported_until_it_is_closed() -> None:
    events: list[UsageEvent] = []
    usage = UsageWriter(events.append, every_seconds=0.01)
    usage.start()
    deadline = time.monotonic() + 10
    while len(events) < 3 and time.monotonic() < deadline:
        sum(range(10_000))
    usage.close()
    count = len(events)
    assert count >= 3
    assert all((one.memory_bytes or 0) > 2**20 for one in events)
    assert any((one.cpu_percent or 0) > 1 for one in events)
    time.sleep(0.05)
    assert len(events) == count
