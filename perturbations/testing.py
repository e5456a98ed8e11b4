"""What every attack promises, as checks that any package can run on its own.

    from perturbations.testing import check_attack

    def test_my_attack_keeps_what_every_attack_promises() -> None:
        check_attack(MyAttack())

Each check raises an AssertionError with a sentence. They attack a tiny network on tiny clips that they make themselves.
"""

import dataclasses
import math
import tempfile
from collections.abc import Callable
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any, get_type_hints

import torch
from torch import Tensor, nn

from perturbations.attacks import Attack
from perturbations.bindings import parse_binding
from perturbations.budgets import Budget
from perturbations.in_memory import check_attack_object, clips_problem
from perturbations.learn import learn
from perturbations.network import Internal, NetworkOutput
from perturbations.problem import Problem
from perturbations.resizing import ResizePath
from perturbations.state import State, Step
from perturbations.wrapping import TorchNetwork

STEPS = 8
CLIPS, FRAMES, SIDE, CLASSES = 5, 6, 8, 4
BUDGETS = (Budget("linf", Fraction(24, 255)), Budget("linf", Fraction(1)), Budget("l2", Fraction(24, 255)))
LEAST_USED = 0.1  # of the budget


def check_attack(attack: Attack) -> None:
    """Checks every promise of an attack.

    Raises:
        AssertionError: about the first one that does not hold.
        ValueError: if it is no attack.
    """
    check_attack_object(attack)
    for check in ATTACK_CHECKS:
        check(attack)


def check_interface(attack: Attack) -> None:
    """It is a frozen dataclass with a source and a binding; negative and non-finite float settings are refused."""
    kind = type(attack)
    parameters = getattr(kind, "__dataclass_params__", None)
    assert parameters is not None, f"{kind.__name__} is no dataclass; its settings must be fields"
    assert parameters.frozen, f"{kind.__name__} is not frozen"
    assert isinstance(attack.source, str), f"{kind.__name__}.source must name the paper"
    assert attack.source, f"{kind.__name__}.source is empty; it must name the paper"
    assert str(parse_binding(attack.binding)) == attack.binding, f"{attack.binding} is no binding"
    for name in (name for name, hint in get_type_hints(kind).items() if hint is float):
        for value in (-1.0, math.nan, math.inf):
            assert _refuses(attack, name, value), f"{kind.__name__}({name}={value}) must raise a ValueError"


def check_budget(attack: Attack) -> None:
    """After each step delta is float32, of the problem's shape, not zero, and within every usable budget."""
    used = 0.0
    for budget in usable_budgets(attack):
        problem = tiny_problem(attack, budget)
        state = State(problem.zeros())
        for _ in _steps(problem, attack, state):
            assert state.delta.shape == problem.shape, f"delta is {tuple(state.delta.shape)}, not {problem.shape}"
            assert state.delta.dtype == torch.float32, f"delta is {state.delta.dtype}, not float32"
            size = budget.size(state.delta)
            assert size <= problem.epsilon * (1 + 1e-5), f"delta's {budget.norm} norm is {size}, over {problem.epsilon}"
            used = max(used, size / problem.epsilon)
        assert used > LEAST_USED, f"delta uses {used:.3f} of the budget, {budget.norm} {budget.epsilon_text}, at most"


def check_reports(attack: Attack) -> None:
    """Steps are counted from 1, and report finite figures."""
    problem = tiny_problem(attack)
    for number, step in enumerate(_steps(problem, attack, State(problem.zeros())), start=1):
        assert step.number == number, f"step {number} says that it is number {step.number}"
        assert math.isfinite(step.loss), f"the loss is {step.loss}"
        assert math.isfinite(step.gradient_size), f"the gradient's size is {step.gradient_size}"
        assert 0 <= step.step_size <= 1, f"the step's size is {step.step_size}; it must be in [0, 1]"
        assert 0 <= (step.fooled or 0) <= step.clips <= CLIPS, f"{step.fooled} of {step.clips} clips are fooled"


def check_same_seed(attack: Attack) -> None:
    """The same seed gives the same bits, whatever torch's global seed is."""
    whole, steps = _whole_run(attack)
    problem = tiny_problem(attack)
    again = State(problem.zeros())
    with torch.random.fork_rng():
        torch.manual_seed(123)
        repeated = list(_steps(problem, attack, again))
    assert repeated == steps, "a second run with the same seed reports other steps"
    _assert_same(again, whole, "a second run with the same seed")


def check_resuming(attack: Attack) -> None:
    """A run that is saved, loaded and continued ends with the bits of one that was not stopped."""
    whole, steps = _whole_run(attack)
    problem = tiny_problem(attack)
    part = State(problem.zeros())
    first = list(islice(_steps(problem, attack, part), 3))
    with tempfile.TemporaryDirectory() as folder:
        part.save(Path(folder) / "state")
        resumed = State.load(Path(folder) / "state")
    assert first + list(_steps(tiny_problem(attack), attack, resumed)) == steps, "a resumed run reports other steps"
    _assert_same(resumed, whole, "a resumed run")


