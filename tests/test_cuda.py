"""The same path on a CUDA device, where there is one."""

import pytest
import torch

from lsap_cli.classifiers.resolve import load_classifier
from perturbations import Budget, parse_epsilon
from perturbations.learn import Batch, State, learn
from perturbations.objectives import Untargeted
from perturbations.updates import MomentumSign

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no CUDA device here"),
]


def make_batch(device: torch.device) -> Batch:
    generator = torch.Generator().manual_seed(0)
    frames = torch.rand(2, 16, 3, 80, 80, generator=generator).to(device)
    slots = torch.arange(16).expand(2, -1).to(device)
    way = torch.eye(80, device=device)
    return Batch(frames, slots, torch.tensor([0, 1], device=device), way, way)


def test_learning_on_cuda_follows_learning_on_the_cpu() -> None:
    losses = {}
    for name in ("cpu", "cuda"):
        device = torch.device(name)
        classifier = load_classifier("demo").to(device)
        state = State(torch.zeros(16, 3, 80, 80, device=device))
        batch = make_batch(device)
        steps = learn(
            classifier.score, lambda _, batch=batch: batch, Untargeted(), MomentumSign(),  # type: ignore[misc]  # mypy cannot infer a lambda with a default
            Budget("linf", parse_epsilon("8/255")), state, lambda now: now.steps / 5,
        )  # fmt: skip
        losses[name] = [step.loss for step in steps]
        assert state.delta.device.type == name
    assert losses["cuda"] == pytest.approx(losses["cpu"], abs=0.05)
