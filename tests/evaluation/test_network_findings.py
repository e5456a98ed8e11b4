"""Tests of networks on random clips."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from msgspec.structs import replace
from torch import Tensor

from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.evaluation.network_findings import network_findings, warn_of_wrong_card
from lsap_cli.results.events import Event, WarningEvent
from lsap_cli.runs import Run
from tests.tiny import make_classifier

CPU = torch.device("cpu")


class Softmax(torch.nn.Module):
    """Probabilities of a network's logits."""

    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, clips: Tensor) -> Tensor:
        probabilities: Tensor = self.network(clips).softmax(1)
        return probabilities


def warnings_of(tmp_path: Path, classifier: Classifier) -> list[str]:
    events: list[Event] = []
    with Run(tmp_path / "run", "defend", {}, [events.append]) as run:
        warn_of_wrong_card(classifier, CPU, 0, run)
    return [one.message for one in events if isinstance(one, WarningEvent)]


def test_logits_that_are_said_to_be_logits_give_no_warning(tmp_path: Path) -> None:
    assert warnings_of(tmp_path, make_classifier()) == []


def test_probabilities_that_are_said_to_be_logits_are_warned_of(tmp_path: Path) -> None:
    classifier = make_classifier()
    classifier.network = Softmax(classifier.network)
    (message,) = warnings_of(tmp_path, classifier)
    assert 'write kind = "probabilities"' in message


def test_a_network_whose_output_is_not_finite_fails() -> None:
    classifier = make_classifier()
    with torch.no_grad():
        next(classifier.network.parameters()).fill_(float("nan"))
    output = next(one for one in network_findings(classifier, CPU, 0) if one.test == "output")
    assert (output.verdict, "not finite" in output.figure) == ("FAIL", True)


def test_the_findings_of_a_sound_network_do_not_fail() -> None:
    findings = {one.test: one.verdict for one in network_findings(make_classifier(), CPU, 0)}
    assert "FAIL" not in findings.values()
    tests = {"output", "gradient", "determinism", "logits", "channel order", "scale", "range", "resize", "speed"}
    assert tests == set(findings)


def test_logits_that_are_said_to_be_probabilities_are_warned_of(tmp_path: Path) -> None:
    classifier = make_classifier()
    classifier.gives = replace(classifier.gives, kind="probabilities")
    (message,) = warnings_of(tmp_path, classifier)
    assert 'write kind = "logits"' in message


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"num_frames": 8}, "it gets 4 frames, but its configuration (dict) says num_frames 8"),
        ({"frames_per_clip": 16}, "it gets 4 frames, but its configuration (dict) says frames_per_clip 16"),
        ({"num_frames": 4, "image_size": 16}, "it gets frames of 8 x 8, but its configuration (dict) says image_size"),
        ({"num_frames": 4, "tubelet_size": [3, 2, 2]}, "it joins 3 frames at a time and drops the last 1 of 4"),
    ],
)
def test_clips_other_than_those_of_the_networks_configuration_are_warned_of(
    tmp_path: Path, fields: dict[str, object], sentence: str
) -> None:
    classifier = make_classifier()
    classifier.network.config = fields  # type: ignore[assignment]  # as a library sets it
    (message,) = warnings_of(tmp_path, classifier)
    assert sentence in message


def test_clips_of_the_networks_configuration_pass(tmp_path: Path) -> None:
    classifier = make_classifier()
    own = SimpleNamespace(num_frames=4, image_size=(8, 8), tubelet_size=2)
    classifier.network.config = own  # type: ignore[assignment]  # as a library sets it
    assert warnings_of(tmp_path, classifier) == []
    findings = {one.test: one.verdict for one in network_findings(classifier, CPU, 0)}
    assert findings["configuration"] == "PASS"
