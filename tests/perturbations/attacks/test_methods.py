"""What is special about each method, against figures worked out by hand."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from perturbations.attacks.append import Append
from perturbations.attacks.base import ENOUGH, objective_loss
from perturbations.attacks.btc import Btc
from perturbations.attacks.cw import Cw
from perturbations.attacks.dup import Dup, Form
from perturbations.attacks.fgsm import Fgsm
from perturbations.attacks.flicker import Flicker
from perturbations.attacks.gd_uap import GdUap
from perturbations.attacks.ifgsm import Ifgsm
from perturbations.attacks.lsap import Lsap
from perturbations.attacks.sgd_uap import SgdUap
from perturbations.attacks.sparse import Sparse
from perturbations.attacks.u3d import LATTICE, U3d, perlin
from perturbations.attacks.uap import Uap
from perturbations.bindings import NO_SLOT
from perturbations.coherence import Coherence, temporal_coherence
from perturbations.gradients import Seen, add_and_round, at_the_network, gradient_at
from perturbations.learn import State, learn
from perturbations.losses import excitement, margin_loss
from perturbations.objectives import Discriminative, Targeted
from perturbations.problem import Batch, Inside, Problem, Sight
from tests.perturbations.worlds import (
    FRAMES,
    SIZE,
    LinearNetwork,
    TanhNetwork,
    activations_of,
    features_of,
    make_problem,
    perturbed,
    random,
    run,
    success_rate,
)


def zeros(problem: Problem) -> State:
    return State(problem.zeros())


# uap


def one_gray_clip(problem: Problem, weight: Tensor) -> tuple[Problem, LinearNetwork]:
    """The clip is gray and delta reaches it as it is, so that the linear network's gradient is its weight."""
    network = LinearNetwork()
    network.weight = weight
    gray = torch.full((1, FRAMES, 3, *SIZE), 102 / 255)
    batch = Batch(gray, torch.zeros(1, FRAMES, dtype=torch.int64), network.score(gray).argmax(1), eye(0), eye(1))
    shape = (1, 3, *SIZE)
    return replace(problem, network=network, draw=lambda _: batch, shape=shape), network


def eye(axis: int) -> Tensor:
    return torch.eye(SIZE[axis])


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
        pattern = (batch.rows @ delta @ batch.columns.T)[batch.slots]
        logits = problem.network.score(batch.frames + pattern)
        aims = problem.objective.aims(batch.clean_predictions)
        margin_loss(logits, aims, ENOUGH).mean().backward()
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
        def look(self, clips: Tensor, *wanted: Inside) -> Sight:
            return Sight(super().look(clips.detach()).logits + 0 * clips.mean())

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
    first, second = (make_problem(footage=footage) for footage in (0, 1))
    assert not torch.equal(first.draw(0).frames, second.draw(0).frames)
    states = [zeros(first), zeros(second)]
    for problem, state in zip((first, second), states, strict=True):
        run(problem, GdUap(), state, 4, 8)
    assert torch.equal(states[0].delta, states[1].delta)


def test_fgsm_does_look_at_frames() -> None:
    states = [zeros(make_problem()), zeros(make_problem())]
    for footage, state in enumerate(states):
        run(make_problem(footage=footage), Fgsm(), state, 1, 1)
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


# lsap


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
        def look(self, clips: Tensor, *wanted: Inside) -> Sight:
            sight = super().look(clips, *wanted)
            assert sight.features is not None
            return sight._replace(features=sight.features[:, :2])

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
    """With together=1 the gradient is that of the way to the class with the highest running mean."""
    problem = make_problem()
    state = zeros(problem)
    plain = Lsap(excite=0, loosen=1, together=1.0)
    run(problem, plain, state, 3, 8)
    shared = int(state.memory["trend"].argmax())
    batch, before = problem.draw(state.steps), state.delta

    def join(seen: Seen) -> Tensor:
        logits = seen.logits
        clean = batch.clean_predictions
        others = logits.index_fill(1, torch.tensor([shared]), -math.inf).amax(1)
        own = (logits.gather(1, clean[:, None])[:, 0] - masked(logits, clean)).clamp(min=-ENOUGH)
        return torch.where(clean == shared, own, (others - logits[:, shared]).clamp(min=-ENOUGH))

    expected = gradient_at(problem, batch, before, join).gradient
    step = plain.step(problem, state, 0.0)
    assert step.gradient_size == pytest.approx(float(expected.abs().mean()), rel=1e-5)


@pytest.mark.parametrize("coherence", ["off", "keep"])
def test_the_excitement_gets_the_weight_that_was_asked_for(coherence: Coherence) -> None:
    problem = make_problem()
    state, batch = zeros(problem), problem.draw(0)
    attack = Lsap(excite=0.5, coherence=coherence)
    attack.start(problem, state)
    margin = gradient_at(problem, batch, state.delta, objective_loss(problem)).gradient.norm()
    calm = gradient_at(problem, batch, state.delta, quiet, "activations").gradient.norm()
    attack.step(problem, state, 0.0)
    assert float(state.memory["balance.activations"]) == pytest.approx(0.5 * float(margin / calm), rel=1e-4)


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


def quiet(seen: Seen) -> Tensor:
    (maps,) = seen.activations or []
    return -maps.square().sum((1, 2, 3)).view(len(seen.logits), -1).sum(1).sqrt().log()


def test_excitement_makes_layers_respond_more_strongly() -> None:
    problem = make_problem()
    batch = problem.draw(0)
    problem = replace(problem, draw=lambda _: batch)
    state = zeros(problem)
    before = seen_strength(problem, batch, state.delta)
    run(problem, Lsap(excite=1000.0, first_step=0.01), state, 4, 100)
    assert seen_strength(problem, batch, state.delta) > before + 1e-3


def seen_strength(problem: Problem, batch: Batch, delta: Tensor) -> float:
    layers = activations_of(problem.network, perturbed(batch, delta))
    return float(excitement(layers, len(batch.frames)).mean())


def test_an_untargeted_run_on_a_network_without_layers_says_so_and_a_targeted_one_looks_at_none() -> None:
    class Closed(TanhNetwork):
        def look(self, clips: Tensor, *wanted: Inside) -> Sight:
            return super().look(clips, *wanted)._replace(activations=[])

    told: list[str] = []
    problem = make_problem(network=Closed(), say=told.append)
    state = zeros(problem)
    run(problem, Lsap(), state, 2, 4)
    assert told == ["the network has no layers that can be looked into: learning goes on without exciting them"]
    assert state.delta.any()
    with pytest.raises(ValueError, match="gd-uap excites layers, and this network has none"):
        GdUap().start(problem, zeros(problem))
    run(replace(problem, objective=Targeted(1)), Lsap(), zeros(problem), 2, 4)
    assert len(told) == 1


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


def test_delta_of_the_tiny_world_reaches_the_network_in_every_slot() -> None:
    """So that what the tests above see of a method is not an accident of the world."""
    problem = make_problem("cyclic:16")
    slots = {int(slot) for step in range(12) for slot in problem.draw(step).slots.flatten()}
    assert slots == set(range(16))
    batch = problem.draw(0)
    _, total = add_and_round(batch.frames, at_the_network(torch.full(problem.shape, 0.1), batch), batch.slots)
    assert 0.5 < float(((total >= 0) & (total <= 1)).float().mean()) < 1
