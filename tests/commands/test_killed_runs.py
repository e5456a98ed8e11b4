"""A run that is killed and resumed ends as if it had not been."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import torch

from perturbations import Perturbation
from tests.commands.conftest import SCRIPT, Lsap, World

STEPS = 100


def test_a_killed_run_that_is_resumed_ends_with_the_same_bits(world: World, lsap: Lsap, tmp_path: Path) -> None:
    def words(name: str) -> list[str]:
        return [
            "generate", str(world.learn), "--model", "demo", "--steps", str(STEPS), "--batch", "2",
            "--out", str(tmp_path / f"{name}.safetensors"), "--run", str(tmp_path / name),
        ]  # fmt: skip

    whole = lsap(*words("whole"))
    assert whole.code == 0, whole.err

    process = subprocess.Popen([sys.executable, "-c", SCRIPT, *words("killed")], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not (tmp_path / "killed" / "state.safetensors").exists():
        time.sleep(0.02)
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
