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


@pytest.mark.parametrize("name", [name for name in ATTACKS if name != "append"])
def test_every_attack_runs_from_the_command_line_within_the_budget(name: str, generate: Any) -> None:
    results, learned = generate("--attack", name)
    assert results["attack"] == name
    assert learned.record["attack"]["spec"] == name
    assert str(learned.binding) == ATTACKS[name]().binding
    assert 0 < float(learned.delta.abs().max()) <= 8 / 255 * (1 + 1e-6)


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


def test_steps_report_the_coherence_that_was_measured(generate: Any, tmp_path: Path) -> None:
    generate("--coherence", "break")
    events = [json.loads(line) for line in (tmp_path / "run" / "events.jsonl").read_text().splitlines()]
    values = [event["coherence"] for event in events if event["kind"] == "step"]
    assert len(values) == 3
    assert all(0 < value <= 1 for value in values)


def test_seeds_are_learned_and_written_beside_each_other_with_their_spread(generate: Any, tmp_path: Path) -> None:
    results, first = generate("--seeds", 2)
    second = Perturbation.load(tmp_path / "r-seed1.safetensors")
    assert not torch.equal(first.delta, second.delta)
    assert set(results["seeds"]["rates"]) == {"0", "1"}
    values = [rate["value"] for rate in results["seeds"]["rates"].values()]
    assert results["seeds"]["mean"] == pytest.approx(sum(values) / 2)
    assert results["seeds"]["standard_deviation"] == pytest.approx(abs(values[0] - values[1]) / 2**0.5)


def test_the_sampler_matrix_has_a_row_for_each_fitted_sampler_and_its_gap(generate: Any) -> None:
    results, _ = generate("--matrix", "--sampler", "uniform", "--sampler", "dense:stride=1")
    rows = results["sampler_matrix"]
    assert [row["fit"] for row in rows] == [["uniform", "dense:stride=1"], ["uniform"], ["dense:stride=1"]]
    for row in rows:
        assert {"uniform", "dense:stride=1", "dense:stride=2", "random"} <= set(row["rates"])
        seen = max(row["rates"][spec]["value"] for spec in row["fit"])
        unseen = min(rate["value"] for spec, rate in row["rates"].items() if spec not in row["fit"])
        assert row["gap"] == pytest.approx(seen - unseen)


def test_controls_of_equal_energy_are_judged_beside_the_perturbation(generate: Any) -> None:
    results, _ = generate("--controls")
    attacks = {row["attack"] for row in results["rows"]}
    assert attacks == {"none", "noise", "pixel-permuted", "time-permuted", "sign-flipped", "perturbed"}


def test_only_one_label_is_attacked_and_the_others_are_counted_as_stealth(generate: Any, world: World) -> None:
    label = sorted(path.name for path in world.learn.iterdir())[0]
    results, learned = generate("--only", label)
    assert learned.record["objective"] == "discriminative"
    row = next(row for row in results["rows"] if row["attack"] == "perturbed")
    told = [row[key] for key in ("success_rate", "stealth")]
    assert sum(rate["of"] for rate in told if rate) == row["videos"]


def test_one_video_is_verified_on_ten_other_clips_of_itself(generate: Any, world: World, tmp_path: Path) -> None:
    video = sorted(world.learn.rglob("*.mp4"))[0]
    results, learned = generate("--from", "one-video", "--pool", 40, videos=video)
    assert len([row for row in results["rows"] if row["attack"] == "perturbed"]) == 10
    assert (results["fit_videos"], results["verification_videos"]) == (1, 1)
    assert [one["role"] for one in learned.record["videos"]] == ["fit"]
    events = (tmp_path / "run" / "events.jsonl").read_text()
    assert "other clips of the very video that is learned from" in events


def test_learning_and_verification_look_through_a_defense(generate: Any) -> None:
    results, learned = generate("--through", "jpeg:quality=50")
    assert learned.record["through"] == ["jpeg:quality=50"]
    assert {row["defense"] for row in results["rows"]} == {"none", "jpeg:quality=50"}


def test_a_perturbation_that_does_no_better_than_noise_is_doubted(generate: Any) -> None:
    results, _ = generate("--attack", "gd-uap", "--epsilon", "1/255", steps=1)
    assert any("no better than noise" in doubt for doubt in results["doubts"])


def test_half_precision_learns_another_but_like_perturbation(generate: Any) -> None:
    results, learned = generate("--precision", "bf16")
    assert learned.record["precision"] == "bf16"
    assert results["steps"] == 3


@pytest.mark.parametrize(
    ("words", "told"),
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
        (("--target", "moving left", "--only", "moving left"), "--target and --only are two different goals"),
        (("--layer", "nowhere", "--coherence", "keep"), "--layer 'nowhere' is not in the model"),
        (("--precision", "fp8"), "--precision fp8 is unknown; use fp32, bf16, fp16"),
        (("--through", "nonsense"), "the defense 'nonsense' is unknown"),
    ],
)
def test_a_wrong_option_gets_one_sentence(
    words: tuple[str, ...], told: str, world: World, lsap: Lsap, tmp_path: Path
) -> None:
    common = ("--model", "demo", "--steps", 1, "--out", tmp_path / "r.safetensors", "--run", tmp_path / "run")
    outcome = lsap("generate", world.learn, *common, *words)
    assert outcome.code in (1, 2)
    assert told in " ".join(outcome.err.split())
    assert "Traceback" not in outcome.err


def test_appended_frames_follow_the_video_in_the_file_and_fool_as_much_there_as_in_memory(
    generate: Any, world: World, lsap: Lsap, tmp_path: Path
) -> None:
    _, learned = generate("--attack", "append", "--epsilon", 1, "--sampler", "uniform", steps=6)
    assert str(learned.binding) == "append:16"
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
