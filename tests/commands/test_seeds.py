"""Several perturbations of different seeds from the command line."""

import json
from dataclasses import asdict, replace
from fractions import Fraction
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import pytest

from lsap_cli.errors import LsapError
from lsap_cli.jobs.defend_settings import DefendSettings
from lsap_cli.runs.resuming import check_same_settings
from perturbations import Budget, Perturbation
from perturbations.bindings import Binding
from tests.commands.conftest import Lsap, World
from tests.result_objects import rate_object


@pytest.fixture(scope="module")
def others(perturbation: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Perturbations that go with the first one, and some that do not."""
    folder = tmp_path_factory.mktemp("others")
    first = Perturbation.load(perturbation)
    variants = {
        "r-seed1": replace(first, delta=-first.delta),
        "r-seed2": replace(first, delta=first.delta.roll(1, 0)),
        "same": first,
        "none": replace(first, delta=first.delta.flip(3)),
        "louder": replace(first, budget=Budget("linf", Fraction(9, 255))),
        "still": replace(first, delta=first.delta[:1], binding=Binding("constant")),
        "aimed": replace(first, delta=-first.delta, record=dict(first.record) | {"target": "spin"}),
    }
    for name, one in variants.items():
        one.save(folder / f"{name}.safetensors")
    (folder / "again").mkdir()
    variants["r-seed1"].save(folder / "again" / "r.safetensors")
    return folder


@pytest.fixture(scope="module")
def run(perturbation: Path, others: Path, world: World, lsap: Lsap, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("seeds") / "run"
    outcome = lsap(
        "defend", world.test, "--model", "demo", "--perturbation", perturbation,
        "--perturbation", others / "r-seed1.safetensors", "--perturbation", others / "r-seed2.safetensors",
        "--defense", "jpeg", "--sampler", "uniform", "--sampler", "random", "--run", folder,
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    assert "Over 3 seeds of the perturbation the fooling rate is" in " ".join(outcome.out.split())
    return folder


def test_the_spread_can_be_recomputed_from_the_records(run: Path) -> None:
    results = json.loads((run / "results.json").read_text(encoding="utf-8"))
    records = [json.loads(line) for line in (run / "records.jsonl").read_text(encoding="utf-8").splitlines()]
    names = ["r", "r-seed1", "r-seed2"]
    assert {(cell["defense"], cell["sampler"]) for cell in results["seeds"]} == {
        (defense, sampler) for defense in ("none", "jpeg") for sampler in ("uniform", "random")
    }
    for cell in results["seeds"]:
        for measure, key in (("accuracy", "correct"), ("fooling_rate", "changed")):
            mine = [
                [
                    one[key] for one in records
                    if (one["attack"], one["defense"], one["sampler"]) == (name, cell["defense"], cell["sampler"])
                ]
                for name in names
            ]  # fmt: skip
            assert cell[measure]["rates"] == {
                name: rate_object(sum(found), len(found)) for name, found in zip(names, mine, strict=True)
            }
            shares = [sum(found) / len(found) for found in mine]
            assert cell[measure]["mean"] == pytest.approx(mean(shares))
            assert cell[measure]["standard_deviation"] == pytest.approx(stdev(shares))
            assert cell[measure]["over_videos"]["value"] == pytest.approx(mean(shares))
    assert results["protocol"]["perturbations"] == 3


def test_the_further_ones_are_rows_of_their_own_and_the_summary_speaks_of_the_first(run: Path) -> None:
    results = json.loads((run / "results.json").read_text(encoding="utf-8"))
    further = {row["attack"]: row["seed_of"] for row in results["rows"] if "seed_of" in row}
    assert further == {"r-seed1": "r", "r-seed2": "r"}
    page = (run / "report.html").read_text(encoding="utf-8")
    assert 'id="seeds"' in page
    assert "the strongest of" not in page
    assert (run / "tables" / "seeds.csv").stat().st_size > 50


@pytest.mark.parametrize(
    ("file", "named"),
    [
        ("same", "holds the same pattern as"),
        ("louder", "has the budget linf 9/255"),
        ("still", "has the binding constant"),
        ("aimed", "has the target spin"),
        ("none", "two attacks would be called 'none'"),
        ("again/r", "two attacks would be called 'r'"),
    ],
)
def test_perturbations_that_differ_in_more_than_their_seed_are_refused(
    file: str, named: str, perturbation: Path, others: Path, world: World, lsap: Lsap, tmp_path: Path
) -> None:
    outcome = lsap(
        "defend", world.test, "--model", "demo", "--perturbation", perturbation,
        "--perturbation", others / f"{file}.safetensors", "--run", tmp_path / "run",
    )  # fmt: skip
    assert outcome.code == 2
    assert named in " ".join(outcome.err.split())
    assert "Traceback" not in outcome.err


def test_a_stopped_run_goes_on_only_with_the_same_perturbations(tmp_path: Path) -> None:
    begun = DefendSettings(videos="v", model="demo", perturbation="r", seeds=("r-seed1",))
    facts: dict[str, Any] = {"command": "defend", "settings": asdict(begun), "status": "interrupted"}
    (tmp_path / "run.json").write_text(json.dumps(facts), encoding="utf-8")
    check_same_settings(tmp_path, asdict(begun))
    with pytest.raises(LsapError, match="began with seeds"):
        check_same_settings(tmp_path, asdict(replace(begun, seeds=("r-seed2",))))
