"""`lsap harden` of a folder that transformers saved: out comes a folder of the same kind, with a card."""

from pathlib import Path

import pytest
import torch

from lsap_cli.api import HardenSettings, run_harden
from lsap_cli.classifiers.resolve import load_classifier
from lsap_cli.datasets.listing import list_videos
from lsap_cli.evaluation.model_check import measure_accuracy
from lsap_cli.evaluation.protocol import Evaluation, own_protocol
from lsap_cli.runs import Run
from lsap_cli.training.out_folder import PATTERN_FILE
from perturbations import Perturbation
from tests.hf_folders import LABELS, imported, save_hf_folder
from tests.tiny import write_tiny
from tests.training.set_of_videos import colored

pytest.importorskip("transformers")


def write_walks_and_runs(root: Path) -> Path:
    """Eight videos of two of the network's three classes."""
    lines = ["path,label"]
    for number in range(8):
        color, label = (("red", "walk"), ("blue", "run"))[number % 2]
        write_tiny(root / f"{number}.mkv", colored(color, number))
        lines.append(f"{number}.mkv,{label}")
    (root / "list.csv").write_text("\n".join(lines) + "\n")
    return root / "list.csv"


def test_a_tiny_videomae_is_hardened_judged_and_read_again_by_transformers(tmp_path: Path) -> None:
    before, out = save_hf_folder(tmp_path / "before", "videomae"), tmp_path / "out"
    kept = {path.name: path.read_bytes() for path in before.iterdir()}
    settings = HardenSettings(
        str(write_walks_and_runs(tmp_path)), f"hf:{before}", str(out), epochs=2, batch=4, held_out=0.3, device="cpu",
        learning_rate=0.01, binding="constant", sampler=("uniform",), attack_seeds=1, attack_steps=2,
    )  # fmt: skip
    results = run_harden(settings, tmp_path / "run")
    assert {path.name: path.read_bytes() for path in before.iterdir()} == kept
    assert len(results.attackers) == 2  # from zeros, and from the pattern
    assert float(Perturbation.load(out / PATTERN_FILE).delta.abs().max()) <= 8 / 255 + 1e-6

    hardened = load_classifier(str(out))
    assert hardened.declared_accuracy == pytest.approx(results.after.clean_accuracy.value, abs=1e-4)
    with Run(tmp_path / "check", "models", {}, []) as run:
        protocol, found = (
            own_protocol(hardened, 0, torch.device("cpu")),
            list_videos(out / "held_out.csv", LABELS).videos,
        )
        measured = measure_accuracy(Evaluation(protocol, run, []), found)
    assert measured.top1 == results.after.clean_accuracy
    read = imported("transformers").AutoModelForVideoClassification.from_pretrained(out)
    weights = hardened.network.state_dict()
    assert all(torch.equal(value, weights[f"model.{name}"]) for name, value in read.state_dict().items())
    first = load_classifier(f"hf:{before}").network.state_dict()
    assert not all(torch.equal(value, weights[name]) for name, value in first.items())
