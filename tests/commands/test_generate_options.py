"""What `generate` can be asked for, from the command line, on the demo's videos and network."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch

from lsap_cli.specs import describe
from lsap_cli.video.reading import read_frames
from perturbations import Perturbation
from perturbations.attacks import ATTACKS
from tests.commands.conftest import Lsap, World

ROOT = Path(__file__).parents[2]


@pytest.fixture
def generate(world: World, lsap: Lsap, tmp_path: Path) -> Any:
    """Runs `generate` for a few steps and gives its results document and the perturbation."""

    def call(*words: object, videos: Path = world.learn, steps: int = 3) -> tuple[dict[str, Any], Perturbation]:
        out = tmp_path / "r.safetensors"
        common = ("--model", "demo", "--steps", steps, "--out", out, "--run", tmp_path / "run", "--json", "--quiet")
        outcome = lsap("generate", videos, *common, *words)
        assert outcome.code == 0, outcome.err
        return json.loads(outcome.out), Perturbation.load(out)

    return call


def test_the_documents_list_every_attack_with_its_settings_and_defaults() -> None:
    page = (ROOT / "docs" / "attacks.md").read_text(encoding="utf-8")
    table = page[: page.index("\n\n", page.index("|---"))]  # the first one: others below name the same attacks
    listed = dict(re.findall(r"^\| `([a-z0-9-]+)` \| .*? \| (?:`([^`]*)`)? ?\| ", table, flags=re.MULTILINE))
    expected = {name: spec.partition(":")[2] for name, spec in zip(ATTACKS, describe(ATTACKS), strict=True)}
    assert {name: listed[name] for name in ATTACKS} == expected


def test_coherence_and_update_are_options_of_lsap(generate: Any) -> None:
    results, learned = generate("--coherence", "keep", "--update", "apg")
    assert results["attack"] == "lsap:update=apg,coherence=keep"
    assert (learned.record["attack"]["coherence"], learned.record["attack"]["update"]) == ("keep", "apg")


def test_coherence_is_no_option_of_an_attack_without_it(world: World, lsap: Lsap, tmp_path: Path) -> None:
    words = ("--model", "demo", "--out", tmp_path / "r.safetensors", "--run", tmp_path / "run")
    outcome = lsap("generate", world.learn, *words, "--attack", "fgsm", "--coherence", "keep")
    assert outcome.code == 2
    assert "the attack 'fgsm:coherence=keep' has no setting 'coherence=keep'" in outcome.err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--attack", "nonsense"), "the attack 'nonsense' is unknown; use one of: lsap"),
        (("--attack", "dup:form=4d"), "form is 4d; use 3d, 2d or circular"),
        (("--attack", "dup:form=2d", "--binding", "cyclic:4"), "dup in the form 2d needs the binding constant"),
        (("--attack", "sparse:slots=9", "--binding", "cyclic:4"), "sparse is to touch 9 slots"),
        (
            (
                "--attack",
                "append",
            ),
            "use --norm linf --epsilon 1",
        ),
        (("--from", "target-class"), "--from target-class needs --target LABEL"),
        (("--from", "elsewhere"), "--from elsewhere is unknown; use any, one-video"),
        (("--target", "left", "--only", "left"), "--target and --only are two different goals"),
        (("--layer", "nowhere", "--coherence", "keep"), "--layer 'nowhere' is not in the model"),
        (("--precision", "fp8"), "--precision fp8 is unknown; use fp32, bf16, fp16"),
        (("--through", "nonsense"), "the defense 'nonsense' is unknown"),
    ],
)
def test_a_wrong_option_gets_one_sentence(
    words: tuple[str, ...], sentence: str, world: World, lsap: Lsap, tmp_path: Path
) -> None:
    common = ("--model", "demo", "--steps", 1, "--out", tmp_path / "r.safetensors", "--run", tmp_path / "run")
    outcome = lsap("generate", world.learn, *common, *words)
    assert outcome.code in (1, 2)
    assert sentence in " ".join(outcome.err.split())
    assert "Traceback" not in outcome.err


@pytest.mark.parametrize(
    "words",
    [
        ("--attack", "append"),
        ("--attack", "dup:form=2d", "--binding", "cyclic:4"),
        ("--attack", "sparse:slots=9", "--binding", "cyclic:4"),
    ],
)
def test_an_attack_that_does_not_go_with_the_options_leaves_no_run_behind(
    words: tuple[str, ...], world: World, lsap: Lsap, tmp_path: Path
) -> None:
    out = tmp_path / "r.safetensors"
    outcome = lsap("generate", world.learn, "--model", "demo", "--out", out, "--run", tmp_path / "run", *words)
    assert outcome.code == 2
    assert not (tmp_path / "run").exists()


def test_appended_frames_follow_the_video_in_the_file_and_fool_as_much_there_as_in_memory(
    generate: Any, world: World, lsap: Lsap, tmp_path: Path
) -> None:
    results, learned = generate("--attack", "append", "--epsilon", 1, "--sampler", "uniform", steps=6)
    assert str(learned.binding) == "append:16"
    fooled = {stage["stage"]: stage["rates"]["highest"]["count"] for stage in results["way"]}
    assert fooled["resized"] == fooled["network size"] >= fooled["file"] - 1  # of the videos' own clean predictions
    assert fooled["file"] > 0
    path, out = tmp_path / "r.safetensors", tmp_path / "out"
    outcome = lsap("apply", path, world.test, out, "--run", tmp_path / "apply")
    assert outcome.code == 0, outcome.err
    entries = [json.loads(line) for line in (out / "manifest.jsonl").read_text().splitlines()]
    assert all(entry["exact"] for entry in entries)
    source = torch.stack([frame.pixels for frame in read_frames(world.test / entries[0]["source"])])
    written = torch.stack([frame.pixels for frame in read_frames(out / entries[0]["output"])])
    assert len(written) == len(source) + 16
    assert torch.equal(written[: len(source)], source)
    assert torch.equal(written[len(source) :].short(), learned.levels(*source.shape[2:]))
    documents = []
    for name, how in (("memory", ("--perturbation", path)), ("files", ("--perturbed", out))):
        words = (
            "--model",
            "demo",
            "--sampler",
            "uniform",
            "--sampler",
            "rate:fps=5",
            "--run",
            tmp_path / name,
            "--json",
        )
        outcome = lsap("defend", world.test, *how, *words)
        assert outcome.code == 0, outcome.err
        documents.append(json.loads(outcome.out)["rows"])
    memory, files = ([(row["defense"], row["sampler"], row["fooling_rate"]) for row in rows] for rows in documents)
    assert memory == files
