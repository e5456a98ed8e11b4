"""Several networks: their losses and gradients become one, for every attack."""

from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor

from perturbations.attacks import ATTACKS, Attack
from perturbations.attacks.lsap import Lsap
from perturbations.ensemble import ensemble_problem
from perturbations.gradients import LossInput, combined_loss, gradient_at, losses_at
from perturbations.network import Internal, NetworkOutput
from perturbations.objectives import Targeted
from perturbations.problem import Combination, Problem
from perturbations.state import State, Step
from tests.perturbations.attacks.test_contract import BINDINGS
from tests.perturbations.worlds import LinearNetwork, TanhNetwork, make_problem, run, same, success_rate, zeros

COMBINED: tuple[Combination, ...] = ("mean", "max")
NAMES = [name for name in ATTACKS if name != "append"]
ONE_STEP_FOR_ALL = [  # uap takes steps for the clips of one network after the other, unless max picks one of them
    (name, combine) for name in NAMES for combine in COMBINED if (name, combine) != ("uap", "mean")
]


@dataclass
class Reordered:
    """A network whose classes are in another order: class k of `network` is class order.index(k) here."""

    network: TanhNetwork
    order: tuple[int, ...]

    def score(self, clips: Tensor) -> Tensor:
        return self.outputs(clips).logits

    def outputs(self, clips: Tensor, *internals: Internal) -> NetworkOutput:
        output = self.network.outputs(clips, *internals)
        return output._replace(logits=output.logits[:, list(self.order)])


def margin(given: LossInput) -> Tensor:
    return given.logits.gather(1, given.batch.clean_predictions[:, None])[:, 0]


def problem_for(name: str, **settings: object) -> Problem:
    return make_problem(BINDINGS.get(name, "cyclic:4"), **settings)  # type: ignore[arg-type]  # as make_problem takes


def steps_of(problem: Problem, attack: Attack, steps: int = 3) -> tuple[State, list[Step]]:
    state = zeros(problem)
    return state, run(problem, attack, state, steps, steps + 1)


@pytest.mark.parametrize(("name", "combine"), ONE_STEP_FOR_ALL)
def test_two_equal_networks_give_the_steps_of_one(name: str, combine: Combination) -> None:
    single = problem_for(name)
    both = ensemble_problem([problem_for(name), problem_for(name)], combine)
    (one, alone), (two, together) = steps_of(single, ATTACKS[name]()), steps_of(both, ATTACKS[name]())
    assert torch.equal(one.delta, two.delta)
    assert [step.loss for step in alone] == [step.loss for step in together]
    assert [2 * step.clips for step in alone] == [step.clips for step in together]


def test_the_mean_is_that_of_losses_and_gradients_of_each_network() -> None:
    problems = [make_problem(network=TanhNetwork()), make_problem(network=LinearNetwork())]
    both, delta = ensemble_problem(problems), 0.02 * torch.ones(problems[0].shape)
    found = gradient_at(both, both.draw(3), delta, margin)
    alone = [gradient_at(one, one.draw(3), delta, margin) for one in problems]
    torch.testing.assert_close(found.gradient, (alone[0].gradient + alone[1].gradient) / 2)
    assert not torch.allclose(alone[0].gradient, alone[1].gradient)
    expected = (float(alone[0].losses.mean()) + float(alone[1].losses.mean())) / 2
    assert combined_loss(both, found) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("harder", [0, 1, 2])
def test_max_takes_the_gradient_of_the_network_whose_mean_loss_is_highest(harder: int) -> None:
    problems = [make_problem(network=LinearNetwork(seed=seed)) for seed in range(3)]
    both, delta = ensemble_problem(problems, "max"), 0.02 * torch.ones(problems[0].shape)

    def loss(given: LossInput) -> Tensor:
        return margin(given) + (100.0 if given.problem.number == harder else 0.0)

    found = gradient_at(both, both.draw(1), delta, loss)
    alone = [gradient_at(one, one.draw(1), delta, margin).gradient for one in problems]
    assert [torch.equal(found.gradient, one) for one in alone] == [number == harder for number in range(3)]
    assert combined_loss(both, found) > 90


def test_losses_without_a_gradient_are_those_with_one() -> None:
    both = ensemble_problem([make_problem(network=TanhNetwork()), make_problem(network=LinearNetwork())])
    delta, batch = 0.02 * torch.ones(both.shape), both.draw(2)
    with_gradient, without = (at(both, batch, delta, margin) for at in (gradient_at, losses_at))
    for one, other in zip(with_gradient.of_networks, without.of_networks, strict=True):
        assert torch.equal(one.losses, other.losses)
        assert torch.equal(one.logits, other.logits)
    assert not without.gradient.any()
    assert with_gradient.gradient.any()


