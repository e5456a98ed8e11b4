from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from perturbations.attacks.base import COUNT_EVERY
from perturbations.attacks.lsap import Lsap
from perturbations.learn import learn
from perturbations.objectives import Targeted
from perturbations.problem import Batch
from perturbations.state import State
from tests.perturbations.worlds import CLASSES, CLIPS, make_problem, perturbed, run, same


def start() -> State:
    return State(torch.zeros(4, 3, 5, 6))


def test_a_run_begins_once_and_ends_when_progress_says_so() -> None:
    begun: list[int] = []

    class Counting(Lsap):
        def start(self, problem: object, state: State) -> None:
            begun.append(state.steps)

    state = start()
    for until in (3, 8, 9):
        run(make_problem(), Counting(), state, until, 8)
    assert begun == [0]
    assert state.steps == 8
    kept = state.delta
    assert list(learn(make_problem(), Counting(), state, lambda _: 1.0)) == []
    assert state.delta is kept


def test_steps_get_the_part_of_the_run_that_is_over() -> None:
    shares: list[float] = []

    class Listening(Lsap):
        def step(self, problem, state, done):  # type: ignore[no-untyped-def]  # of the base
            shares.append(done)
            return super().step(problem, state, done)

    run(make_problem(), Listening(), start(), 4, 4)
    assert shares == [0, 0.25, 0.5, 0.75]


def test_a_step_counts_the_clips_on_which_the_attacker_had_won_before_it() -> None:
    problem, state = make_problem(), start()
    assert run(problem, Lsap(first_step=0.2), state, 1, 8)[0].fooled == 0  # nothing is changed before the first step
    batch = problem.draw(1)
    predictions = problem.network.score(perturbed(batch, state.delta)).argmax(1)
    target = int(predictions[0])
    won = int((predictions == target).sum())
    assert won > 0
    assert run(make_problem(objective=Targeted(target)), Lsap(), state, 2, 8)[0].fooled == won


def test_clips_that_the_augmentation_alone_has_turned_are_not_counted_as_fooled() -> None:
    """Before the first step nothing is in the clips; the videos that they come from are of other classes."""
    problem = make_problem()

    def augmented(step: int) -> Batch:
        batch = problem.draw(step)
        return batch._replace(clean_predictions=(batch.clean_predictions + 1) % CLASSES, augmented=True)

    steps = run(replace(problem, draw=augmented), Lsap(first_step=0.2), start(), 2 * COUNT_EVERY, 2 * COUNT_EVERY)
    plain = replace(problem, draw=lambda step: augmented(step)._replace(augmented=False))
    assert steps[0].fooled == 0
    assert run(plain, Lsap(), start(), 1, 8)[0].fooled == CLIPS
    assert [step.number for step in steps if step.fooled is not None] == [1, COUNT_EVERY + 1]


def test_a_saved_state_is_loaded_as_it_was(tmp_path: Path) -> None:
    state = start()
    run(make_problem(), Lsap(update="adam"), state, 3, 8)
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
