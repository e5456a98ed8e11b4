"""--dry-run says what would be done, and nothing is done."""

import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest
import torch

from lsap_cli.applying.settings import ApplySettings
from lsap_cli.jobs.defend_settings import DefendSettings
from lsap_cli.jobs.dry_runs import plan_of_apply, plan_of_defend, plan_of_generate, plan_of_harden, plan_of_train
from lsap_cli.learning.settings import GenerateSettings
from lsap_cli.training.harden_settings import HardenSettings
from lsap_cli.training.settings import TrainSettings
from lsap_cli.video.codecs import H264Codec
from lsap_cli.video.writing import write_video


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("set")
    for number in range(4):
        frames = torch.full((3, 3, 32, 32), number, dtype=torch.uint8)
        write_video(root / f"{number}.mp4", frames, Fraction(25), H264Codec())
    (root / "broken.mp4").write_bytes(b"no video")
    return root


def test_learning_is_told_with_its_split_its_steps_and_its_files(videos: Path) -> None:
    plan = plan_of_generate(
        GenerateSettings(str(videos), "demo", "r.safetensors", steps=7, seeds=2, matrix=True), Path("runs/x")
    )
    assert plan["videos"].startswith("4 in 4 recordings; left out: 1, such as broken.mp4 (it ")
    fit, verify = (int(part.split()[0]) for part in plan["split"].split(", ")[:2])
    assert fit + verify == 4
    assert plan["steps"] == "7 of 4 clips, for each perturbation"
    assert plan["perturbations"] == "2 of different seeds and one through each sampler alone"
    assert plan["writes"] == "r.safetensors, and the run folder runs/x"


def test_a_time_budget_is_the_time(videos: Path) -> None:
    plan = plan_of_generate(GenerateSettings(str(videos), "demo", "r.safetensors", time_budget=90.0), Path("run"))
    assert (plan["time"], plan["steps"]) == ("90 s for all", "as many of 4 clips as the budget allows")


def test_judging_is_told_with_the_number_of_its_predictions(videos: Path) -> None:
    settings = DefendSettings(
        str(videos), "demo", perturbation="r.safetensors", defense=("none", "jpeg"), sampler=("uniform", "random")
    )
    plan = plan_of_defend(settings, Path("run"))
    assert plan["predictions"].startswith(f"about {4 * 3 * 2 * 2}: ")
    assert plan["defenses"].startswith("2: none, jpeg")
    assert "attackers" not in plan


def test_writing_is_told_with_the_number_of_its_files(videos: Path) -> None:
    plan = plan_of_apply(ApplySettings("r.safetensors", str(videos), "out", codec="png", workers=3), Path("run"))
    assert plan["files"] == "4 by png, 3 at a time; each is decoded again"


def test_training_is_told_with_its_split_its_steps_and_its_network(videos: Path) -> None:
    settings = TrainSettings(
        str(videos), "tsn", "victim", backbone="resnet18", weights="imagenet", held_out=0.5, epochs=3, batch=1,
        patience=2,
    )  # fmt: skip
    plan = plan_of_train(settings, Path("run"))
    assert plan["split"] == "by recording, about 2 videos to learn from, 0 for --patience, 2 held out"
    assert plan["steps"] == "3 epochs of about 2 steps of 1 clips: 6; ends after 2 epochs without gain"
    assert plan["network"] == "tsn of resnet18, 8 frames of 224 x 224; begins with the weights imagenet"
    assert plan["writes"].startswith("victim (model.toml")


def test_hardening_is_told_with_its_attackers_and_the_videos_that_it_is_measured_on(videos: Path) -> None:
    settings = HardenSettings(str(videos), "demo", "out", test=str(videos), time_budget=60.0, attack_steps=9)
    plan = plan_of_harden(settings, Path("run"))
    assert plan["measured on"] == f"4 videos of {videos}"
    assert plan["attackers"] == "8 of 9 steps: 4 against the network before, as many after"
    assert plan["time"] == "60 s until the last weights"
    assert plan["steps"] == "as many of 8 clips as the budget allows"
    unjudged = plan_of_harden(HardenSettings(str(videos), "demo", "out", method="pgd", judge=False), Path("run"))
    assert unjudged["attackers"] == "none: --no-judge"
    assert "split" in unjudged


@pytest.mark.parametrize(
    "words",
    [
        ("generate", "VIDEOS", "--model", "demo", "--out", "r.safetensors"),
        ("apply", "FILE", "VIDEOS", "out"),
        ("defend", "VIDEOS", "--model", "demo", "--perturbation", "FILE"),
        ("train", "VIDEOS", "--family", "c3d", "--out", "victim"),
        ("harden", "VIDEOS", "--model", "demo", "--out", "hardened"),
    ],
    ids=lambda words: str(words[0]),
)
def test_a_dry_run_writes_nothing_and_imports_torch_for_apply_alone(
    words: tuple[str, ...], videos: Path, tmp_path: Path
) -> None:
    places = {"VIDEOS": str(videos), "FILE": str(videos / "0.mp4")}
    given = ["lsap", *(places.get(word, word) for word in words), "--dry-run", "--json"]
    script = (
        f"import sys; sys.argv = {given!r}\n"
        "from lsap_cli.main import run\n"
        "try: run()\n"
        "except SystemExit as ended: assert not ended.code\n"
        "assert 'torch' not in sys.modules or sys.argv[1] == 'apply'"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert (document["schema"], document["command"]) == ("lsap.plan/1", words[0])
    assert list(tmp_path.iterdir()) == []
