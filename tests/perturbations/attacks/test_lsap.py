"""What is special about lsap."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from perturbations.attacks.base import CONFIDENCE, objective_loss
from perturbations.attacks.gd_uap import GdUap
from perturbations.attacks.lsap import RESPONSE_STEPS, Lsap, layer_response_loss, smallest_layers
from perturbations.coherence import Coherence, temporal_coherence
from perturbations.gradients import LossInput, gradient_at
from perturbations.learn import learn
from perturbations.losses import layer_response
from perturbations.network import Internal, NetworkOutput
from perturbations.objectives import Targeted
from perturbations.problem import Batch, Problem
from tests.perturbations.worlds import (
    TanhNetwork,
    activations_of,
    features_of,
    make_problem,
    perturbed,
    random,
    run,
    success_rate,
    zeros,
)


def coherence_after(attack: Lsap) -> float:
    """Of the clips that the pattern was learned on."""
    problem = make_problem()
    batch = problem.draw(3)
    problem = replace(problem, draw=lambda _: batch)
    state = zeros(problem)
    steps = run(problem, attack, state, 4, 4)
    assert all((step.coherence is None) == (attack.coherence == "off") for step in steps)
    with torch.no_grad():
        features = features_of(problem.network, perturbed(batch, state.delta))
    return float(temporal_coherence(features, attack.temperature).mean())


def test_keep_raises_the_coherence_against_off_and_break_lowers_it() -> None:
    keep, off, broken = (
        coherence_after(Lsap(coherence=coherence, weight=3.0)) for coherence in ("keep", "off", "break")
    )
    assert keep > off + 0.02 > off - 0.02 > broken


def test_a_step_reports_the_coherence_that_it_found() -> None:
    problem = make_problem()
    batch = problem.draw(0)
    clean = temporal_coherence(features_of(problem.network, batch.frames), 0.1).mean()
    step = run(problem, Lsap(coherence="break"), zeros(problem), 1, 4)[0]
    assert step.coherence == pytest.approx(float(clean), rel=1e-5)


def test_the_coherence_gain_gets_the_weight_that_was_asked_for() -> None:
    """balance = weight |margin's gradient| / |gain's gradient|, so weight 0 is the same as off."""
    states = {}
    plain = Lsap(excite=0)
    for name, attack in {"off": plain, "zero": replace(plain, coherence="keep", weight=0.0)}.items():
        problem = make_problem()
        states[name] = zeros(problem)
        run(problem, attack, states[name], 1, 4)
    assert torch.equal(states["off"].delta, states["zero"].delta)
    assert float(states["zero"].memory["balance.features"]) == 0


def test_coherence_needs_a_layer_with_three_moments_and_says_so_before_learning() -> None:
    class Short(TanhNetwork):
        def outputs(self, clips: Tensor, *internals: Internal) -> NetworkOutput:
            output = super().outputs(clips, *internals)
            assert output.features is not None
            return output._replace(features=output.features[:, :2])

    problem = make_problem(network=Short())
    with pytest.raises(ValueError, match="the features have 2 moments in time, and coherence needs at least 3"):
        Lsap(coherence="keep").start(problem, zeros(problem))


@pytest.mark.parametrize("update", ["momentum", "apg", "pgd", "sgd", "adam"])
def test_every_update_of_lsap_raises_success(update: str) -> None:
    problem = make_problem()
    state = zeros(problem)
    run(problem, Lsap(update=update, first_step=0.3), state, 12, 12)
    assert success_rate(problem, state.delta) > 0.15 > success_rate(problem, problem.zeros())


def test_an_untargeted_run_leads_clips_to_a_class_that_they_share() -> None:
    """With shared_class=1 the gradient is that of the way to the class with the highest running mean."""
    problem = make_problem()
    state = zeros(problem)
    plain = Lsap(excite=0, loosen=1, shared_class=1.0)
    run(problem, plain, state, 3, 8)
    shared = int(state.memory["trend"].argmax())
    batch, before = problem.draw(state.steps), state.delta

    def join(given: LossInput) -> Tensor:
        logits = given.logits
        clean = batch.clean_predictions
        others = logits.index_fill(1, torch.tensor([shared]), -math.inf).amax(1)
        own = (logits.gather(1, clean[:, None])[:, 0] - masked(logits, clean)).clamp(min=-CONFIDENCE)
        return torch.where(clean == shared, own, (others - logits[:, shared]).clamp(min=-CONFIDENCE))

    expected = gradient_at(problem, batch, before, join).gradient
    step = plain.step(problem, state, 0.0)
    assert step.gradient_size == pytest.approx(float(expected.abs().mean()), rel=1e-5)


@pytest.mark.parametrize("coherence", ["off", "keep"])
def test_the_excitement_gets_the_weight_that_was_asked_for(coherence: Coherence) -> None:
    problem = make_problem()
    state, batch = zeros(problem), problem.draw(0)
    attack = Lsap(excite=0.5, coherence=coherence)
    attack.start(problem, state)
    margin = gradient_at(problem, batch, state.delta, objective_loss()).gradient.norm()
    layer_response_loss = gradient_at(problem, batch, state.delta, quiet, "activations").gradient.norm()
    attack.step(problem, state, 0.0)
    assert float(state.memory["balance.activations"]) == pytest.approx(
        0.5 * float(margin / layer_response_loss), rel=1e-4
    )


def test_where_all_clips_are_done_nothing_is_excited_further() -> None:
    """The balance is a part of the margin's gradient, which is zero then."""
    problem = make_problem()
    batch = problem.draw(0)
    fooled = batch._replace(clean_predictions=(batch.clean_predictions + 1) % problem.classes)
    problem = replace(problem, draw=lambda _: fooled)
    state = zeros(problem)
    run(problem, Lsap(enough=0.0), state, 1, 4)
    assert float(state.memory["balance.activations"]) == 0
    assert not state.delta.any()


