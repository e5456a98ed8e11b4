"""`lsap train` as a job: what it writes, how it ends, and that a run which was killed ends as one that was not."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from lsap_cli.classifiers.cards import load_card
from lsap_cli.datasets.listing import list_videos
from lsap_cli.datasets.selection import Skipped
from lsap_cli.datasets.store import StoredVideo
from lsap_cli.errors import LsapError
from lsap_cli.evaluation.model_check import measure_accuracy
from lsap_cli.evaluation.protocol import Evaluation, EvaluationProtocol, own_protocol
from lsap_cli.jobs.train import train_classifier
from lsap_cli.results.events import Event, StepEvent, VerificationEvent, WarningEvent
from lsap_cli.results.rates import Rate
from lsap_cli.results.results_file import read_results
from lsap_cli.results.training import TrainResults
from lsap_cli.runs import Run
from lsap_cli.training import clips, loop
from lsap_cli.training.measuring import MeasuredVideos, measure_videos
from lsap_cli.training.settings import TrainSettings
from tests.training.set_of_videos import LABELS, settings_for, write_set


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_set(tmp_path_factory.mktemp("set"))


def trained(settings: TrainSettings, folder: Path, events: list[Event] | None = None) -> TrainResults:
    with Run(folder, "train", {}, [] if events is None else [events.append]) as run:
        results = train_classifier(settings, run)
    assert results is not None
    return results


def test_a_set_that_colors_tell_apart_is_learned_and_its_card_gives_the_same_accuracy(
    videos: Path, tmp_path: Path
) -> None:
    settings = settings_for(videos, tmp_path / "out", epochs=10, learning_rate=0.003)
    events: list[Event] = []
    results = trained(settings, tmp_path / "run", events)
    assert results.accuracy.value == 1.0, results
    assert (results.fit.videos + results.held_out.videos, results.ended_by) == (16, "epochs")
    assert read_results(tmp_path / "run" / "results.json").value == results
    steps = [event for event in events if isinstance(event, StepEvent)]
    assert [event.number for event in steps] == list(range(1, results.steps + 1))
    assert all(isinstance(event.right, float) and event.clips == 4 for event in steps)
    assert steps[-1].learning_rate == pytest.approx(0.0, abs=1e-4)
    points = [event for event in events if isinstance(event, VerificationEvent)]
    assert [point.step for point in points] == [epoch * (results.steps // 10) for epoch in range(11)]
    assert isinstance(points[-1].accuracy, Rate)

    classifier = load_card(tmp_path / "out" / "model.toml")
    assert (classifier.labels, classifier.declared_accuracy) == (list(LABELS), 1.0)
    found = list_videos(tmp_path / "out" / "held_out.csv", classifier.labels).videos
    assert len(found) == results.held_out.videos
    skipped: Skipped = []
    with Run(tmp_path / "check", "models check", {}, []) as run:
        measured = measure_accuracy(Evaluation(own_protocol(classifier, 0, torch.device("cpu")), run, skipped), found)
    assert measured.top1 == results.accuracy
    fit = {video.group for video in list_videos(tmp_path / "out" / "fit.csv", LABELS).videos}
    assert fit.isdisjoint(video.group for video in found)


class _KilledError(Exception):
    """Stands for the end of a process."""


@pytest.mark.parametrize("more", [{}, {"patience": 5, "optimizer": "sgd", "precision": "bf16"}], ids=str)
def test_a_run_that_was_killed_and_resumed_ends_with_the_same_weights(
    videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: dict[str, object]
) -> None:
    family = {"family": "tsn"}  # with dropout
    whole = replace(settings_for(videos, tmp_path / "whole"), **family, **more)  # type: ignore[arg-type]
    killed = replace(whole, out=str(tmp_path / "killed"))
    trained(whole, tmp_path / "run")

    def kill(event: Event) -> None:
        if isinstance(event, StepEvent) and event.number == 5:
            raise _KilledError

    monkeypatch.setattr(loop, "SAVE_EVERY_SECONDS", 0.0)
    with pytest.raises(_KilledError), Run(tmp_path / "killed-run", "train", {}, [kill]) as run:
        train_classifier(killed, run)
    assert not (tmp_path / "killed" / "model.toml").exists()
    events: list[Event] = []
    with Run(tmp_path / "killed-run", "train", {}, [events.append], resume=True) as run:
        train_classifier(killed, run, resume=True)
    assert next(event.number for event in events if isinstance(event, StepEvent)) == 5, "step 4 was saved last"
    first, second = (load_file(tmp_path / name / "weights.safetensors") for name in ("whole", "killed"))
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert read_results(tmp_path / "run" / "results.json").value is not None
    texts = [(tmp_path / name / "records.jsonl").read_text() for name in ("run", "killed-run")]
    assert texts[0] == texts[1]


def test_resume_refuses_other_videos(videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def kill(event: Event) -> None:
        if isinstance(event, StepEvent):
            raise _KilledError

    own = write_set(tmp_path / "set", recordings=4)
    settings = settings_for(own, tmp_path / "out")
    with pytest.raises(_KilledError), Run(tmp_path / "run", "train", {}, [kill]) as run:
        train_classifier(settings, run)
    (own.parent / "red1_0.mkv").write_bytes((videos.parent / "red7_1.mkv").read_bytes())
    with (
        pytest.raises(LsapError, match=r"began with other inputs: video red1_0\.mkv has changed"),
        Run(tmp_path / "run", "train", {}, [], resume=True) as run,
    ):
        train_classifier(settings, run, resume=True)


def test_patience_ends_training_and_the_best_weights_are_the_result(
    videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = iter([9.0, 3.0, 1.0, 2.0, 2.0, 0.5])  # before training, then after each epoch; the last is never reached
    measure = measure_videos
    kept: list[dict[str, torch.Tensor]] = []

    def scripted(protocol: EvaluationProtocol, some: Sequence[StoredVideo]) -> MeasuredVideos:
        kept.append({name: value.clone() for name, value in protocol.classifier.network.state_dict().items()})
        return replace(measure(protocol, some), loss=next(losses))

    monkeypatch.setattr(clips, "measure_videos", scripted)
    settings = settings_for(videos, tmp_path / "out", epochs=50, patience=2)
    results = trained(settings, tmp_path / "run")
    assert (results.ended_by, results.epochs) == ("early stop", 4.0)
    assert results.validation is not None
    weights = load_file(tmp_path / "out" / "weights.safetensors")
    assert all(torch.equal(value, kept[2][name]) for name, value in weights.items()), "of the second epoch"


def test_a_loss_that_is_not_finite_is_one_sentence(videos: Path, tmp_path: Path) -> None:
    settings = settings_for(videos, tmp_path / "out", optimizer="sgd", learning_rate=1e30, epochs=8)
    with pytest.raises(LsapError, match=r"the loss is nan in step \d+: use a lower --learning-rate \(it is 1e\+30\)"):
        trained(settings, tmp_path / "run")
    assert not (tmp_path / "out" / "model.toml").exists()


def test_a_frozen_backbone_keeps_its_weights_and_statistics(videos: Path, tmp_path: Path) -> None:
    first = trained(settings_for(videos, tmp_path / "first", epochs=1), tmp_path / "run1")
    weights = str(tmp_path / "first" / "weights.safetensors")
    settings = settings_for(videos, tmp_path / "second", epochs=1, weights=weights, trained="head")
    events: list[Event] = []
    second = trained(settings, tmp_path / "run2", events)
    before, after = load_file(weights), load_file(tmp_path / "second" / "weights.safetensors")
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"backbone.classifier.3.weight", "backbone.classifier.3.bias"}
    assert second.trained_parameters < first.trained_parameters == first.parameters
    assert second.initial_weights == weights
    notes = [event.message for event in events if isinstance(event, WarningEvent)]
    assert f"weights from {weights}; all of them are in the file" in notes


def test_a_time_budget_ends_training_in_time(videos: Path, tmp_path: Path) -> None:
    settings = settings_for(videos, tmp_path / "out", epochs=None, time_budget=8.0)
    events: list[Event] = []
    results = trained(settings, tmp_path / "run", events)
    assert results.ended_by == "time budget"
    assert results.train_seconds < 8.0 + 3.0
    rates = [event.learning_rate for event in events if isinstance(event, StepEvent)]
    assert isinstance(rates[-1], float)
    assert rates[-1] < 2e-4, "the schedule has come to its end"


def test_a_time_budget_that_is_over_before_training_is_refused(videos: Path, tmp_path: Path) -> None:
    settings = settings_for(videos, tmp_path / "out", epochs=None, time_budget=0.1)
    with pytest.raises(LsapError, match="is over before training can start"):
        trained(settings, tmp_path / "run")