def check_input_unchanged(attack: Attack) -> None:
    """A step changes neither the batch nor the delta tensor that it was given."""
    problem = tiny_problem(attack)
    batch = problem.draw(0)
    assert isinstance(batch.path, ResizePath), "these clips are not enlarged"
    tensors = [batch.frames, batch.slots, batch.clean_predictions, *batch.path]
    copies = [one.clone() for one in tensors]
    state = State(problem.zeros())
    attack.start(problem, state)
    given, copy = state.delta, state.delta.clone()
    attack.step(dataclasses.replace(problem, draw=lambda _: batch), state, 0.0)
    assert all(torch.equal(one, other) for one, other in zip(tensors, copies, strict=True)), "a step changed the batch"
    assert torch.equal(given, copy), (
        "a step changed the delta that it was given; it must set state.delta to a new tensor"
    )


def check_defended(attack: Attack) -> None:
    """The network gets the clips only after the batch's defense: here one that drops every second frame."""
    problem = tiny_problem(attack)
    network = _RecordingNetwork(problem.network)
    thinned = dataclasses.replace(
        problem, network=network, draw=lambda step: problem.draw(step)._replace(defend=lambda clips, _: clips[:, ::2])
    )
    for _ in _steps(thinned, attack, State(problem.zeros()), steps=2):
        pass
    assert network.lengths == {FRAMES // 2}, "the network got clips that had not been through batch.through"


ATTACK_CHECKS: tuple[Callable[[Attack], None], ...] = (
    check_interface,
    check_budget,
    check_reports,
    check_same_seed,
    check_resuming,
    check_input_unchanged,
    check_defended,
)


def usable_budgets(attack: Attack) -> list[Budget]:
    """The budgets of these checks that the attack works with by its own binding; it refuses others by a ValueError."""
    usable = []
    for budget in BUDGETS:
        problem = tiny_problem(attack, budget)
        try:
            attack.check(problem.binding, budget)
            attack.start(problem, State(problem.zeros()))
        except ValueError:
            continue
        usable.append(budget)
    assert usable, f"{type(attack).__name__} refuses its own binding {attack.binding} with every budget"
    return usable


def tiny_problem(attack: Attack, budget: Budget | None = None) -> Problem:
    """A problem of tiny clips in the attack's own binding, by default with the first budget that it works with."""
    generator = torch.Generator().manual_seed(0)
    clips = torch.rand(CLIPS, FRAMES, 3, SIDE, SIDE, generator=generator)
    used = usable_budgets(attack)[0] if budget is None else budget
    return clips_problem(clips, TorchNetwork(_TinyNetwork().eval()), used, attack.binding, batch_size=CLIPS)


class _TinyNetwork(nn.Module):
    """Tanh of a convolution of each frame, averaged over quarters and frames: (B, T, 3, H, W) -> (B, CLASSES)."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 6, 3, padding=1)
        self.head = nn.Linear(24, CLASSES)
        generator = torch.Generator().manual_seed(5)
        for parameter in self.parameters():
            parameter.data = torch.randn(parameter.shape, generator=generator)

    def forward(self, clips: Tensor) -> Tensor:
        maps = torch.tanh(self.convolution(clips.flatten(0, 1) - 0.5))
        pooled = nn.functional.adaptive_avg_pool2d(maps, 2).flatten(1).unflatten(0, clips.shape[:2])
        logits: Tensor = self.head(pooled.mean(1))
        return logits


class _RecordingNetwork:
    """A network that keeps the lengths of the clips that it gets."""

    def __init__(self, network: Any) -> None:  # Any: a Network, of which it is one, too
        self._network = network
        self.lengths: set[int] = set()

    def score(self, clips: Tensor) -> Tensor:
        self.lengths.add(clips.shape[1])
        logits: Tensor = self._network.score(clips)
        return logits

    def outputs(self, clips: Tensor, *internals: Internal) -> NetworkOutput:
        self.lengths.add(clips.shape[1])
        output: NetworkOutput = self._network.outputs(clips, *internals)
        return output


def _steps(problem: Problem, attack: Attack, state: State, steps: int = STEPS) -> Any:
    return learn(problem, attack, state, lambda now: now.steps / steps)


def _whole_run(attack: Attack) -> tuple[State, list[Step]]:
    problem = tiny_problem(attack)
    state = State(problem.zeros())
    return state, list(_steps(problem, attack, state))


def _assert_same(state: State, expected: State, what: str) -> None:
    assert torch.equal(state.delta, expected.delta), f"{what} ends with another delta"
    assert state.memory.keys() == expected.memory.keys(), f"{what} remembers other things"
    for name, value in expected.memory.items():
        assert torch.equal(state.memory[name], value), f"{what} ends with another {name} in its memory"


def _refuses(attack: Attack, name: str, value: float) -> bool:
    try:
        changed: Any = attack  # a dataclass, which was checked
        dataclasses.replace(changed, **{name: value})
    except ValueError as error:
        return name in str(error)
    return False
