"""What is special about each method, against figures worked out by hand."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from perturbations.attacks.append import Append
from perturbations.attacks.base import CONFIDENCE
from perturbations.attacks.btc import Btc
from perturbations.attacks.cw import Cw
from perturbations.attacks.dup import Dup, Form
from perturbations.attacks.fgsm import Fgsm
from perturbations.attacks.flicker import Flicker
from perturbations.attacks.gd_uap import GdUap
from perturbations.attacks.ifgsm import Ifgsm
from perturbations.attacks.sgd_uap import SgdUap
from perturbations.attacks.sparse import Sparse
from perturbations.attacks.u3d import LATTICE, U3d, perlin
from perturbations.attacks.uap import Uap
from perturbations.bindings import NO_SLOT
from perturbations.losses import margin_loss
from perturbations.network import Internal, NetworkOutput
from perturbations.objectives import Discriminative, Targeted
from perturbations.problem import Batch, Problem
from perturbations.resizing import ResizePath
from tests.perturbations.worlds import (
    FRAMES,
    SIZE,
    LinearNetwork,
    TanhNetwork,
    features_of,
    linear,
    make_problem,
    perturbed,
    random,
    run,
    zeros,
)

# uap


def one_gray_clip(problem: Problem, weight: Tensor) -> tuple[Problem, LinearNetwork]:
    """The clip is gray and delta reaches it as it is, so that the linear network's gradient is its weight."""
    network = LinearNetwork()
    network.weight = weight
    gray = torch.full((1, FRAMES, 3, *SIZE), 102 / 255)
    path = ResizePath(torch.eye(SIZE[0]), torch.eye(SIZE[1]))
    batch = Batch(gray, torch.zeros(1, FRAMES, dtype=torch.int64), network.score(gray).argmax(1), path)
    shape = (1, 3, *SIZE)
    return replace(problem, network=network, draw=lambda _: batch, shape=shape), network


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_deepfool_goes_to_the_nearest_border_of_a_linear_network_in_one_step(norm: str) -> None:
    """The distance to the border between classes a and b is (f_a - f_b) / |w_a - w_b|*, * being the dual norm."""
    weight = 0.1 * (random(FRAMES * 3 * SIZE[0] * SIZE[1], 3, seed=1) - 0.5)
    problem, _ = one_gray_clip(make_problem("constant", norm, 255), weight)  # type: ignore[arg-type]  # one of the two
    state = zeros(problem)
    overshoot = 0.02
    run(problem, Uap(iterations=1, overshoot=overshoot), state, 1, 1)

    batch = problem.draw(0)
    logits = (batch.frames.flatten(1) @ weight)[0]
    own = int(logits.argmax())
    steps = []
    for other in {0, 1, 2} - {own}:
        w = (weight[:, other] - weight[:, own]).view(FRAMES, 3, *SIZE).sum(0)  # one slot for all frames
        gap = float(logits[own] - logits[other])
        steps.append(gap / w.abs().sum() * w.sign() if norm == "linf" else gap / w.square().sum() * w)
    nearest = min(steps, key=problem.budget.size)
    torch.testing.assert_close(state.delta[0], (1 + overshoot) * nearest, rtol=2e-3, atol=1e-6)


def test_after_that_step_the_clip_is_over_the_border_and_a_fooled_clip_moves_nothing() -> None:
    weight = 0.1 * (random(FRAMES * 3 * SIZE[0] * SIZE[1], 3, seed=1) - 0.5)
    problem, network = one_gray_clip(make_problem("constant", levels=255), weight)
    state = zeros(problem)
    batch = problem.draw(0)
    first, second = run(problem, Uap(overshoot=0.02), state, 1, 2), run(problem, Uap(), state, 2, 2)
    assert int(network.score(perturbed(batch, state.delta)).argmax()) != int(batch.clean_predictions)
    assert (first[0].fooled, second[0].fooled) == (0, 1)
    assert second[0].gradient_size == 0


def test_uap_drives_towards_a_target_where_there_is_one() -> None:
    weight = 0.1 * (random(FRAMES * 3 * SIZE[0] * SIZE[1], 3, seed=1) - 0.5)
    problem, network = one_gray_clip(make_problem("constant", levels=255), weight)
    own = int(problem.draw(0).clean_predictions)
    for target in {0, 1, 2} - {own}:
        state, aimed = zeros(problem), replace(problem, objective=Targeted(target))
        run(aimed, Uap(), state, 1, 1)
        assert int(network.score(perturbed(problem.draw(0), state.delta)).argmax()) == target


