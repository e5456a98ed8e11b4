"""`defend` as a job: what a stopped run leaves, and what it is resumed with."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from lsap_cli.demo.videos import write_dataset
from lsap_cli.errors import LsapError
from lsap_cli.jobs import defend as job
from lsap_cli.jobs.defend_checks import level_warnings
from lsap_cli.jobs.defend_settings import DefendSettings
from lsap_cli.results.documents import DefendResults
from lsap_cli.results.files import RESULTS_FILE, read_document
from lsap_cli.runs import Run
from lsap_cli.runs.inputs import INPUTS_FILE
from perturbations import Budget, Perturbation, parse_binding, parse_epsilon


def save_perturbation(path: Path, value: float) -> None:
    budget = Budget("linf", parse_epsilon("8/255"))
    Perturbation(torch.full((2, 3, 8, 8), value / 255), parse_binding("cyclic:2"), budget).save(path)


def stopped(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.fixture
def settings(tmp_path: Path) -> DefendSettings:
    write_dataset(tmp_path / "test", 1, 62)
    save_perturbation(tmp_path / "r.safetensors", 8)
    return DefendSettings(
        videos=str(tmp_path / "test"), model="demo", perturbation=str(tmp_path / "r.safetensors"), defense=("none",),
        device="cpu",
    )  # fmt: skip


def run_until_pictures(settings: DefendSettings, folder: Path) -> None:
    """A run that is stopped when it begins to draw pictures."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(job, "draw_pictures", stopped)
        with pytest.raises(KeyboardInterrupt), Run(folder, "defend", {}, []) as run:
            job.defend(settings, run)


def test_results_are_written_before_pictures_and_a_stopped_run_ends_as_if_it_had_not_been(
    settings: DefendSettings, tmp_path: Path
) -> None:
    run_until_pictures(settings, tmp_path / "run")
    before = read_document(tmp_path / "run" / RESULTS_FILE, DefendResults).value
    assert before is not None
    with Run(tmp_path / "run", "defend", {}, [], resume=True) as run:
        after = job.defend(settings, run, resume=True)
    assert after.rows == before.rows
    assert after.effective == before.effective
    assert after.pictures is not None
    assert {path.name for path in (tmp_path / "run").glob("*inputs*")} == set()


def test_budgets_of_which_rounding_leaves_nothing_are_warned_of(settings: DefendSettings) -> None:
    perturbation = Perturbation.load(str(settings.perturbation))
    with_curve = replace(settings, epsilons=("4/255", "1/510", "0.003"))
    messages = level_warnings(with_curve, perturbation)
    assert [message.split(" is less than one")[0] for message in messages] == ["epsilon 1/510", "epsilon 0.003"]


def test_a_run_is_not_resumed_with_another_perturbation_of_the_same_name(
    settings: DefendSettings, tmp_path: Path
) -> None:
    run_until_pictures(settings, tmp_path / "run")
    save_perturbation(tmp_path / "r.safetensors", -8)
    with (
        pytest.raises(LsapError, match=r"perturbation .*r\.safetensors has changed"),
        Run(tmp_path / "run", "defend", {}, [], resume=True) as run,
    ):
        job.defend(settings, run, resume=True)


def test_a_run_is_not_resumed_when_a_video_is_gone(settings: DefendSettings, tmp_path: Path) -> None:
    run_until_pictures(settings, tmp_path / "run")
    next((tmp_path / "test").rglob("*.mp4")).unlink()
    with (
        pytest.raises(LsapError, match=r"video .* is gone"),
        Run(tmp_path / "run", "defend", {}, [], resume=True) as run,
    ):
        job.defend(settings, run, resume=True)


@pytest.mark.parametrize(
    ("package", "said"),
    [
        ("torch", r"version of torch is .*, and was 2\.0\.0"),
        ("av", r"version of av is .*, and was 2\.0\.0"),
        ("FFmpeg", r"version of FFmpeg is .*, and was 2\.0\.0"),
        ("numpy", r"version of numpy is .*, and was 2\.0\.0"),
    ],
)
def test_a_run_is_not_resumed_with_another_version_of_what_its_figures_depend_on(
    settings: DefendSettings, tmp_path: Path, package: str, said: str
) -> None:
    run_until_pictures(settings, tmp_path / "run")
    inputs = tmp_path / "run" / INPUTS_FILE
    kept = json.loads(inputs.read_bytes())
    assert kept["kind of device"] == "cpu"
    inputs.write_text(json.dumps(kept | {f"version of {package}": "2.0.0"}))
    with pytest.raises(LsapError, match=said), Run(tmp_path / "run", "defend", {}, [], resume=True) as run:
        job.defend(settings, run, resume=True)
