"""`lsap defend --adaptive` and what goes with it, from the command line."""

import csv
import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import lsap_cli.demo
from tests.commands.conftest import SCRIPT, Lsap, World
from tests.result_objects import rate_object


@pytest.fixture(scope="module")
def few(few_videos: World) -> World:
    """Three videos to learn from, three others to judge."""
    return few_videos


def words(few: World, perturbation: Path, run: Path) -> list[str]:
    return [
        "defend", str(few.test), "--model", "demo", "--perturbation", str(perturbation), "--fit", str(few.learn),
        "--adaptive", "--steps", "1", "--batch", "2", "--defense", "temporal-median", "--run", str(run),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def run(perturbation: Path, few: World, lsap: Lsap, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("adaptive")
    for name in ("model.toml", "labels.txt", "weights.safetensors"):
        shutil.copy(Path(lsap_cli.demo.__file__).parent / name, root / name)
    outcome = lsap(
        *words(few, perturbation, root / "run"), "--model", root / "model.toml", "--epsilons", "2/255",
        "--ladder", "full",
        "--sampler", "uniform", "--sampler", "random",
        "--detector", "temporal-consistency:windows=3", "--detector", "corpus-residual:side=16",
        "--certify", "pixels:samples=12,first=4", "--certify", "flicker:sigma=0.2,samples=60,first=4,slots=4",
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    assert "against attackers that know the defense" in outcome.out
    return root / "run"


@pytest.fixture(scope="module")
def results(run: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((run / "results.json").read_text(encoding="utf-8"))
    return document


def test_the_minimum_over_the_ladder_can_be_recomputed_from_the_records(run: Path, results: dict[str, Any]) -> None:
    records = [json.loads(line) for line in (run / "records.jsonl").read_text(encoding="utf-8").splitlines()]
    for ladder in results["ladder"]:
        attacks = {rung["attack"] for rung in ladder["rungs"]}
        assert {rung["rung"] for rung in ladder["rungs"]} >= {"A0", "A2", "A5"}
        for worst in ladder["robust"]:
            mine = [
                one
                for one in records
                if one["attack"] in attacks
                and (one["defense"], one["sampler"]) == (ladder["defense"], worst["sampler"])
            ]
            right = {attack: sum(one["correct"] for one in mine if one["attack"] == attack) for attack in attacks}
            assert worst["accuracy"] == rate_object(min(right.values()), len(mine) // len(attacks))
            broken = {one["video"] for one in mine if not one["correct"]}
            assert worst["right_under_every_rung"]["count"] == len({one["video"] for one in mine} - broken)


def test_a_pattern_of_its_own_for_each_video_is_a_bound_and_in_no_minimum(run: Path, results: dict[str, Any]) -> None:
    lines = [json.loads(line) for line in (run / "per-video.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(lines) == 3
    assert all(row["rung"] != "P" for row in results["rows"] if row.get("rung"))
    for ladder in results["ladder"]:
        assert all(worst["rung"] != "P" for worst in ladder["robust"])
        assert [bound["sampler"] for bound in ladder["per_video"]] == ["uniform", "random"]
        for bound in ladder["per_video"]:
            cell = [
                one
                for line in lines
                for one in line["records"]
                if (one["defense"], one["sampler"]) == (ladder["defense"], bound["sampler"])
            ]
            assert bound["accuracy"] == rate_object(sum(one["correct"] for one in cell), 3)
            assert bound["steps"] == sum(line["steps"][ladder["defense"]] for line in lines)
    names = {one["name"] for one in results["checks"] if one["defense"] == "temporal-median"}
    assert "one pattern for all does no more than one for each" in names


def test_what_a_detector_holds_can_be_recomputed_from_the_records_and_the_detections(
    run: Path, results: dict[str, Any]
) -> None:
    records, detections = (
        [json.loads(line) for line in (run / name).read_text(encoding="utf-8").splitlines()]
        for name in ("records.jsonl", "detections.jsonl")
    )
    flagged = {(one["detector"], one["attack"], one["video"]): one["flagged"] for one in detections}
    changed = {
        (one["attack"], one["video"]): one["changed"]
        for one in records
        if (one["defense"], one["sampler"]) == ("none", "uniform")
    }
    assert len(results["detector_ladder"]) == 2
    for ladder in results["detector_ladder"]:
        won: dict[str, set[str]] = {}
        for rung in ladder["rungs"]:
            (row,) = rung["rows"]
            videos = {video for attack, video in changed if attack == rung["attack"]}
            won[rung["attack"]] = {
                video
                for video in videos
                if changed[rung["attack"], video] and not flagged[ladder["detector"], rung["attack"], video]
            }
            assert row["evasion_rate"] == rate_object(len(won[rung["attack"]]), len(videos))
            assert row["robust_rate"] == rate_object(len(videos) - len(won[rung["attack"]]), len(videos))
        assert {"A0", "A2", "A4", "A5"} == {rung["rung"] for rung in ladder["rungs"]}
        (worst,) = ladder["robust"]
        assert worst["robust_rate"]["count"] == 3 - max(map(len, won.values()))
        assert worst["held_under_every_rung"]["count"] == 3 - len(set().union(*won.values()))
        own = {one["attack"] for one in detections if one["detector"] == ladder["detector"]}
        shown = [ladder, *(one for one in results["pair_ladder"] if one["detector"] == ladder["detector"])]
        assert own == {rung["attack"] for one in shown for rung in one["rungs"]} | {"none", "noise"}
    assert {row["attack"] for row in results["detectors"]} == {"noise", "r"}


def test_what_a_pair_holds_can_be_recomputed_against_clean_videos_behind_the_defense(
    run: Path, results: dict[str, Any]
) -> None:
    records, detections = (
        [json.loads(line) for line in (run / name).read_text(encoding="utf-8").splitlines()]
        for name in ("records.jsonl", "detections.jsonl")
    )
    flagged = {(one["detector"], one["attack"], one["video"]): one["flagged"] for one in detections}
    behind = {
        (one["attack"], one["video"]): one["prediction"]
        for one in records
        if (one["defense"], one["sampler"]) == ("temporal-median", "uniform")
    }
    assert [(one["defense"], one["detector"]) for one in results["pair_ladder"]] == [
        ("temporal-median", "temporal-consistency:windows=3"), ("temporal-median", "corpus-residual:side=16"),
    ]  # fmt: skip
    for ladder in results["pair_ladder"]:
        assert [rung["rung"] for rung in ladder["rungs"]][:7] == ["A0"] * 4 + ["A2"] * 3
        for rung in ladder["rungs"]:
            (row,) = rung["rows"]
            attack, videos = rung["attack"], {video for name, video in behind if name == rung["attack"]}
            won = {
                video
                for video in videos
                if behind[attack, video] != behind["none", video] and not flagged[ladder["detector"], attack, video]
            }
            assert row["evasion_rate"] == rate_object(len(won), 3)
        (worst,) = ladder["robust"]
        assert worst["robust_rate"]["count"] == min(
            row["robust_rate"]["count"] for rung in ladder["rungs"] for row in rung["rows"]
        )


def test_checks_budgets_models_samplers_and_certificates_are_in_the_results(results: dict[str, Any]) -> None:
    assert {one["status"] for one in results["checks"]} <= {"PASS", "WARN"}
    assert {one["defense"] for one in results["checks"]} == {
        "all", "none", "temporal-median", "temporal-consistency:windows=3", "corpus-residual:side=16",
        "temporal-median + temporal-consistency:windows=3", "temporal-median + corpus-residual:side=16",
    }  # fmt: skip
    epsilons = [point["epsilon"] for point in results["budget_curve"] if point["defense"] == "temporal-median"]
    assert epsilons == ["2/255", "8/255", "64/255"]
    models = list(results["transfer"]["models"])
    cells = {(cell["learned_on"], cell["tested_on"]): cell["row"] for cell in results["transfer"]["cells"]}
    assert set(cells) == {(origin, model) for origin in ("none", "noise", "r", *models) for model in models}
    for origin in models:  # the second model is a copy of the first
        assert cells[origin, models[0]]["attacked_accuracy"] == cells[origin, models[1]]["attacked_accuracy"]
    assert [row["attack"] for row in results["sampler_matrix"]] == ["r", "A2 declared gradient (no defense)"]
    assert all(set(row["rates"]) == {"uniform", "random"} for row in results["sampler_matrix"])
    pixels, flicker = results["certificates"]
    assert (pixels["vacuous"], flicker["vacuous"]) == (True, False)
    assert {one["id"] for one in results["identifiers"]["atlas"]["techniques"]} >= {"AML.T0015", "AML.T0043.000"}


def test_the_report_and_its_tables_show_them(run: Path, results: dict[str, Any]) -> None:
    page = (run / "report.html").read_text(encoding="utf-8")
    for name in (
        "ladder", "detector-ladder", "pair-ladder", "attackers", "checks", "budget-curve", "transfer",
        "sampler-matrix", "certificates", "cost",
    ):  # fmt: skip
        assert f'id="{name}"' in page
        for suffix in ("csv", "md", "tex"):
            assert (run / "tables" / f"{name}.{suffix}").stat().st_size > 50
    with (run / "tables" / "rates.csv").open(encoding="utf-8", newline="") as file:
        assert len(list(csv.reader(file))) == 1 + len(results["rows"])
    assert not list(run.glob("*.progress.jsonl"))
    assert not list((run / "attackers").glob("*.state"))


def test_runs_are_compared_on_one_page_that_names_what_differs(run: Path, lsap: Lsap, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(run, other)
    document = json.loads((other / "results.json").read_text())
    document["protocol"]["epsilon"] = "9/255"
    (other / "results.json").write_text(json.dumps(document))
    outcome = lsap("report", run, other, "--out", tmp_path / "both.html")
    assert outcome.code == 0, outcome.err
    assert len(outcome.out.split()) == 3
    page = (tmp_path / "both.html").read_text(encoding="utf-8")
    assert "Not the same protocol" in page
    assert "9/255" in page
    assert "temporal-median" in page


def test_a_killed_run_that_is_resumed_ends_with_the_same_table(
    few: World, perturbation: Path, lsap: Lsap, tmp_path: Path
) -> None:
    whole = lsap(*words(few, perturbation, tmp_path / "whole"))
    assert whole.code == 0, whole.err
    killed = tmp_path / "killed"
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, *words(few, perturbation, killed)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 200
    while time.monotonic() < deadline and not _lines(killed / "records.progress.jsonl"):
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (killed / "results.json").exists()
    done = _lines(killed / "records.progress.jsonl")
    assert 1 <= done < 3
    next((killed / "attackers").glob("*random_search*.safetensors")).unlink()  # as if it had not been learned yet
    next((killed / "attackers").glob("*.probe.json")).unlink()
    probes = _probed(killed)
    resumed = lsap(*words(few, perturbation, killed), "--resume")
    assert resumed.code == 0, resumed.err
    assert _table(killed) == _table(tmp_path / "whole")
    assert _lines(killed / "records.jsonl") == _lines(tmp_path / "whole" / "records.jsonl")
    assert (probes, _probed(killed)) == (2, 3)  # of two defenses, one again


def _probed(run: Path) -> int:
    return (run / "events.jsonl").read_text(encoding="utf-8").count("trying the gradient")


def _lines(path: Path) -> int:
    return path.read_text(encoding="utf-8").count("\n") if path.exists() else 0


TIMES = ("milliseconds_per_video", "cost", "seconds")


def _table(run: Path) -> Any:
    """The results without times."""

    def timeless(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: timeless(one) for key, one in value.items() if key not in TIMES}
        return [timeless(one) for one in value] if isinstance(value, list) else value

    return timeless(json.loads((run / "results.json").read_text(encoding="utf-8")))


def test_an_estimate_ends_before_anything_is_learned(
    few: World, perturbation: Path, lsap: Lsap, tmp_path: Path
) -> None:
    outcome = lsap(*words(few, perturbation, tmp_path / "run"), "--estimate", "--time-budget", "2m", "--json")
    assert outcome.code == 0, outcome.err
    found = json.loads(outcome.out)
    assert [one["about"] for one in found["races"]][:2] == ["none", "temporal-median"]
    assert found["attackers"] == sum(one["attackers"] for one in found["races"])
    assert found["steps"] == sum(one["steps"] for one in found["races"]) > 0
    assert found["seconds"] > 0
    assert found["per_video"]["steps"] == 20 * found["per_video"]["videos"] * found["per_video"]["defenses"] > 0
    assert found["per_video"]["seconds"] > 0
    assert (found["ladder"], found["at_most"], found["time_budget"]) == ("fast", True, 120.0)
    assert json.loads((tmp_path / "run" / "estimate.json").read_text(encoding="utf-8")) == found
    assert f"at most {found['steps']:,} steps" in outcome.err
    assert not (tmp_path / "run" / "results.json").exists()
    assert not list((tmp_path / "run" / "attackers").glob("*.safetensors"))


@pytest.mark.parametrize(
    ("extra", "named"),
    [
        (["--adaptive", "--ladder", "slow", "--fit", "LEARN"], "--ladder slow is unknown; use fast, full"),
        (["--time-budget", "5m"], "--time-budget is about attackers that learn in this run"),
        (["--estimate"], "--estimate is about attackers that learn in this run"),
        (["--adaptive"], "--adaptive learns perturbations: give --fit VIDEOS"),
        (["--epsilons", "2/255"], "--epsilons learns perturbations: give --fit VIDEOS"),
        (["--model", "torchvision:r3d_18"], "several --model learns perturbations: give --fit VIDEOS"),
        (["--epsilons", "8", "--fit", "LEARN"], "--epsilons: epsilon '8' is outside"),
        (["--adaptive", "--fit", "LEARN", "--learning-draws", "2;8"], "--learning-draws '2;8'"),
        (["--adaptive", "--fit", "LEARN", "--learning-draws", "0"], "--learning-draws '0' is no list"),
        (["--adaptive", "--fit", "LEARN", "--model", "demo"], "give each --model once"),
        (["--fit", "LEARN"], "--fit is for attackers that learn in this run"),
        (["--resume"], "--resume needs --run DIR"),
    ],
)
def test_wrong_settings_are_one_sentence(
    extra: list[str], named: str, perturbation: Path, world: World, lsap: Lsap, tmp_path: Path
) -> None:
    given = [str(world.learn) if word == "LEARN" else word for word in extra]
    outcome = lsap("defend", world.test, "--model", "demo", "--perturbation", perturbation, *given, cwd=tmp_path)
    assert outcome.code == 2
    assert named in outcome.err
    assert "Traceback" not in outcome.err


def test_too_few_recordings_to_learn_through_a_subtraction_are_refused(
    perturbation: Path, world: World, lsap: Lsap, tmp_path: Path
) -> None:
    (tmp_path / "one").mkdir()
    shutil.copy(next(world.learn.rglob("*.mp4")), tmp_path / "one")
    outcome = lsap(
        "defend", world.test, "--model", "demo", "--perturbation", perturbation, "--adaptive",
        "--fit", tmp_path / "one",
        "--defense", "perturbation-subtraction", "--run", tmp_path / "run",
    )  # fmt: skip
    assert outcome.code == 2
    assert "at least 3 recordings in --fit, not 1" in outcome.err


def test_fit_videos_that_are_judged_are_refused_by_name(
    perturbation: Path, world: World, lsap: Lsap, tmp_path: Path
) -> None:
    mixed = tmp_path / "mixed"
    shutil.copytree(world.learn, mixed)
    known = next(world.test.rglob("*.mp4"))
    shutil.copy(known, mixed / known.name)
    outcome = lsap(
        "defend", world.test, "--model", "demo", "--perturbation", perturbation, "--adaptive", "--fit", mixed,
        "--run", tmp_path / "run",
    )  # fmt: skip
    assert outcome.code == 2
    assert known.name in outcome.err