# one step, or many of one size


def summed_gradient(problem: Problem, steps: int) -> Tensor:
    """Of the margin at zero, by torch's own differentiation without the rounding."""
    delta = problem.zeros().requires_grad_()
    for step in range(steps):
        batch = problem.draw(step)
        pattern = (linear(batch.path).rows @ delta @ linear(batch.path).columns.T)[batch.slots]
        logits = problem.network.score(batch.frames + pattern)
        aims = problem.objective.aims(batch.clean_predictions)
        margin_loss(logits, aims, CONFIDENCE).mean().backward()
    assert delta.grad is not None
    return delta.grad


@pytest.mark.parametrize("steps", [1, 3])
def test_fgsm_is_minus_epsilon_times_the_sign_of_the_sum_of_gradients(steps: int) -> None:
    problem = make_problem()
    state = zeros(problem)
    run(problem, Fgsm(), state, steps, steps)
    torch.testing.assert_close(state.delta, -problem.epsilon * summed_gradient(problem, steps).sign())


def test_fgsm_in_l2_goes_along_the_gradient_to_the_edge_of_the_budget() -> None:
    problem = make_problem(norm="l2")
    state = zeros(problem)
    run(problem, Fgsm(), state, 2, 2)
    gradient = summed_gradient(problem, 2)
    cosine = F.cosine_similarity(-gradient.flatten(), state.delta.flatten(), dim=0)
    assert float(cosine) == pytest.approx(1, abs=1e-5)
    assert problem.budget.size(state.delta) == pytest.approx(problem.epsilon, rel=1e-5)


def test_ifgsm_takes_steps_of_one_size() -> None:
    problem = make_problem()
    state = zeros(problem)
    run(problem, Ifgsm(step_size=0.25), state, 1, 100)
    torch.testing.assert_close(state.delta, -0.25 * problem.epsilon * summed_gradient(problem, 1).sign())
    before = state.delta
    run(problem, Ifgsm(step_size=0.25), state, 2, 2)
    moved = (state.delta - before).abs()
    assert set((moved / problem.epsilon).mul(1000).round().unique().tolist()) <= {0, 250}


def test_sgd_uap_gives_no_weight_to_a_clip_whose_cross_entropy_is_over_the_limit() -> None:
    problem = make_problem()
    state = zeros(problem)
    steps = run(problem, SgdUap(limit=1e-9), state, 1, 2)
    assert steps[0].gradient_size == 0
    assert not state.delta.any()
    assert run(problem, SgdUap(), zeros(problem), 1, 2)[0].gradient_size > 0


# cw


def test_cw_is_the_tanh_of_what_it_remembers_and_stays_inside_of_the_budget() -> None:
    problem = make_problem()
    state = zeros(problem)
    run(problem, Cw(), state, 4, 8)
    torch.testing.assert_close(state.delta, problem.epsilon * state.memory["w"].tanh())
    assert float(state.delta.abs().max()) < problem.epsilon


def test_cw_shrinks_a_pattern_that_gains_nothing() -> None:
    """A network that is blind to delta has no margin to give, and only the size is left in the objective."""

    class Blind(TanhNetwork):
        def outputs(self, clips: Tensor, *internals: Internal) -> NetworkOutput:
            return NetworkOutput(super().outputs(clips.detach()).logits + 0 * clips.mean())

    problem = make_problem(network=Blind())
    for size_weight in (0.0, 1.0):
        state = zeros(problem)
        state.memory = {"w": torch.full(problem.shape, 0.5)}
        Cw(size_weight=size_weight).step(problem, state, 0.0)
        smaller = state.memory["w"] < 0.5
        assert bool(smaller.all()) if size_weight else not bool(smaller.any())


# flicker, sparse, append


def test_flicker_is_one_color_a_slot() -> None:
    problem = make_problem("cyclic:16")
    state = zeros(problem)
    run(problem, Flicker(), state, 4, 8)
    assert torch.equal(state.delta, state.delta[:, :, :1, :1].expand(problem.shape))
    assert len(state.delta[:, :, 0, 0].unique()) > 3


