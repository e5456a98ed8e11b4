"""The main job from the command line, on real files: generate, apply, defend."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from lsap_cli.video.reading import read_frames
from perturbations import Perturbation
from tests.commands.conftest import Lsap, World


@pytest.fixture(scope="module")
def applied(perturbation: Path, world: World, lsap: Lsap, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("applied") / "out"
    outcome = lsap("apply", perturbation, world.test, out, "--run", out.parent / "run")
    assert outcome.code == 0, outcome.err
    return out


def test_generate_writes_a_file_that_says_how_it_was_made(perturbation: Path) -> None:
    learned = Perturbation.load(perturbation)
    assert learned.budget.epsilon_text == "8/255"
    assert str(learned.binding) == "cyclic:4"
    roles = [video["role"] for video in learned.record["videos"]]
    assert (roles.count("fit"), roles.count("verification")) == (6, 2)
    assert learned.record["held_out_samplers"]
    assert {row["attack"] for row in learned.record["verification"]} == {"none", "noise", "perturbed"}


def test_the_same_seed_gives_the_same_bits(perturbation: Path, world: World, lsap: Lsap, tmp_path: Path) -> None:
    again = tmp_path / "again.safetensors"
    outcome = lsap("generate", world.learn, "--model", "demo", "--steps", 12, "--out", again, "--run", tmp_path / "run")
    assert outcome.code == 0, outcome.err
    assert torch.equal(Perturbation.load(again).delta, Perturbation.load(perturbation).delta)


def test_apply_mirrors_the_tree_and_every_frame_is_its_source_plus_the_rounded_perturbation(
    applied: Path, perturbation: Path, world: World
) -> None:
    learned = Perturbation.load(perturbation)
    entries = [json.loads(line) for line in (applied / "manifest.jsonl").read_text().splitlines()]
    assert {entry["source"] for entry in entries} == {
        path.relative_to(world.test).as_posix() for path in world.test.rglob("*.mp4")
    }
    for entry in entries[:2]:
        before = torch.stack([frame.pixels for frame in read_frames(world.test / entry["source"])])
        after = torch.stack([frame.pixels for frame in read_frames(applied / entry["output"])])
        assert torch.equal(after, learned.add_to_bytes(before, torch.arange(len(before)), len(before)))
        assert entry["linf"] <= 8
        assert entry["exact"]


def test_what_is_measured_in_memory_is_measured_in_the_files(
    applied: Path, perturbation: Path, world: World, lsap: Lsap, tmp_path: Path
) -> None:
    documents = []
    for name, how in (("memory", ("--perturbation", perturbation)), ("files", ("--perturbed", applied))):
        outcome = lsap(
            "defend", world.test, "--model", "demo", *how, "--sampler", "uniform", "--sampler", "random",
            "--defense", "temporal-median:window=3", "--run", tmp_path / name, "--json",
        )  # fmt: skip
        assert outcome.code == 0, outcome.err
        documents.append(json.loads(outcome.out))
        assert (tmp_path / name / "report.html").stat().st_size > 10_000
    rates = [
        [(row["defense"], row["sampler"], row["attacked_accuracy"], row["fooling_rate"]) for row in document["rows"]]
        for document in documents
    ]
    assert rates[0] == rates[1]
    assert documents[0]["schema"] == "lsap.results/1"
    assert {row["attack"] for row in documents[0]["rows"]} == {"none", "noise", "r"}
    assert documents[1]["effective"]["linf"] <= 8


def test_rows_can_be_recomputed_from_the_records(perturbation: Path, world: World, lsap: Lsap, tmp_path: Path) -> None:
    run = tmp_path / "run"
    outcome = lsap("defend", world.test, "--model", "demo", "--perturbation", perturbation, "--run", run)
    assert outcome.code == 0, outcome.err
    records = [json.loads(line) for line in (run / "records.jsonl").read_text().splitlines()]
    for row in json.loads((run / "results.json").read_text())["rows"]:
        cell = [one for one in records if all(one[key] == row[key] for key in ("attack", "defense", "sampler"))]
        assert row["attacked_accuracy"]["count"] == sum(one["correct"] for one in cell)
        if row["fooling_rate"]:
            assert row["fooling_rate"]["count"] == sum(one["prediction"] != one["clean_prediction"] for one in cell)


def test_videos_that_were_learned_from_are_refused_by_name_unless_that_is_waived(
    perturbation: Path, world: World, lsap: Lsap, tmp_path: Path
) -> None:
    mixed = tmp_path / "mixed"
    shutil.copytree(world.test, mixed)
    known = next(world.learn.rglob("*.mp4"))
    shutil.copy(known, mixed / "left" / "known.mp4")
    words = ("defend", mixed, "--model", "demo", "--perturbation", perturbation, "--defense", "jpeg")
    refused = lsap(*words, "--run", tmp_path / "a")
    assert refused.code == 2
    assert "left/known.mp4" in refused.err
    waived = lsap(*words, "--allow-overlap", "--run", tmp_path / "b", "--json")
    assert waived.code == 0, waived.err
    assert json.loads(waived.out)["protocol"]["overlap"] == ["left/known.mp4"]
    assert "left/known.mp4" in (tmp_path / "b" / "report.html").read_text()


def test_a_targeted_perturbation_reports_success_without_the_targets_own_videos(
    world: World, lsap: Lsap, tmp_path: Path
) -> None:
    out = tmp_path / "t.safetensors"
    learned = lsap(
        "generate", world.learn, "--model", "demo", "--target", "grow", "--norm", "l2", "--epsilon", "4/255",
        "--binding", "constant", "--steps", 2, "--out", out, "--run", tmp_path / "g",
    )  # fmt: skip
    assert learned.code == 0, learned.err
    judged = lsap("defend", world.test, "--model", "demo", "--perturbation", out, "--run", tmp_path / "d", "--json")
    row = json.loads(judged.out)["rows"][-1]
    assert row["success_rate"]["of"] == row["videos"] - 1