@pytest.mark.parametrize("combine", COMBINED)
@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("gd-uap", "btc", "u3d")])
def test_a_target_with_another_class_number_in_each_network_is_aimed_at_in_both(
    name: str, combine: Combination
) -> None:
    """The second network is the first with its classes in another order, so its steps are those of the first."""
    single = problem_for(name, objective=Targeted(2))
    other = problem_for(name, network=Reordered(TanhNetwork(), (2, 3, 0, 1)), objective=Targeted(0))
    both = ensemble_problem([single, other], combine)
    (one, _), (two, _) = steps_of(single, ATTACKS[name]()), steps_of(both, ATTACKS[name]())
    if name == "uap":
        combined = [success_rate(problem, two.delta) for problem in (single, other)]
        assert combined[0] == combined[1]
    else:
        torch.testing.assert_close(one.delta, two.delta, rtol=1e-4, atol=1e-6)


def test_a_sign_step_lowers_the_mean_loss_of_linear_networks_more_than_one_for_either_network_alone() -> None:
    problems = [make_problem(network=LinearNetwork(seed=seed)) for seed in (9, 10)]
    both, batch = ensemble_problem(problems), ensemble_problem(problems).draw(0)
    gradients = [gradient_at(one, one.draw(0), one.zeros(), margin).gradient for one in (both, *problems)]
    losses = [combined_loss(both, losses_at(both, batch, -0.05 * one.sign(), margin)) for one in gradients]
    assert losses[0] < min(losses[1:])


def test_what_lsap_remembers_of_networks_stands_apart() -> None:
    problems = [make_problem(network=TanhNetwork()), make_problem(network=LinearNetwork())]
    state, _ = steps_of(ensemble_problem(problems), Lsap())
    alone, _ = steps_of(problems[0], Lsap())
    assert set(alone.memory) <= set(state.memory)
    assert {"trend of network 2", "balance.activations of network 2"} <= set(state.memory)
    assert not torch.equal(state.memory["trend"], state.memory["trend of network 2"])


def test_an_ensemble_that_is_stopped_and_goes_on_ends_with_the_same_bits() -> None:
    def ensemble() -> Problem:
        return ensemble_problem([make_problem(), make_problem(network=LinearNetwork())], "max")

    whole, halves = zeros(ensemble()), zeros(ensemble())
    run(ensemble(), Lsap(), whole, 8, 8)
    run(ensemble(), Lsap(), halves, 3, 8)
    run(ensemble(), Lsap(), halves, 8, 8)
    assert same(whole, halves)


def test_a_method_that_asks_one_network_by_itself_is_refused() -> None:
    both = ensemble_problem([make_problem(), make_problem()])
    with pytest.raises(ValueError, match="asks one network by itself, and there are 2"):
        both.network.score(both.draw(0).frames)
    with pytest.raises(ValueError, match="asks one network by itself"):
        both.network.outputs(both.draw(0).frames)


def test_a_method_that_takes_one_class_number_is_refused_where_the_networks_have_others() -> None:
    both = ensemble_problem([make_problem(objective=Targeted(0)), make_problem(objective=Targeted(1))])
    clean = torch.zeros(1, dtype=torch.int64)
    with pytest.raises(ValueError, match="another class number in each of 2 networks"):
        both.objective.aims(clean)
    with pytest.raises(ValueError, match="another class number"):
        both.objective.success(clean, clean)
    same_number = ensemble_problem([make_problem(objective=Targeted(1)), make_problem(objective=Targeted(1))])
    assert same_number.objective == Targeted(1)


def test_an_ensemble_of_one_is_that_network() -> None:
    problem = make_problem()
    assert ensemble_problem([problem]) is problem


@pytest.mark.parametrize(
    ("problems", "combine", "reason"),
    [
        ([], "mean", "has no network"),
        ([make_problem(), make_problem("cyclic:2")], "mean", "differ in delta's shape"),
        ([make_problem(), make_problem(levels=2)], "mean", "differ in delta's shape, binding, budget"),
        ([make_problem(), make_problem()], "median", "combine is 'median'; use mean or max"),
    ],
)
def test_what_is_no_ensemble_is_refused(problems: list[Problem], combine: Combination, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        ensemble_problem(problems, combine)


def test_each_network_has_its_own_share_of_memory() -> None:
    problems = [replace(make_problem(), number=5), make_problem()]
    both = ensemble_problem(problems)
    assert [one.number for one in both.networks] == [0, 1]
    assert both.networks[0].micro_batch is problems[0].micro_batch
