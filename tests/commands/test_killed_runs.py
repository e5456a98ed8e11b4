"""A run that is killed and resumed ends as if it had not been."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from lsap_cli.results.files import read_facts_document
from perturbations import Perturbation
from tests.commands.conftest import SCRIPT, Lsap
from tests.learning.tiny_world import write_world

STEPS = 200


def test_a_killed_run_that_is_resumed_ends_with_the_same_bits(lsap: Lsap, tmp_path: Path) -> None:
    world = write_world(tmp_path)

    def words(name: str) -> list[str]:
        return [
            "generate", world.videos, "--model", world.models[0], "--steps", str(STEPS), "--device", "cpu",
            "--out", str(tmp_path / f"{name}.safetensors"), "--run", str(tmp_path / name),
        ]  # fmt: skip

    whole = lsap(*words("whole"))
    assert whole.code == 0, whole.err

    process = subprocess.Popen([sys.executable, "-c", SCRIPT, *words("killed")], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not (tmp_path / "killed" / "state.safetensors").exists():
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "killed.safetensors").exists()

    other = lsap(*words("killed"), "--resume", "--seed", "7")
    assert (other.code, "seed" in other.err) == (2, True)
    resumed = lsap(*words("killed"), "--resume")
    assert resumed.code == 0, resumed.err
    assert "resumed after step" in resumed.err
    first, second = (Perturbation.load(tmp_path / f"{name}.safetensors") for name in ("whole", "killed"))
    assert torch.equal(first.delta, second.delta)


def test_a_run_that_was_killed_after_it_wrote_its_file_is_resumed_without_overwrite(lsap: Lsap, tmp_path: Path) -> None:
    world = write_world(tmp_path)
    words = (
        "generate", world.videos, "--model", world.models[0], "--steps", "3", "--device", "cpu", "--out", world.out,
        "--run", str(tmp_path / "run"),
    )  # fmt: skip
    assert lsap(*words).code == 0
    written = Path(world.out).read_bytes()
    refused = lsap(*words)
    assert (refused.code, "exists already" in refused.err) == (2, True)
    facts = tmp_path / "run" / "run.json"
    facts.write_text(facts.read_text().replace('"done"', '"running"'))
    resumed = lsap(*words, "--resume")
    assert resumed.code == 0, resumed.err
    assert Path(world.out).read_bytes() == written


def has_stepped(run: Path) -> bool:
    events = run / "events.jsonl"
    return events.exists() and '"kind":"step"' in events.read_text().replace(": ", ":")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_run_that_is_asked_to_end_says_so_and_can_be_resumed(
    number: signal.Signals, lsap: Lsap, tmp_path: Path
) -> None:
    world = write_world(tmp_path)
    words = [
        "generate", world.videos, "--model", world.models[0], "--steps", "100000", "--device", "cpu",
        "--out", str(tmp_path / "r.safetensors"), "--run", str(tmp_path / "run"),
    ]  # fmt: skip
    process = subprocess.Popen([sys.executable, "-c", SCRIPT, *words], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not has_stepped(tmp_path / "run"):
        time.sleep(0.01)
    process.send_signal(number)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert f"go on with --resume --run {tmp_path / 'run'}" in " ".join(error.split())
    facts = read_facts_document(tmp_path / "run").value
    assert facts is not None
    assert facts.status == "interrupted"
    assert not list(tmp_path.rglob("*.partial"))
