"""Several processes learn the bits that one process learns in as many parts."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from lsap_cli.errors import LsapError
from lsap_cli.jobs.generate import generate
from lsap_cli.learning import learning_loop
from lsap_cli.learning.process_group import ProcessGroup, device_of_process, process_group
from lsap_cli.learning.settings import GenerateSettings
from lsap_cli.results.events import Event, StepEvent
from lsap_cli.runs import Run
from perturbations import Perturbation
from tests.learning.tiny_world import write_world


@pytest.fixture
def settings(tmp_path: Path) -> GenerateSettings:
    return write_world(tmp_path)


def two_processes(settings: GenerateSettings, tmp_path: Path, *more: str) -> Perturbation:
    """What `torchrun` with two processes learns."""
    words = [
        "generate", settings.videos, *(f"--model={spec}" for spec in settings.models),
        "--out", tmp_path / "two.safetensors",
        "--steps", 6, "--batch", 4, "--sampler", "uniform", "--sampler", "dense:stride=1", "--device", "cpu",
        "--run", tmp_path / "two", "--json", *more,
    ]  # fmt: skip
    # torchrun takes --run for its own --run-path, wherever it stands, unless -- comes before.
    start = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m"]
    done = subprocess.run(
        [*start, "--", "lsap_cli", *map(str, words)],
        capture_output=True, text=True, timeout=300, check=False, env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return Perturbation.load(tmp_path / "two.safetensors")


def state_after_three_steps(settings: GenerateSettings, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The saved state of a run that was stopped in its fourth step."""

    def stop(event: Event) -> None:
        if isinstance(event, StepEvent) and event.number == 4:
            raise KeyboardInterrupt

    monkeypatch.setattr(learning_loop, "SAVE_EVERY_SECONDS", 0.0)
    with pytest.raises(KeyboardInterrupt), Run(folder, "generate", {}, [stop]) as run:
        generate(settings, run)
    return folder / "state.safetensors"


def test_two_processes_learn_the_bits_of_one_with_half_of_the_batch_at_a_time_also_when_they_are_resumed(
    settings: GenerateSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Run(tmp_path / "one", "generate", {}, []) as run:
        alone = generate(settings, run)
    assert alone is not None
    one = Perturbation.load(Path(settings.out))
    two = two_processes(settings, tmp_path)
    assert alone.steps == one.record["steps"] == two.record["steps"] == 6
    assert one.delta.abs().max() > 0
    assert torch.equal(one.delta, two.delta)
    rows = [
        [(row["attack"], row["sampler"], row["fooling_rate"]) for row in learned.record["verification"]]
        for learned in (one, two)
    ]
    assert rows[0] == rows[1]

    stopped = state_after_three_steps(settings, tmp_path / "stopped", monkeypatch)
    stopped.replace(tmp_path / "two" / "state.safetensors")
    (tmp_path / "two.safetensors").unlink()
    about = tmp_path / "two" / "run.json"
    about.write_text(about.read_text().replace('"done"', '"interrupted"'))
    again = two_processes(settings, tmp_path, "--resume")
    events = [json.loads(line) for line in (tmp_path / "two" / "events.jsonl").read_text().splitlines()]
    begun = max(number for number, event in enumerate(events) if event["kind"] == "resumed")
    assert events[begun]["step"] == 3
    assert [event["number"] for event in events[begun:] if event["kind"] == "step"] == [4, 5, 6]
    assert torch.equal(again.delta, one.delta)


def test_two_processes_learn_against_two_models_what_one_process_learns(
    settings: GenerateSettings, tmp_path: Path
) -> None:
    """The second model has the same files but another size, and `max` follows the one whose loss is higher."""
    card = Path(settings.models[0])
    other = card.with_name("other.toml")
    other.write_text(card.read_text().replace('"small"', '"other"').replace("[8, 8]", "[6, 10]"))
    settings = replace(settings, model=(str(card), str(other)), combine="max")
    with Run(tmp_path / "one", "generate", {}, []) as run:
        generate(settings, run)
    one = Perturbation.load(Path(settings.out))
    two = two_processes(settings, tmp_path, "--combine", "max")
    assert len(two.record["surrogates"]) == 2
    assert torch.equal(one.delta, two.delta)


def test_a_batch_that_cannot_be_divided_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with (
        pytest.raises(LsapError, match="--batch 3 cannot be divided among 2 processes; use a multiple of 2"),
        process_group(3, torch.device("cpu")),
    ):
        pytest.fail("it was let through")


def test_without_torchrun_there_is_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WORLD_SIZE", "RANK", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    with process_group(3, torch.device("cpu")) as group:
        assert group == ProcessGroup(number=0, processes=1)
        assert group.is_first
        assert group.total(torch.tensor(3.0)) == 3
        assert group.from_first("value") == "value"
    assert device_of_process("auto") == "auto"


def test_each_process_takes_the_gpu_of_its_number_unless_one_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_RANK", "3")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert [device_of_process(text) for text in ("auto", "cuda", "cuda:0", "cpu")] == [
        "cuda:1",
        "cuda:1",
        "cuda:0",
        "cpu",
    ]
