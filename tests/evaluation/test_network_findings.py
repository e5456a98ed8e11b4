"""Tests of networks on random clips."""

from pathlib import Path

import torch
from msgspec.structs import replace
from torch import Tensor

from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.evaluation.network_findings import network_findings, warn_of_output_kind
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
        warn_of_output_kind(classifier, CPU, 0, run)
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
    assert {"output", "gradient", "determinism", "logits", "channel order", "scale", "speed"} == set(findings)


def test_logits_that_are_said_to_be_probabilities_are_warned_of(tmp_path: Path) -> None:
    classifier = make_classifier()
    classifier.gives = replace(classifier.gives, kind="probabilities")
    (message,) = warnings_of(tmp_path, classifier)
    assert 'write kind = "logits"' in message
