"""A deliberately broken defense is caught by the checks of `lsap defend --adaptive`."""

from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
import torch
from msgspec import to_builtins
from torch import Tensor

from defenses import DEFENSES
from defenses.base import FrameDefense, FrameDependence, GradientKind, RandomDefense
from defenses.clip import Clip, check_indices, unique_indices
from lsap_cli.demo.videos import write_dataset
from lsap_cli.jobs.defend import defend
from lsap_cli.jobs.defend_settings import DefendSettings
from lsap_cli.runs import Run
from perturbations import Budget, Perturbation, parse_binding, parse_epsilon


@dataclass(frozen=True)
class Opaque(FrameDefense):
    """The identity, without a gradient."""

    deterministic: ClassVar[bool] = True
    gradient: ClassVar[GradientKind] = "true"
    passes_constant_in_time: ClassVar[bool] = False
    passes_low_frequencies: ClassVar[bool] = False
    null_space: ClassVar[str] = "Everything."

    def defend_frames(self, frames: Tensor) -> Tensor:
        return frames.detach().clone()


@dataclass(frozen=True)
class Loud(Opaque):
    """Pixels of 0 to 255."""

    def defend_frames(self, frames: Tensor) -> Tensor:
        return frames * 255


@dataclass(frozen=True)
class Dice(RandomDefense):
    """Noise in place of the video: labels at random."""

    depends_on: ClassVar[FrameDependence] = "itself"
    gradient: ClassVar[GradientKind] = "true"
    passes_constant_in_time: ClassVar[bool] = False
    passes_low_frequencies: ClassVar[bool] = False
    null_space: ClassVar[str] = "Nothing."

    def needs(self, indices: Tensor, video_length: int) -> Tensor:
        check_indices(indices, video_length)
        return unique_indices(indices)

    def defend(self, clip: Clip, indices: Tensor) -> Tensor:
        noise = torch.rand(len(indices), *clip.frames.shape[1:], generator=self.generator())
        return noise.to(clip.frames)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    root = tmp_path_factory.mktemp("broken")
    write_dataset(root / "fit", 1, 61)
    write_dataset(root / "test", 1, 62)
    budget = Budget("linf", parse_epsilon("8/255"))
    Perturbation(torch.zeros(4, 3, 8, 8), parse_binding("cyclic:4"), budget).save(root / "r.safetensors")
    settings = DefendSettings(
        videos=str(root / "test"), model="demo", perturbation=str(root / "r.safetensors"), fit=str(root / "fit"),
        adaptive=True, ladder="full", steps=2, batch=2, learning_draws=(2,), draws=2,
        defense=("opaque", "loud", "dice"), device="cpu",
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        broken = {"opaque": Opaque, "loud": Loud, "dice": Dice}
        patch.setattr("lsap_cli.specs.DEFENSES", {**DEFENSES, **broken})
        with Run(root / "run", "defend", {}, []) as run:
            document: dict[str, Any] = to_builtins(defend(settings, run))
            return document


def warned(results: dict[str, Any], defense: str) -> set[str]:
    return {one["name"] for one in results["checks"] if (one["defense"], one["status"]) == (defense, "WARN")}


def test_a_zero_gradient_is_caught(results: dict[str, Any]) -> None:
    assert "no zero gradients" in warned(results, "opaque")
    assert "no zero gradients" not in warned(results, "none")


def test_a_wrong_range_is_caught(results: dict[str, Any]) -> None:
    assert "the defense gives a video" in warned(results, "loud")
    assert "the defense gives a video" not in warned(results, "opaque")


def test_random_labels_are_caught(results: dict[str, Any]) -> None:
    assert "the defense keeps most predictions" in warned(results, "dice")
    assert "clean videos are still recognized" in warned(results, "dice")
    assert "the defense keeps most predictions" not in warned(results, "opaque")


def test_every_rung_has_its_rows_and_the_minimum_is_that_of_its_rows(results: dict[str, Any]) -> None:
    for ladder in results["ladder"]:
        rows = [row for rung in ladder["rungs"] for row in rung["rows"]]
        assert all(len(rung["rows"]) == 1 for rung in ladder["rungs"])
        assert {row["defense"] for row in rows} == {ladder["defense"]}
        lowest = min(row["attacked_accuracy"]["count"] for row in rows)
        assert ladder["robust"][0]["accuracy"]["count"] == lowest
    shown = {(row["attack"], row["defense"]) for row in results["rows"] if row.get("rung")}
    assert ("A1 straight-through (loud)", "loud") in shown


def test_a_ladder_comes_with_a_large_budget(results: dict[str, Any]) -> None:
    points = {(point["defense"], point["epsilon"]): point for point in results["budget_curve"]}
    assert set(points) == {(spec, e) for spec in ("none", "opaque", "loud", "dice") for e in ("8/255", "64/255")}
    assert all(len(point["rows"]) == len(point["noise"]) == 1 for point in points.values())