def test_flicker_grows_smoother_with_the_weight_of_roughness() -> None:
    def roughness(weight: float) -> float:
        problem = make_problem("cyclic:16")
        state = zeros(problem)
        run(problem, Flicker(thickness=0, roughness=weight), state, 12, 12)
        colors = state.delta[:, :, 0, 0]
        return float((colors - colors.roll(1, 0)).square().mean() / colors.square().mean())

    assert roughness(1000.0) < 0.5 * roughness(0.0)


@pytest.mark.parametrize(("slots", "touched"), [(1, {0}), (2, {0, 3}), (4, {0, 1, 3, 4}), (6, {0, 1, 2, 3, 4, 5})])
def test_sparse_touches_only_its_slots_evenly_spread(slots: int, touched: set[int]) -> None:
    problem = make_problem("cyclic:6")
    state = zeros(problem)
    run(problem, Sparse(slots=slots), state, 4, 8)
    assert set(state.delta.flatten(1).any(1).nonzero()[:, 0].tolist()) == touched


def test_append_leaves_the_videos_own_frames_alone_and_shows_whole_frames() -> None:
    problem = make_problem("append:2", levels=255)
    state = zeros(problem)
    run(problem, Append(), state, 8, 8)
    batch = problem.draw(0)
    clips = perturbed(batch, state.delta)
    own = batch.slots == NO_SLOT
    assert int(own.sum()) == 5 * 4
    assert torch.equal(clips[own], batch.frames[own])
    shown = clips[~own]
    assert 0 <= float(shown.min()) < 0.3 < 0.7 < float(shown.max()) <= 1
    assert 0 <= float(state.delta.min()) <= float(state.delta.max()) <= 1


# dup


@pytest.mark.parametrize(("form", "binding"), [("3d", "relative:16"), ("2d", "constant"), ("circular", "cyclic:16")])
def test_each_form_of_dup_has_its_binding_and_makes_a_pattern_from_the_start(form: Form, binding: str) -> None:
    attack = Dup(form)
    assert attack.binding == binding
    problem = make_problem(binding)
    state = zeros(problem)
    attack.start(problem, state)
    assert state.delta.shape == problem.shape
    assert 0 < float(state.delta.abs().max()) <= problem.epsilon
    slots = state.delta.flatten(1)
    assert len(slots.unique(dim=0)) == len(slots)  # slots differ from each other


def test_dup_that_is_to_keep_a_class_does_not_drive_it_away() -> None:
    """Discriminative: clips of one class lose it, and the weight of the others says how much they matter."""
    problem = make_problem("constant", levels=40, objective=Discriminative(1))
    kept = {}
    for weight in (0.0, 4.0):
        state = zeros(problem)
        run(problem, Dup("2d", rate=0.01, kept=weight), state, 10, 10)
        kept[weight] = others_kept(problem, state.delta)
    assert kept[4.0] > kept[0.0]


def others_kept(problem: Problem, delta: Tensor) -> float:
    kept = []
    for step in range(1000, 1016):
        batch = problem.draw(step)
        with torch.no_grad():
            predictions = problem.network.score(perturbed(batch, delta)).argmax(1)
        kept.append((predictions == batch.clean_predictions)[batch.clean_predictions != 1])
    return float(torch.cat(kept).float().mean())


# u3d


def test_perlin_noise_is_zero_at_lattice_points() -> None:
    table = F.normalize(torch.randn(LATTICE, 3, generator=torch.Generator().manual_seed(1)))
    whole = torch.arange(5.0)
    assert not perlin([whole, whole, whole], table).any()
    assert perlin([whole + 0.5, whole, whole], table).any()


def test_perlin_noise_is_continuous_and_bounded() -> None:
    table = F.normalize(torch.randn(LATTICE, 3, generator=torch.Generator().manual_seed(1)))
    fine = torch.linspace(0, 4, 4 * 64 + 1)
    few = torch.tensor([0.3, 1.7])
    for axes in ([fine, few, few], [few, fine, few], [few, few, fine]):
        noise = perlin(axes, table)
        along = max(range(3), key=lambda axis: noise.shape[axis])
        assert float(noise.diff(dim=along).abs().max()) < 4 / 64  # its slope is below 4
        assert 0.1 < float(noise.abs().max()) <= 1
        kinks = noise.diff(dim=along).diff(dim=along).abs().max() * 64
        assert float(kinks) < 0.3  # the slope is continuous, too