def quiet(given: LossInput) -> Tensor:
    (maps,) = given.activations or []
    return -maps.square().sum((1, 2, 3)).view(len(given.logits), -1).sum(1).sqrt().log()


def test_excitement_makes_layers_respond_more_strongly() -> None:
    problem = make_problem()
    batch = problem.draw(0)
    problem = replace(problem, draw=lambda _: batch)
    state = zeros(problem)
    before = seen_strength(problem, batch, state.delta)
    run(problem, Lsap(excite=1000.0, first_step=0.02), state, 4, 100)
    assert seen_strength(problem, batch, state.delta) > before + 1e-3


@pytest.mark.parametrize("count", [1, 10, 35, 40])
def test_every_layer_that_is_excited_has_its_turn_and_counts_as_much_as_in_the_whole(count: int) -> None:
    problem = make_problem()
    layers = [random(2, 3 + number, seed=number).requires_grad_() for number in range(count)]
    seen = LossInput(torch.empty(2, 0), torch.zeros(2, 3), problem.draw(0).part(0, 2), problem, activations=layers)

    def gradients(step: int | None) -> list[Tensor]:
        loss = layer_response_loss(step)(seen).sum()
        return list(torch.autograd.grad(loss, layers, allow_unused=True, materialize_grads=True))

    rounds = 2 * min(RESPONSE_STEPS, len(smallest_layers(layers)))
    whole, turns = gradients(None), [gradients(step) for step in range(rounds)]
    assert whole[0].any()
    for layer, expected in enumerate(whole):
        torch.testing.assert_close(torch.stack([turn[layer] for turn in turns]).mean(0), expected)
    excited = [sum(bool(gradient.any()) for gradient in one) for one in (whole, *turns)]
    assert excited[0] == 1 or max(excited[1:]) < excited[0]


def seen_strength(problem: Problem, batch: Batch, delta: Tensor) -> float:
    layers = activations_of(problem.network, perturbed(batch, delta))
    return float(layer_response(layers, len(batch.frames)).mean())


def test_an_untargeted_run_on_a_network_without_layers_says_so_and_a_targeted_one_looks_at_none() -> None:
    class Closed(TanhNetwork):
        def outputs(self, clips: Tensor, *internals: Internal) -> NetworkOutput:
            return super().outputs(clips, *internals)._replace(activations=[])

    warnings: list[str] = []
    problem = make_problem(network=Closed(), warn=warnings.append)
    state = zeros(problem)
    run(problem, Lsap(), state, 2, 4)
    assert warnings == ["the network has no layers that can be looked into: learning goes on without exciting them"]
    assert state.delta.any()
    with pytest.raises(ValueError, match="gd-uap excites layers, and this network has none"):
        GdUap().start(problem, zeros(problem))
    run(replace(problem, objective=Targeted(1)), Lsap(), zeros(problem), 2, 4)
    assert len(warnings) == 1


def test_the_budget_begins_wide_and_is_narrowed_over_the_first_half() -> None:
    problem = make_problem(levels=8)
    state = zeros(problem)
    attack = Lsap(loosen=3.0, first_step=2.0)
    sizes = []
    for _ in learn(problem, attack, state, lambda now: now.steps / 8):
        sizes.append(float(state.memory["wide"].abs().max()) * 255)
        assert float(state.delta.abs().max()) * 255 <= 8.001
        torch.testing.assert_close(state.delta, problem.budget.project(state.memory["wide"]), rtol=0, atol=0)
    assert sizes == pytest.approx([24, 20, 16, 12, 8, 8, 8, 8], abs=0.01)


def masked(logits: Tensor, classes: Tensor) -> Tensor:
    return logits.scatter(1, classes[:, None], -math.inf).amax(1)
