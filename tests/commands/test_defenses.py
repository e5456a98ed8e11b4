"""Chains, random defenses, detectors and corruptions from the command line."""

import json
from pathlib import Path

import pytest

from tests.commands.conftest import Lsap, World
from tests.result_objects import rate_object

CHAIN = "jpeg:quality=50 + temporal-median"


@pytest.fixture(scope="module")
def run(perturbation: Path, few_videos: World, lsap: Lsap, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("defended") / "run"
    outcome = lsap(
        "defend", few_videos.test, "--model", "demo", "--perturbation", perturbation, "--defense", CHAIN,
        "--defense", "h264:stretch=8", "--defense", "random-noise:sigma=0.1", "--defense", "perturbation-subtraction",
        "--detector", "corpus-residual:side=16", "--detector", "temporal-consistency:windows=5", "--draws", 3,
        "--corruptions", "--certify", "pixels:samples=12,first=3", "--certify", "flicker:sigma=0.1,samples=60,first=3",
        "--run", folder,
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    return folder


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_net_rates_can_be_recomputed_from_the_records(run: Path) -> None:
    records, results = lines(run / "records.jsonl"), json.loads((run / "results.json").read_text())
    shares: dict[tuple[object, object], list[float]] = {}
    for one in records:
        drawn = one["draws"] or [one["prediction"]]
        assert isinstance(drawn, list)
        changed = sum(label != one["clean_prediction"] for label in drawn) / len(drawn)
        shares.setdefault((one["attack"], one["defense"]), []).append(changed)
    checked = 0
    for row in results["rows"]:
        net = row["net_fooling_rate"]
        if net is None:
            continue
        attacked, alone = shares[row["attack"], row["defense"]], shares["none", row["defense"]]
        assert net["value"] == pytest.approx((sum(attacked) - sum(alone)) / len(alone))
        assert net["draws"] == (3 if row["defense"].startswith("random-noise") else 1)
        checked += 1
    assert checked == 2 * 5


def test_detector_figures_can_be_recomputed_from_the_scores(run: Path) -> None:
    scores, results = lines(run / "detections.jsonl"), json.loads((run / "results.json").read_text())
    assert [(row["detector"].partition(":")[0], row["attack"]) for row in results["detectors"]] == [
        ("corpus-residual", "noise"), ("corpus-residual", "r"),
        ("temporal-consistency", "noise"), ("temporal-consistency", "r"),
    ]  # fmt: skip
    for row in results["detectors"]:
        mine = [one for one in scores if one["detector"] == row["detector"]]
        clean = [float(str(one["score"])) for one in mine if one["attack"] == "none"]
        attacked = [float(str(one["score"])) for one in mine if one["attack"] == row["attack"]]
        pairs = sum((a > c) + (a == c) / 2 for a in attacked for c in clean)
        assert row["auc"]["value"] == pytest.approx(pairs / len(clean) / len(attacked))
        flagged = sum(bool(one["flagged"]) for one in mine if one["attack"] == row["attack"])
        assert row["operating_point"]["recall"] == rate_object(flagged, len(attacked))


def test_natural_robustness_can_be_recomputed_from_the_records(run: Path) -> None:
    natural = json.loads((run / "results.json").read_text())["natural_robustness"]
    right = [
        bool(one["correct"])
        for one in lines(run / "corruptions.jsonl")
        if one["defense"] != "none" and not str(one["defense"]).endswith("equal norm")
    ]
    assert natural["mpc"]["value"] == pytest.approx(sum(right) / len(right))
    assert natural["rpc"]["value"] == pytest.approx(natural["mpc"]["value"] / natural["clean"]["value"])


def test_corruptions_of_equal_norm_stand_beside_the_perturbation_and_its_noise(run: Path) -> None:
    results = json.loads((run / "results.json").read_text())
    equal, records = results["natural_robustness"]["equal_norm"], lines(run / "corruptions.jsonl")
    assert equal["l2_rms"] == results["effective"]["l2_rms"] == equal["perturbation"]["l2_rms"]
    assert equal["noise"]["l2_rms"] == results["effective_noise"]["l2_rms"]
    rows = {row["attack"]: row for row in results["rows"] if row["defense"] == "none"}
    assert equal["perturbation"]["accuracy"] == rows["r"]["attacked_accuracy"]
    assert equal["noise"]["accuracy"] == rows["noise"]["attacked_accuracy"]
    for kind, one in equal["kinds"].items():
        right = [bool(line["correct"]) for line in records if line["defense"] == f"corruption {kind} equal norm"]
        assert one["accuracy"] == rate_object(sum(right), len(right))
        assert one["reached"] == (abs(one["l2_rms"] - equal["l2_rms"]) <= 0.1 * equal["l2_rms"])
    assert equal["kinds"]["noise"]["reached"]
    assert 'id="equal-norm"' in (run / "report.html").read_text(encoding="utf-8")


def test_certificates_say_where_they_are_vacuous(run: Path) -> None:
    pixels, flicker = json.loads((run / "results.json").read_text())["certificates"]
    assert (pixels["vacuous"], pixels["certified_accuracy"]["count"]) == (True, 0)
    assert not flicker["vacuous"]
    mine = [one for one in lines(run / "certificates.jsonl") if str(one["smoothing"]).startswith("flicker")]
    sure = [
        one
        for one in mine
        if one["prediction"] == one["label"] and float(str(one["radius"])) >= flicker["needed_radius"]
    ]
    assert flicker["certified_accuracy"] == rate_object(len(sure), len(mine))
    assert "vacuous at this budget" in (run / "report.html").read_text(encoding="utf-8")


def test_without_a_defense_the_bare_model_is_measured(
    perturbation: Path, world: World, lsap: Lsap, tmp_path: Path
) -> None:
    outcome = lsap(
        "defend", world.test, "--model", "demo", "--perturbation", perturbation, "--defense", "none",
        "--run", tmp_path / "run", "--json",
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    results = json.loads(outcome.out)
    assert {row["defense"] for row in results["rows"]} == {"none"}
    report = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "helps most" not in report


def test_what_the_defenses_declare_is_in_the_results_and_detectors_are_in_the_report(run: Path) -> None:
    declared = json.loads((run / "results.json").read_text())["defenses"]
    assert declared[CHAIN]["gradient"] == "surrogate"
    assert declared["h264:stretch=8"]["frames"] == "stretch"
    assert declared["random-noise:sigma=0.1"]["deterministic"] is False
    page = (run / "report.html").read_text(encoding="utf-8")
    for shown in ('id="detectors"', 'id="natural"', "net fooling", "corpus-residual:side=16"):
        assert shown in page, shown


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--defense", "jpeg + blur"], "the defense 'blur' is unknown"),
        (["--defense", "jpeg + perturbation-subtraction"], "must come first in a chain"),
        (["--detector", "squeezing"], "the detector 'squeezing' is unknown"),
        (["--draws", "0"], "--draws"),
    ],
)
def test_wrong_specs_are_one_sentence(
    words: list[str], named: str, perturbation: Path, world: World, lsap: Lsap, tmp_path: Path
) -> None:
    outcome = lsap("defend", world.test, "--model", "demo", "--perturbation", perturbation, *words, cwd=tmp_path)
    assert outcome.code == 2
    assert named in outcome.err
    assert "Traceback" not in outcome.err
