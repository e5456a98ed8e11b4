"""The same path on a CUDA device, where there is one."""

import pytest
import torch

from lsap_cli.classifiers.instrumented import InstrumentedClassifier
from lsap_cli.classifiers.resolve import load_classifier
from perturbations import Budget, parse_binding, parse_epsilon
from perturbations.attacks import ATTACKS
from perturbations.learn import learn
from perturbations.objectives import Untargeted
from perturbations.problem import Batch, Problem
from perturbations.resizing import ResizePath
from perturbations.state import State

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no CUDA device here"),
]


def make_batch(device: torch.device) -> Batch:
    generator = torch.Generator().manual_seed(0)
    frames = torch.rand(2, 16, 3, 80, 80, generator=generator).to(device)
    slots = torch.arange(16).expand(2, -1).to(device)
    way = torch.eye(80, device=device)
    return Batch(frames, slots, torch.tensor([0, 1], device=device), ResizePath(way, way))


@pytest.mark.parametrize("name", [name for name in ATTACKS if name != "append"])
def test_learning_on_cuda_follows_learning_on_the_cpu(name: str) -> None:
    losses = {}
    attack = ATTACKS[name]()
    binding = parse_binding(attack.binding)
    for kind in ("cpu", "cuda"):
        device = torch.device(kind)
        batch = make_batch(device)
        problem = Problem(
            network=InstrumentedClassifier(load_classifier("demo").to(device)),
            # mypy cannot infer a lambda with a default
            draw=lambda _, batch=batch: batch._replace(slots=batch.slots % binding.period),  # type: ignore[misc]
            objective=Untargeted(), budget=Budget("linf", parse_epsilon("8/255")), binding=binding,
            shape=(binding.period, 3, 80, 80), frames=16, classes=8, device=device,
        )  # fmt: skip
        state = State(problem.zeros())
        losses[kind] = [step.loss for step in learn(problem, attack, state, lambda now: now.steps / 5)]
        assert state.delta.device.type == kind
    assert losses["cuda"] == pytest.approx(losses["cpu"], abs=0.05)
