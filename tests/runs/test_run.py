import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lsap_cli.errors import LsapError
from lsap_cli.results.documents import ModelCheckResults, ModelFinding
from lsap_cli.results.events import Event, FileEvent, StepEvent
from lsap_cli.results.files import write_atomically
from lsap_cli.results.results_file import read_results
from lsap_cli.runs import Run
from lsap_cli.runs.run import default_folder, versions

FINDINGS = ModelCheckResults(model="demo", findings=(ModelFinding(verdict="PASS", test="output", figure="(2, 6)"),))


def facts(folder: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((folder / "run.json").read_text())
    return read


def events(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]


def test_a_run_that_ends_well_is_done(tmp_path: Path) -> None:
    with Run(tmp_path / "a" / "run", "apply", {"seed": 3, "codec": "ffv1"}, []) as run:
        assert facts(run.folder)["status"] == "running"
        assert facts(run.folder)["finished"] is None
    written = facts(tmp_path / "a" / "run")
    assert (written["schema"], written["command"], written["status"]) == ("lsap.run/1", "apply", "done")
    assert written["settings"] == {"seed": 3, "codec": "ffv1"}
    assert written["started"] <= written["finished"]
    assert written["versions"] == versions()


def test_a_run_that_fails_says_why(tmp_path: Path) -> None:
    with pytest.raises(LsapError, match="the disk is full"), Run(tmp_path, "apply", {}, []):
        raise LsapError("the disk is full", 1)
    assert (facts(tmp_path)["status"], facts(tmp_path)["error"]) == ("failed", "the disk is full")
    assert events(tmp_path)[-1]["status"] == "failed"


def refuse(folder: Path, artefact: str = "", resume: bool = False) -> None:
    """A run that is refused for wrong usage, in a folder where it may have written an artefact."""
    run = Run(folder, "apply", {}, [], resume)
    if artefact:
        (folder / artefact).touch()
    with pytest.raises(LsapError, match="labels"), run:
        raise LsapError("the card names labels that are not there")


def test_a_run_that_is_refused_before_it_has_done_anything_leaves_no_folder(tmp_path: Path) -> None:
    refuse(tmp_path / "runs" / "first")
    assert [*tmp_path.iterdir()] == []  # runs/ was made for it, too
    refuse(tmp_path)
    assert [*tmp_path.iterdir()] == []  # a folder that was there stays


def test_a_refused_run_keeps_what_is_not_its_own(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    refuse(tmp_path / "run")
    assert [one.name for one in tmp_path.iterdir()] == ["other"]
    refuse(tmp_path / "worked", "inputs.json")
    assert facts(tmp_path / "worked")["status"] == "failed"
    with pytest.raises(KeyboardInterrupt), Run(tmp_path / "stopped", "apply", {}, []):
        raise KeyboardInterrupt
    refuse(tmp_path / "stopped", resume=True)
    assert facts(tmp_path / "stopped")["status"] == "failed"


def test_a_run_that_is_stopped_is_interrupted(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), Run(tmp_path, "apply", {}, []):
        raise KeyboardInterrupt
    assert facts(tmp_path)["status"] == "interrupted"


def test_events_are_on_disk_before_listeners_get_them(tmp_path: Path) -> None:
    order: list[tuple[str, int]] = []

    def listen(event: Event) -> None:
        order.append((type(event).__name__, len(events(tmp_path))))

    with Run(tmp_path, "generate", {}, [listen, listen]) as run:
        run.event(StepEvent(number=1, loss=0.5, member="ä\n"))
    kinds = [("StartEvent", 1), ("StepEvent", 2), ("EndEvent", 3)]
    assert order == [one for one in kinds for _ in range(2)]
    step = events(tmp_path)[1]
    assert {key: step[key] for key in ("kind", "number", "loss", "member")} == {
        "kind": "step",
        "number": 1,
        "loss": 0.5,
        "member": "ä\n",
    }
    times = [event["time"] for event in events(tmp_path)]
    assert times == sorted(times)


def test_notes_are_kept_in_the_facts(tmp_path: Path) -> None:
    with Run(tmp_path, "defend", {}, []) as run:
        run.note(device="cpu", classifier={"name": "demo"})
        assert facts(tmp_path)["device"] == "cpu"
    assert facts(tmp_path)["device"] == "cpu"


def test_artefacts_are_whole_files(tmp_path: Path) -> None:
    with Run(tmp_path, "defend", {}, []) as run:
        run.write("results.json", FINDINGS)
        with pytest.raises(TypeError):
            run.write("results.json", object())  # type: ignore[arg-type]  # what is no result
        assert read_results(tmp_path / "results.json").value == FINDINGS
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != ".lock") == [
        "events.jsonl",
        "results.json",
        "run.json",
    ]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a.json", "old")
    with pytest.raises(UnicodeEncodeError):
        write_atomically(tmp_path / "a.json", "new \ud800")
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    assert (tmp_path / "a.json").read_text() == "old"


def test_a_folder_that_holds_a_run_is_refused_and_left_as_it_was(tmp_path: Path) -> None:
    with Run(tmp_path, "apply", {"seed": 1}, []):
        pass
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(LsapError, match="holds a run already; give another with --run"):
        Run(tmp_path, "apply", {"seed": 2}, [])
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def begin_and_stop(folder: Path) -> None:
    with Run(folder, "apply", {}, []) as run:
        run.event(FileEvent(path="a"))
        raise KeyboardInterrupt


def test_a_run_of_another_command_is_not_resumed(tmp_path: Path) -> None:
    with Run(tmp_path / "run", "generate", {}, []):
        pass
    before = (tmp_path / "run" / "run.json").read_bytes()
    with pytest.raises(LsapError, match=r"run holds a run of generate, not of study; give another with --run"):
        Run(tmp_path / "run", "study", {}, [], resume=True)
    assert (tmp_path / "run" / "run.json").read_bytes() == before


def test_a_resumed_run_adds_to_the_events(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        begin_and_stop(tmp_path)
    with Run(tmp_path, "apply", {}, [], resume=True) as run:
        run.event(FileEvent(path="b"))
    assert [event["kind"] for event in events(tmp_path)] == ["start", "file", "end", "start", "file", "end"]
    assert facts(tmp_path)["status"] == "done"


def test_a_run_resumes_after_a_kill_in_the_middle_of_a_line(tmp_path: Path) -> None:
    with Run(tmp_path, "apply", {}, []) as run:
        run.event(FileEvent(path="a"))
    whole = (tmp_path / "events.jsonl").read_text()
    (tmp_path / "events.jsonl").write_text(whole + '{"time": 1, "ki')
    with Run(tmp_path, "apply", {}, [], resume=True) as run:
        run.event(FileEvent(path="b"))
    names = [event.get("path") for event in readable_events(tmp_path) if event["kind"] == "file"]
    assert names == ["a", "b"]
    assert [event["kind"] for event in readable_events(tmp_path)].count("start") == 2


def readable_events(folder: Path) -> list[dict[str, Any]]:
    """The lines that are whole."""
    read: list[dict[str, Any]] = []
    for line in (folder / "events.jsonl").read_text().splitlines():
        try:
            read.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return read


def test_two_writers_at_once_are_refused(tmp_path: Path) -> None:
    with Run(tmp_path, "apply", {}, []):
        for resume in (False, True):
            with pytest.raises(LsapError, match="another lsap process is writing") as caught:
                Run(tmp_path, "apply", {}, [], resume=resume)
            assert caught.value.exit_code == 1
    with Run(tmp_path, "apply", {}, [], resume=True):
        pass


def test_a_killed_process_lets_go_of_its_folder(tmp_path: Path) -> None:
    code = (
        "import os, pathlib, sys; from lsap_cli.runs import Run\n"
        "with Run(pathlib.Path(sys.argv[1]), 'apply', {}, []): os._exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False).returncode == 9
    assert facts(tmp_path)["status"] == "running"
    with Run(tmp_path, "apply", {}, [], resume=True):
        pass
    assert facts(tmp_path)["status"] == "done"


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LsapError, match="file/run cannot be made") as caught:
        Run(tmp_path / "file" / "run", "apply", {}, [])
    assert caught.value.exit_code == 1


def test_a_default_folder_is_new_and_says_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    first = default_folder("apply")
    first.mkdir(parents=True)
    second = default_folder("apply")
    assert first != second
    assert first.parts[0] == second.parts[0] == "runs"
    assert first.name.endswith("-apply")


def test_a_loss_that_is_no_number_does_not_break_the_events(tmp_path: Path) -> None:
    with Run(tmp_path, "generate", {}, []) as run:
        run.event(StepEvent(number=1, loss=float("nan")))

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    for line in (tmp_path / "events.jsonl").read_text().splitlines():
        json.loads(line, parse_constant=refuse)