def test_the_swarm_keeps_the_best_pattern_that_it_ever_tried() -> None:
    problem = make_problem("cyclic:16")
    state, attack = zeros(problem), U3d(swarm=3)
    tried: list[tuple[float, Tensor]] = []
    attack.start(problem, state)
    for number in range(9):
        pattern = attack.pattern(problem, state.memory["places"][number % 3])
        step = attack.step(problem, state, number / 9)
        tried.append((-step.loss, problem.budget.project(pattern)))
        state.steps += 1
    best = max(tried, key=lambda one: one[0])
    assert torch.equal(state.delta, best[1])
    assert float(state.memory["best_values"].max()) == pytest.approx(best[0], rel=1e-5)
    assert best[0] > tried[0][0]  # so that there was something to keep


def test_u3d_asks_for_no_gradient_and_its_colors_are_alike() -> None:
    problem = make_problem("cyclic:16")
    state = zeros(problem)
    steps = run(problem, U3d(swarm=2), state, 2, 4)
    assert [step.gradient_size for step in steps] == [0, 0]
    assert torch.equal(state.delta, state.delta[:, :1].expand_as(state.delta))


# features


def test_gd_uap_never_looks_at_frames() -> None:
    first, second = (make_problem(video_seed=video_seed) for video_seed in (0, 1))
    assert not torch.equal(first.draw(0).frames, second.draw(0).frames)
    states = [zeros(first), zeros(second)]
    for problem, state in zip((first, second), states, strict=True):
        run(problem, GdUap(), state, 4, 8)
    assert torch.equal(states[0].delta, states[1].delta)


def test_fgsm_does_look_at_frames() -> None:
    states = [zeros(make_problem()), zeros(make_problem())]
    for video_seed, state in enumerate(states):
        run(make_problem(video_seed=video_seed), Fgsm(), state, 1, 1)
    assert not torch.equal(states[0].delta, states[1].delta)


def neighbors(problem: Problem, delta: Tensor) -> float:
    """Mean cosine of the features of frames that follow each other."""
    found = []
    for step in range(1000, 1004):
        with torch.no_grad():
            features = features_of(problem.network, perturbed(problem.draw(step), delta))
        found.append(F.cosine_similarity(features[:, :-1], features[:, 1:], dim=2).mean())
    return float(torch.stack(found).mean())


def test_btc_lowers_the_likeness_of_neighboring_frames() -> None:
    problem = make_problem()
    state = zeros(problem)
    run(problem, Btc(rate=0.3), state, 12, 12)
    assert neighbors(problem, state.delta) < neighbors(problem, problem.zeros()) - 0.1


@pytest.mark.parametrize("gamma", [0.0, 2.0])
def test_the_loss_of_btc_is_likeness_to_the_clean_clip_plus_gamma_times_likeness_of_neighbors(gamma: float) -> None:
    problem, attack = make_problem(), Btc(gamma=gamma)
    state = zeros(problem)
    attack.start(problem, state)
    batch, delta = problem.draw(0), state.delta
    features, clean = (features_of(problem.network, clips) for clips in (perturbed(batch, delta), batch.frames))
    units, clean_units = (one / one.norm(dim=2, keepdim=True) for one in (features, clean))
    away = (units * clean_units).sum(2).mean(1)
    near = (units[:, 1:] * units[:, :-1]).sum(2).mean(1)
    assert attack.step(problem, state, 0.0).loss == pytest.approx(float((away + gamma * near).mean()), rel=1e-4)


def test_delta_of_the_tiny_world_reaches_the_network_in_every_slot() -> None:
    """So that what the tests above see of a method is not an accident of the world."""
    problem = make_problem("cyclic:16")
    slots = {int(slot) for step in range(12) for slot in problem.draw(step).slots.flatten()}
    assert slots == set(range(16))
    batch = problem.draw(0)
    total = batch.frames + batch.path.forward(torch.full(problem.shape, 0.1))[batch.slots]
    assert 0.5 < float(((total >= 0) & (total <= 1)).float().mean()) < 1
