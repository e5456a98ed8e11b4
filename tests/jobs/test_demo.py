"""The demo: the whole way, on few videos."""

import json
from pathlib import Path
from typing import Any

import pytest

from lsap_cli.jobs import demo as job
from lsap_cli.runs import Run


def test_a_pattern_that_was_hardly_learned_is_told_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job, "FIT_PER_CLASS", 2)
    monkeypatch.setattr(job, "EVALUATION_PER_CLASS", 1)
    monkeypatch.setattr(job, "SAMPLERS", ("uniform",))
    monkeypatch.setattr(job, "FEW_STEPS", 100_000)
    seen: list[Any] = []
    with Run(tmp_path / "run", "demo", {}, []) as run:
        results = job.demo(job.DemoSettings(time_budget=12.0), run, seen.append)
    assert {row.videos for row in results.rows} == {8}
    events = [json.loads(line) for line in (tmp_path / "run" / "events.jsonl").read_text("utf-8").splitlines()]
    notes = [one["message"] for one in events if one["kind"] == "note"]
    steps = json.loads((tmp_path / "run" / "generate" / "results.json").read_text("utf-8"))["steps"]
    assert notes[-1] == job.few_steps(steps, 12.0)
    assert f"only {steps} step" in notes[-1]
    assert notes[-1].endswith("`lsap demo --time-budget 1m` learns more")
    assert all(path.exists() for _, path in job.places(tmp_path / "run") if path.name != "report.html")
