"""The commands on a network that gives scores and no gradients."""

import sys
from pathlib import Path

import pytest

from lsap_cli.demo.videos import LABELS
from lsap_cli.results.documents import GenerateResults
from lsap_cli.results.files import RESULTS_FILE
from lsap_cli.results.results_file import read_results
from tests.classifiers.networks import CARD, save_onnx, with_card
from tests.classifiers.test_services import WELL
from tests.commands.conftest import Lsap, World
from tests.tiny import make_perturbation


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return with_card(
        save_onnx(tmp_path / "net.onnx"), CARD.replace('"a", "b", "c"', ", ".join(f'"{one}"' for one in LABELS[:3]))
    )


def test_a_black_box_is_checked_attacked_by_search_and_judged(
    model: Path, few_videos: World, lsap: Lsap, tmp_path: Path
) -> None:
    checked = lsap("models", "check", model, "--run", tmp_path / "check")
    assert checked.code == 0, checked.err
    assert "there is none, only scores" in checked.out.replace("\n", " ")
    for attack in ("random-search", "u3d"):
        learned = lsap(
            "generate", few_videos.learn, "--model", model, "--attack", attack, "--steps", 2, "--sampler", "uniform",
            "--out", tmp_path / f"{attack}.safetensors", "--run", tmp_path / attack,
        )  # fmt: skip
        assert learned.code == 0, learned.err
    judged = lsap(
        "defend", few_videos.test, "--model", model, "--perturbation", tmp_path / "u3d.safetensors",
        "--defense", "none", "--run", tmp_path / "defend",
    )  # fmt: skip
    assert judged.code == 0, judged.err


def test_what_needs_gradients_says_that_there_are_none(
    model: Path, few_videos: World, lsap: Lsap, tmp_path: Path
) -> None:
    learned = lsap("generate", few_videos.learn, "--model", model, "--out", tmp_path / "r.safetensors")
    assert learned.code == 2
    assert "use --attack u3d or --attack random-search" in learned.err
    make_perturbation().save(tmp_path / "r.safetensors")
    judged = lsap(
        "defend",
        few_videos.test,
        "--model",
        model,
        "--perturbation",
        tmp_path / "r.safetensors",
        "--fit",
        few_videos.learn,
        "--adaptive",
    )
    assert judged.code == 2
    assert "--adaptive follows gradients" in judged.err


def test_a_command_is_attacked_within_a_budget_of_queries_and_judged(
    few_videos: World, lsap: Lsap, tmp_path: Path
) -> None:
    (tmp_path / "serve.py").write_text(WELL)
    labels = ", ".join(f'"{one}"' for one in LABELS[:3])
    card = tmp_path / "model.toml"
    card.write_text(f'command = "{sys.executable} serve.py"\n{CARD}'.replace('"a", "b", "c"', labels))
    learned = lsap(
        "generate", few_videos.learn, "--model", card, "--attack", "random-search", "--queries", 40, "--batch", 4,
        "--out", tmp_path / "r.safetensors", "--run", tmp_path / "learn",
    )  # fmt: skip
    assert learned.code == 0, learned.err
    assert "after 5 steps and 40 queries" in learned.err
    results = read_results(tmp_path / "learn" / RESULTS_FILE).value
    assert isinstance(results, GenerateResults)
    assert (results.steps, results.queries) == (5, 40)
    judged = lsap(
        "defend", few_videos.test, "--model", card, "--perturbation", tmp_path / "r.safetensors",
        "--defense", "jpeg", "--sampler", "uniform", "--run", tmp_path / "judged",
    )  # fmt: skip
    assert judged.code == 0, judged.err
    said = " ".join(judged.err.split())
    assert "was asked about 20 clips in all" in said  # 3 videos in 3 versions, with and without; 2 that try the card
