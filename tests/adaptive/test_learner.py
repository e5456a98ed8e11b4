"""Attackers that learn on fit videos: against a detector, resumed, started from a given perturbation."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from defenses.detectors import Detector
from lsap_cli.adaptive.learning.detector_constraint import PerturbedFitVideos
from lsap_cli.adaptive.learning.fit_videos import LearningSetup
from lsap_cli.adaptive.learning.learner import AttackerLearner
from lsap_cli.adaptive.planning.attackers import Attacker
from lsap_cli.adaptive.planning.defense_ladders import LadderSettings
from lsap_cli.adaptive.planning.detector_ladders import plan_detector_ladder
from lsap_cli.classifiers.instrumented import InstrumentedClassifier
from lsap_cli.runs import Run
from perturbations import Perturbation, parse_binding
from perturbations.attacks.lsap import Lsap
from perturbations.attacks.search import RandomSearch
from perturbations.learn import learn
from perturbations.objectives import Untargeted
from perturbations.samplers import Uniform
from perturbations.state import State
from tests.adaptive.worlds import BUDGET, Redness, RednessWithoutGradient, color_classifier, gray_videos, zeros


def learner(folder: Path, resume: bool = False) -> AttackerLearner:
    run = Run(folder, "defend", {}, []) if not folder.exists() else Run(folder, "defend", {}, [], resume=True)
    setup = LearningSetup(color_classifier(), gray_videos(8, 1), [Uniform()], Untargeted(), 0)
    return AttackerLearner(setup, run, resume)


def attacker(**changed: Any) -> Attacker:
    return Attacker("it", Lsap(), None, BUDGET, parse_binding("cyclic:2"), 40, **changed)


def counts_on_other_videos(learned: Perturbation, detector: Detector) -> tuple[int, int, int]:
    """On videos that were not learned from: how many are changed, flagged, won."""
    classifier = color_classifier()
    videos = PerturbedFitVideos(classifier, InstrumentedClassifier(classifier), gray_videos(12, 2), 0)
    threshold = videos.threshold(detector).threshold
    changed, flagged = [], []
    with torch.no_grad():
        for number in range(12):
            shown = videos.perturbed(number, learned.delta, learned.binding)
            changed.append(bool(shown.probabilities(shown.clips)[0].argmax() == 1))
            flagged.append(float(detector.score(detector.evidence(shown))) > threshold)
    return sum(changed), sum(flagged), sum(c and not f for c, f in zip(changed, flagged, strict=True))


def ladder_attacker(name: str) -> Attacker:
    """An attacker of the ladder of redness."""
    ladder = plan_detector_ladder("it", Redness(), (), LadderSettings(zeros("cyclic:2"), 40))
    return next(one for one in ladder.attackers if one.name.startswith(name))


def test_an_attack_without_knowledge_is_flagged_and_one_that_knows_the_detector_is_not(tmp_path: Path) -> None:
    run_learner = learner(tmp_path / "run")
    without_knowledge, adaptive = run_learner.learn(attacker()), run_learner.learn(ladder_attacker("A2 cautious"))
    assert counts_on_other_videos(without_knowledge, Redness()) == (12, 12, 0)
    changed, flagged, won = counts_on_other_videos(adaptive, Redness())
    assert (changed, won) == (12, 12 - flagged)
    assert won >= 11
    assert float(adaptive.delta[:, 1].mean()) > 0.8 * float(BUDGET.epsilon)  # green goes all the way


def test_a_higher_tolerance_of_flagged_videos_gives_a_pattern_that_the_detector_scores_higher(tmp_path: Path) -> None:
    run_learner = learner(tmp_path / "run")
    low, high = run_learner.learn(ladder_attacker("A2 cautious")), run_learner.learn(ladder_attacker("A2 bold"))
    assert float(high.delta[:, 0].mean()) > float(low.delta[:, 0].mean())
    assert counts_on_other_videos(high, Redness())[2] > 0


def test_a_search_without_gradients_evades_a_detector_without_a_gradient(tmp_path: Path) -> None:
    searching = replace(attacker(detector=RednessWithoutGradient()), attack=RandomSearch(grid=2), steps=120)
    _, flagged, won = counts_on_other_videos(learner(tmp_path / "run").learn(searching), Redness())
    assert flagged <= 1
    assert won >= 10


def test_a_detector_that_hides_its_gradient_gives_zeros_and_no_error(tmp_path: Path) -> None:
    with learner(tmp_path / "run").problem(attacker(detector=RednessWithoutGradient())) as problem:
        assert problem.constraint is not None
        bright = torch.full(problem.shape, float(BUDGET.epsilon))
        assert float(problem.constraint.gradient_at(bright, 0).gradient.abs().max()) == 0.0
        assert problem.constraint.cost(bright, 0) > 5.0


def test_learning_that_was_stopped_and_resumed_ends_with_the_same_bits(tmp_path: Path) -> None:
    one = replace(ladder_attacker("A2 cautious"), name="it")
    whole = learner(tmp_path / "whole").learn(one)
    with learner(tmp_path / "first").problem(one) as problem:
        state = State(problem.zeros())
        for _ in learn(problem, one.attack, state, lambda now: now.steps / one.steps if now.steps < 17 else 1.0):
            pass
    folder = tmp_path / "second"
    (folder / "attackers").mkdir(parents=True)
    state.save(folder / "attackers" / "colors_it.state")
    resumed = learner(folder, resume=True).learn(one)
    assert torch.equal(resumed.delta, whole.delta)


@pytest.mark.parametrize("size", [8, 5])
def test_a_warm_start_begins_at_the_given_perturbation(tmp_path: Path, size: int) -> None:
    delta = BUDGET.project(torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(3)))
    start = replace(zeros("cyclic:2"), delta=delta)
    barely = replace(attacker(start=start), attack=Lsap(first_step=1e-4, loosen=1.0), steps=1)
    learned = learner(tmp_path / "run").learn(barely)
    torch.testing.assert_close(learned.delta, start.resized(8, 8), rtol=0, atol=1.01e-4 * float(BUDGET.epsilon))
    assert not torch.equal(learned.delta, start.resized(8, 8))
