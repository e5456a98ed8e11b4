"""`lsap train` as a user calls it: wrong words, a killed process that goes on, two processes, and what comes after."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import torchvision
from safetensors.torch import load_file, save_file

from lsap_cli.commands.resuming import RESUMABLE
from lsap_cli.results.files import read_facts_document
from lsap_cli.results.results_file import read_results
from lsap_cli.results.training import TrainResults
from tests.commands.conftest import SCRIPT, Lsap
from tests.test_imports import loaded_after
from tests.training.set_of_videos import write_set

SMALL = ("--frames", 3, "--size", 32, "--batch", 4, "--held-out", 0.3, "--device", "cpu")
NETWORK = ("--family", "tsn", "--backbone", "mobilenet_v3_small")


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_set(tmp_path_factory.mktemp("set"))


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--family", "tsx", "--backbone", "resnet18"), "the family 'tsx' is unknown"),
        (("--family", "tsn"), "--family tsn needs --backbone, an image network such as resnet18"),
        (("--family", "tsn", "--backbone", "resnet1"), "the backbone 'resnet1' is unknown"),
        (("--family", "c3d", "--backbone", "resnet18"), "c3d has no backbone; leave --backbone out"),
        (("--family", "c3d", "--frames", "8"), "c3d takes 16 frames of 112 x 112; leave --frames and --size out"),
        (("--family", "tsn:dropout=2", "--backbone", "resnet18"), "dropout is 2; use a number from 0 and below 1"),
        ((*NETWORK, "--weights", "missing.pth"), "--weights missing.pth does not exist; give a file of weights"),
        ((*NETWORK, "--train", "head"), "--train head keeps layers as they are, which needs --weights FILE"),
        ((*NETWORK, "--train", "some"), "--train some is unknown; use head, last, all"),
        ((*NETWORK, "--download"), "--download fetches the weights of --weights imagenet, and of nothing else"),
        ((*NETWORK, "--weights", "imagenet"), "mobilenet_v3_small are not in torch's cache"),
        ((*NETWORK, "--sampler", "often"), "the sampler 'often' is unknown"),
        ((*NETWORK, "--time-budget", "soon"), "--time-budget 'soon' is not a length of time"),
        ((*NETWORK, "--resume"), "--resume needs --run DIR"),
        (("--family", "tsn", "--backbone", "googlenet"), "has auxiliary heads, which a family does not train"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_wrong_words_are_one_sentence_and_leave_nothing_behind(
    lsap: Lsap, videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], sentence: str
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))
    run = () if "--resume" in words else ("--run", tmp_path / "run")
    outcome = lsap("train", videos, *words, "--out", tmp_path / "out", *run, cwd=tmp_path)
    assert outcome.code == 2, outcome.err
    assert sentence in " ".join(outcome.err.split())
    assert not (tmp_path / "run").exists()
    assert not (tmp_path / "out" / "model.toml").exists()


def test_options_are_checked_without_torch(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").touch()
    code = (
        "from typer.testing import CliRunner\n"
        "from lsap_cli.main import app\n"
        f"words = ['train', {str(tmp_path)!r}, '--family', 'tsn', '--out', 'x', '--train', 'head']\n"
        "assert 'needs --backbone' in str(CliRunner().invoke(app, words).exception)"
    )
    assert loaded_after(code, ("torch", "torchvision")) == ""


def test_a_folder_with_a_card_is_not_replaced_unasked(lsap: Lsap, videos: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "model.toml").write_text("kept")
    outcome = lsap("train", videos, *NETWORK, "--out", tmp_path / "out", "--run", tmp_path / "run")
    assert (outcome.code, "holds a model card already" in outcome.err) == (2, True)
    assert (tmp_path / "out" / "model.toml").read_text() == "kept"


def test_the_card_is_attacked_like_any_other_and_its_lists_are_sets(lsap: Lsap, videos: Path, tmp_path: Path) -> None:
    words = ("--epochs", 2, "--out", tmp_path / "out", "--run", tmp_path / "run", "--json")
    made = lsap("train", videos, *NETWORK, *SMALL, *words)
    assert made.code == 0, made.err
    assert "top-1" in made.err
    results = read_results(tmp_path / "run" / "results.json").value
    assert isinstance(results, TrainResults)
    assert f'"steps": {results.steps}' in made.out
    checked = lsap(
        "models", "check", tmp_path / "out", tmp_path / "out" / "held_out.csv", "--json", "--run", tmp_path / "check"
    )
    assert f'"count": {results.accuracy.count}' in checked.out, checked.err
    out = tmp_path / "r.safetensors"
    learned = lsap(
        "generate", tmp_path / "out" / "fit.csv", "--model", tmp_path / "out", "--steps", 3, "--out", out,
        "--run", tmp_path / "generate",
    )  # fmt: skip
    assert learned.code == 0, learned.err
    judged = lsap(
        "defend", tmp_path / "out" / "held_out.csv", "--model", tmp_path / "out", "--perturbation", out,
        "--run", tmp_path / "defend",
    )  # fmt: skip
    assert judged.code == 0, judged.err


@pytest.mark.slow
def test_a_killed_process_is_resumed_and_ends_with_the_same_weights(lsap: Lsap, videos: Path, tmp_path: Path) -> None:
    def words(name: str) -> list[str]:
        given = [*NETWORK, *SMALL, "--epochs", 6, "--out", tmp_path / name, "--run", tmp_path / f"{name}-run"]
        return ["train", str(videos), *map(str, given)]

    def in_words(name: str) -> int:
        state = "import lsap_cli.training.loop as loop; loop.SAVE_EVERY_SECONDS = 0.0; "
        process = subprocess.Popen([sys.executable, "-c", state + SCRIPT, *words(name)], stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and not (tmp_path / f"{name}-run" / "state.pt").exists():
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        return process.wait()

    assert in_words("killed") == -signal.SIGKILL
    facts = read_facts_document(tmp_path / "killed-run").value
    assert facts is not None
    assert (facts.status, facts.command in RESUMABLE) == ("running", True)
    other = lsap(*words("killed"), "--resume", "--seed", 7)
    assert (other.code, "seed" in other.err) == (2, True)
    resumed = lsap(*words("killed"), "--resume")
    assert resumed.code == 0, resumed.err
    assert "resumed after step" in resumed.err
    whole = lsap(*words("whole"))
    assert whole.code == 0, whole.err
    first, second = (load_file(tmp_path / name / "weights.safetensors") for name in ("whole", "killed"))
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.slow
def test_two_processes_of_torchrun_train_what_one_trains(lsap: Lsap, videos: Path, tmp_path: Path) -> None:
    backbone = "shufflenet_v2_x0_5"  # without dropout, which each process draws for itself
    weights = tmp_path / "image.safetensors"
    save_file(torchvision.models.get_model(backbone, weights=None).state_dict(), weights)

    def words(name: str) -> list[str]:
        head = ["--family", "tsn:dropout=0", "--backbone", backbone, "--weights", weights, "--train", "head"]
        given = [*head, *SMALL, "--epochs", 2, "--out", tmp_path / name, "--run", tmp_path / f"{name}-run"]
        return ["train", str(videos), *map(str, given)]

    one = lsap(*words("one"))
    assert one.code == 0, one.err
    start = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m"]
    done = subprocess.run(
        [*start, "--", "lsap_cli", *words("two")],
        capture_output=True, text=True, timeout=300, check=False, env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    first, second = (load_file(tmp_path / name / "weights.safetensors") for name in ("one", "two"))
    for name in first:
        torch.testing.assert_close(first[name], second[name], atol=1e-5, rtol=1e-4)
