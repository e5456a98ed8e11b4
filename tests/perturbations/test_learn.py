from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from perturbations.budgets import Budget
from perturbations.learn import Batch, State, Step, add_and_round, evaluate_gradient, learn
from perturbations.objectives import Objective, Targeted, Untargeted
from perturbations.updates import MomentumSign

CLASSES, SLOTS, CLIPS, FRAMES = 4, 3, 5, 4
DELTA, NETWORK = (5, 6), (7, 4)  # heights and widths
LINF = Budget("linf", Fraction(16, 255))


def random(*shape: int, seed: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def linear_score(dtype: torch.dtype = torch.float32) -> Callable[[Tensor], Tensor]:
    """A linear network: logits are weighted sums of pixels."""
    weight = (random(FRAMES * 3 * NETWORK[0] * NETWORK[1], CLASSES, seed=9) - 0.5).to(dtype)
    return lambda clips: clips.flatten(1) @ weight


def draw(step: int, dtype: torch.dtype = torch.float32) -> Batch:
    """A batch that depends on its number only; some of its pixels are black or white."""
    frames = (random(CLIPS, FRAMES, 3, *NETWORK, seed=step) * 1.2 - 0.1).clamp(0, 1)
    slots = torch.randint(SLOTS, (CLIPS, FRAMES), generator=torch.Generator().manual_seed(step))
    ways = [random(NETWORK[axis], DELTA[axis], seed=axis) for axis in (0, 1)]
    rows, columns = ((way / way.sum(1, keepdim=True)).to(dtype) for way in ways)
    return Batch(frames.to(dtype), slots, linear_score()(frames).argmax(1), rows, columns)


def start() -> State:
    return State(torch.zeros(SLOTS, 3, *DELTA))


def run(state: State, steps: int, objective: Objective | None = None, budget: Budget = LINF) -> list[Step]:
    """Steps until there are `steps`, of a run that is planned to have 8."""
    made: list[Step] = []
    learner = learn(
        linear_score(), draw, objective or Untargeted(), MomentumSign(), budget, state, lambda now: now.steps / 8
    )
    for step in learner:
        made.append(step)
        if state.steps == steps:
            break
    return made


def same(first: State, second: State) -> bool:
    return (
        torch.equal(first.delta, second.delta)
        and first.memory.keys() == second.memory.keys()
        and all(torch.equal(first.memory[name], second.memory[name]) for name in first.memory)
        and first.steps == second.steps
    )


def test_the_same_start_gives_the_same_bits() -> None:
    first, second = start(), start()
    steps = run(first, 8)
    torch.manual_seed(123)  # a global seed has no say
    assert run(second, 8) == steps
    assert same(first, second)


@pytest.mark.parametrize("stop", [1, 3, 7])
def test_a_run_that_was_stopped_and_resumed_ends_with_the_bits_of_one_that_was_not(tmp_path: Path, stop: int) -> None:
    whole, part = start(), start()
    steps = run(whole, 8)
    first = run(part, stop)
    part.save(tmp_path / "state.safetensors")
    resumed = State.load(tmp_path / "state.safetensors")
    assert first + run(resumed, 8) == steps
    assert same(whole, resumed)


def test_a_finished_run_does_nothing_more() -> None:
    state = start()
    assert len(run(state, 8)) == 8
    kept = state.delta.clone()
    assert run(state, 9) == []
    assert torch.equal(state.delta, kept)


def test_a_saved_state_is_loaded_as_it_was(tmp_path: Path) -> None:
    state = start()
    run(state, 3)
    state.seconds = 0.1 + 0.2
    state.save(tmp_path / "state.safetensors")
    loaded = State.load(tmp_path / "state.safetensors")
    assert same(loaded, state)
    assert loaded.seconds == state.seconds
    assert [path.name for path in tmp_path.iterdir()] == ["state.safetensors"]


@pytest.mark.parametrize("metadata", [None, {"steps": "3"}, {"steps": "x", "seconds": "1"}])
def test_a_file_that_is_no_state_is_refused(tmp_path: Path, metadata: dict[str, str] | None) -> None:
    path = tmp_path / "state.safetensors"
    save_file({"delta": torch.zeros(1)}, path, metadata=metadata)
    with pytest.raises(ValueError, match="is not a saved state"):
        State.load(path)
    path.write_bytes(b"not at all")
    with pytest.raises(ValueError, match="is not a saved state"):
        State.load(path)


def mean_loss(objective: Objective, delta: Tensor) -> float:
    """Over batches that the run has and has not seen."""
    losses = [evaluate_gradient(linear_score(), draw(step), objective, delta)[1] for step in range(20)]
    return float(torch.cat(losses).mean())


@pytest.mark.parametrize("budget", [LINF, Budget("l2", Fraction(4, 255))], ids=str)
@pytest.mark.parametrize("objective", [Untargeted(), Targeted(2)], ids=str)
def test_learning_lowers_the_loss_and_keeps_the_budget(budget: Budget, objective: Objective) -> None:
    state = start()
    before = mean_loss(objective, state.delta)
    steps = run(state, 8, objective, budget)
    assert mean_loss(objective, state.delta) < before
    assert 0 < budget.size(state.delta) <= float(budget.epsilon) * (1 + 1e-6)
    assert [step.number for step in steps] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert all(step.clips == CLIPS for step in steps)
    assert steps[0].gradient_size > 0


def test_one_step_improves_the_loss_on_its_own_batch() -> None:
    state = start()
    before = evaluate_gradient(linear_score(), draw(0), Untargeted(), state.delta)[1].mean()
    run(state, 1)
    assert evaluate_gradient(linear_score(), draw(0), Untargeted(), state.delta)[1].mean() < before


def test_a_step_counts_the_clips_on_which_the_attacker_had_won_before_it() -> None:
    state = start()
    steps = run(state, 1, Untargeted())
    assert steps[0].fooled == 0  # rounding alone, without a pattern, changes no prediction
    batch = draw(1)
    perturbed = add_and_round(batch.frames, (batch.rows @ state.delta @ batch.columns.T)[batch.slots])
    won = int((linear_score()(perturbed).argmax(1) == 2).sum())
    assert run(state, 2, Targeted(2))[0].fooled == won
    assert won != 0


@pytest.mark.parametrize("objective", [Untargeted(enough=1e9), Targeted(1, enough=1e9)], ids=str)
def test_the_gradient_agrees_with_finite_differences(objective: Objective) -> None:
    """Of the same loss without the rounding, which the gradient passes as if it were not there."""
    score, batch = linear_score(torch.float64), draw(3, torch.float64)
    delta = (random(SLOTS, 3, *DELTA, seed=4).double() - 0.5) * 0.05

    def smooth_loss(at: Tensor) -> float:
        pattern = (batch.rows @ at @ batch.columns.T)[batch.slots]
        return float(objective.loss(score((batch.frames + pattern).clamp(0, 1)), batch.clean_predictions).mean())

    _, losses, gradient = evaluate_gradient(score, batch, objective, delta)
    assert float(losses.mean()) == pytest.approx(smooth_loss(delta), abs=0.05)
    for place in range(0, delta.numel(), 7):
        step = torch.zeros_like(delta)
        step.view(-1)[place] = 1e-6
        difference = (smooth_loss(delta + step) - smooth_loss(delta - step)) / 2e-6
        assert float(gradient.view(-1)[place]) == pytest.approx(difference, rel=1e-4, abs=1e-8)


def test_the_network_sees_whole_levels() -> None:
    seen: list[Tensor] = []

    def score(clips: Tensor) -> Tensor:
        seen.append(clips.detach())
        return linear_score()(clips)

    evaluate_gradient(score, draw(0), Untargeted(), torch.full((SLOTS, 3, *DELTA), 0.02))
    assert torch.equal(seen[0], (seen[0] * 255).round() / 255)
    assert 0 <= float(seen[0].min()) < float(seen[0].max()) <= 1


def test_evaluating_leaves_delta_and_the_batch_alone() -> None:
    delta, batch = torch.full((SLOTS, 3, *DELTA), 0.02), draw(0)
    kept = batch.frames.clone()
    evaluate_gradient(linear_score(), batch, Untargeted(), delta)
    assert torch.equal(batch.frames, kept)
    assert not delta.requires_grad
    assert bool((delta == 0.02).all())


def test_the_gradient_passes_the_rounding_and_stops_where_the_sum_was_cut() -> None:
    frames = torch.tensor([0.0, 0.5, 1.0, 1.0, 0.0])
    pattern = torch.tensor([-0.01, 0.0011, 0.01, -0.01, 0.01], requires_grad=True)
    total = add_and_round(frames, pattern)
    assert (total * 255).tolist() == pytest.approx([0, 128, 255, 252, 3])
    (gradient,) = torch.autograd.grad(total.sum(), pattern)
    assert gradient.tolist() == [0, 1, 0, 1, 1]
