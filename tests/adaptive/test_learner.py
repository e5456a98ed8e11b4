"""Attackers that learn on fit videos: against a detector, resumed, started from a given perturbation."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import torch

from defenses.detectors import Detector
from defenses.temporal import TemporalMean
from lsap_cli.adaptive.learning.detector_constraint import PerturbedFitVideos
from lsap_cli.adaptive.learning.fit_videos import LearningSetup
from lsap_cli.adaptive.learning.learner import AttackerLearner
from lsap_cli.adaptive.learning.progress import LearningProgress, measured_progress
from lsap_cli.adaptive.planning.attackers import Attacker
from lsap_cli.adaptive.planning.defense_ladders import LadderSettings
from lsap_cli.adaptive.planning.detector_ladders import plan_detector_ladder
from lsap_cli.classifiers.instrumented import InstrumentedClassifier
from lsap_cli.errors import LsapError
from lsap_cli.runs import Run
from perturbations import Budget, Perturbation, parse_binding
from perturbations.attacks.lsap import Lsap
from perturbations.attacks.search import RandomSearch
from perturbations.learn import learn
from perturbations.objectives import Untargeted
from perturbations.samplers import Uniform
from perturbations.state import State
from tests.adaptive.worlds import BUDGET, Redness, RednessWithoutGradient, color_classifier, gray_videos, zeros


@contextmanager
def learner(folder: Path, resume: bool = False, seed: int = 0) -> Iterator[AttackerLearner]:
    """A learner whose run ends with the block."""
    setup = LearningSetup(color_classifier(), gray_videos(8, 1), [Uniform()], Untargeted(), seed)
    with Run(folder, "defend", {}, [], resume=folder.exists()) as run:
        yield AttackerLearner(setup, run, resume)


def learn_in(folder: Path, attacker: Attacker, resume: bool = False) -> Perturbation:
    with learner(folder, resume) as run_learner:
        return run_learner.learn(attacker)


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
    with learner(tmp_path) as run_learner:
        without_knowledge, adaptive = run_learner.learn(attacker()), run_learner.learn(ladder_attacker("A2 cautious"))
    assert counts_on_other_videos(without_knowledge, Redness()) == (12, 12, 0)
    changed, flagged, won = counts_on_other_videos(adaptive, Redness())
    assert (changed, won) == (12, 12 - flagged)
    assert won >= 11
    assert float(adaptive.delta[:, 1].mean()) > 0.8 * float(BUDGET.epsilon)  # green goes all the way


def test_a_higher_tolerance_of_flagged_videos_gives_a_pattern_that_the_detector_scores_higher(tmp_path: Path) -> None:
    with learner(tmp_path) as run_learner:
        low, high = run_learner.learn(ladder_attacker("A2 cautious")), run_learner.learn(ladder_attacker("A2 bold"))
    assert float(high.delta[:, 0].mean()) > float(low.delta[:, 0].mean())
    assert counts_on_other_videos(high, Redness())[2] > 0


def test_a_search_without_gradients_evades_a_detector_without_a_gradient(tmp_path: Path) -> None:
    searching = replace(attacker(detector=RednessWithoutGradient()), attack=RandomSearch(grid=2), steps=120)
    _, flagged, won = counts_on_other_videos(learn_in(tmp_path, searching), Redness())
    assert flagged <= 1
    assert won >= 10


def test_a_detector_that_hides_its_gradient_gives_zeros_and_no_error(tmp_path: Path) -> None:
    evading = attacker(detector=RednessWithoutGradient())
    with learner(tmp_path) as run_learner, run_learner.problem(evading) as problem:
        assert problem.constraint is not None
        bright = torch.full(problem.shape, float(BUDGET.epsilon))
        assert float(problem.constraint.gradient_at(bright, 0).gradient.abs().max()) == 0.0
        assert problem.constraint.cost(bright, 0) > 5.0


def test_learning_that_was_stopped_and_resumed_ends_with_the_same_bits(tmp_path: Path) -> None:
    one = replace(ladder_attacker("A2 cautious"), name="it")
    whole = learn_in(tmp_path / "whole", one)
    with learner(tmp_path / "stopped") as run_learner, run_learner.problem(one) as problem:
        state = State(problem.zeros())
        for _ in learn(problem, one.attack, state, lambda now: now.steps / one.steps if now.steps < 17 else 1.0):
            pass
        run_learner.files.begin(one)
        state.save(run_learner.files.path(one, ".state"))
    assert torch.equal(learn_in(tmp_path / "stopped", one, resume=True).delta, whole.delta)


@pytest.mark.parametrize("size", [8, 5])
def test_a_warm_start_begins_at_the_given_perturbation(tmp_path: Path, size: int) -> None:
    delta = BUDGET.project(torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(3)))
    start = replace(zeros("cyclic:2"), delta=delta)
    barely = replace(attacker(start=start), attack=Lsap(first_step=1e-4, loosen=1.0), steps=1)
    learned = learn_in(tmp_path, barely)
    torch.testing.assert_close(learned.delta, start.resized(8, 8), rtol=0, atol=1.01e-4 * float(BUDGET.epsilon))
    assert not torch.equal(learned.delta, start.resized(8, 8))


# --- what is found in the run folder ----------------------------------------------------------------------


def finished_file(folder: Path) -> Path:
    (path,) = (folder / "attackers").glob("*.safetensors")
    return path


def short(**changed: Any) -> Attacker:
    return replace(attacker(), steps=2, **changed)


def test_a_finished_perturbation_is_loaded_when_the_run_is_resumed(tmp_path: Path) -> None:
    first = learn_in(tmp_path / "run", short())
    written = finished_file(tmp_path / "run").stat().st_mtime_ns
    again = learn_in(tmp_path / "run", short(), resume=True)
    assert torch.equal(again.delta, first.delta)
    assert finished_file(tmp_path / "run").stat().st_mtime_ns == written


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"steps": 3}, "its steps was 2, that of this run is 3"),
        ({"budget": Budget("linf", Fraction(8, 255))}, "its budget was linf 16/255, that of this run is linf 8/255"),
        ({"attack": Lsap(excite=0.5)}, "its method was Lsap("),
        ({"defense": TemporalMean()}, "its defense was None"),
        ({"detector": Redness()}, "its detector was None"),
    ],
)
def test_a_perturbation_that_was_learned_with_other_settings_is_refused_by_name(
    tmp_path: Path, changed: dict[str, Any], named: str
) -> None:
    learn_in(tmp_path / "run", short())
    with pytest.raises(LsapError, match=re.escape(named)):
        learn_in(tmp_path / "run", replace(short(), **changed), resume=True)


def test_a_saved_state_of_other_settings_is_refused(tmp_path: Path) -> None:
    learn_in(tmp_path / "run", short())
    finished_file(tmp_path / "run").rename(finished_file(tmp_path / "run").with_suffix(".state"))
    other = learner(tmp_path / "run", resume=True, seed=1)
    with other as run_learner, pytest.raises(LsapError, match="its seed was 0, that of this run is 1"):
        run_learner.learn(short())


def test_a_perturbation_that_was_put_into_the_folder_is_refused(tmp_path: Path) -> None:
    learned = learn_in(tmp_path / "run", short())
    larger = replace(learned, budget=Budget("linf", Fraction(64, 255)), delta=3 * learned.delta)
    larger.save(finished_file(tmp_path / "run"))
    with pytest.raises(LsapError, match="it is not the file that was written there"):
        learn_in(tmp_path / "run", short(), resume=True)


def test_a_perturbation_whose_settings_are_not_known_is_refused(tmp_path: Path) -> None:
    learn_in(tmp_path / "run", short())
    settings = finished_file(tmp_path / "run").with_suffix(".settings.json")
    settings.write_text("{", encoding="utf-8")
    with pytest.raises(LsapError, match=r"settings.json is damaged"):
        learn_in(tmp_path / "run", short(), resume=True)
    settings.unlink()
    with pytest.raises(LsapError, match=r"there is no \S+\.settings\.json"):
        learn_in(tmp_path / "run", short(), resume=True)


# --- how long it takes ------------------------------------------------------------------------------------


def test_the_time_left_is_that_of_all_attackers(tmp_path: Path) -> None:
    attackers = [short(name="one"), short(name="two", draws=2)]
    with learner(tmp_path) as run_learner:
        progress = measured_progress(attackers, run_learner)
        whole, place = progress.seconds, progress.next(attackers[0])
        run_learner.learn(attackers[0], place)
    assert (place.number, place.total) == (1, 2)
    assert place.seconds_after == pytest.approx(2 / 3 * whole)  # the second one has two draws
    events = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    stage = next(one for one in events if one["kind"] == "stage" and "attacker" in one)
    assert (stage["name"], stage["attacker"], stage["attackers"]) == ("learning 1 of 2: one", 1, 2)
    last = [one for one in events if one["kind"] == "step"][-1]
    assert last["progress"] == 1.0
    assert last["seconds_left"] == pytest.approx(place.seconds_after, abs=0.1)


def test_an_estimate_is_corrected_by_what_learning_takes() -> None:
    attackers = [short(name=name) for name in ("one", "two", "three")]
    progress = LearningProgress(attackers, [10.0, 20.0, 30.0])
    assert progress.seconds == 60.0
    assert progress.next(attackers[0]).seconds_after == pytest.approx(50.0)
    progress.done(20.0)
    assert progress.seconds == pytest.approx(50 * (20 + 6) / (10 + 6))  # as if a tenth of all had gone as estimated
    place = progress.next(attackers[1])
    assert (place.number, place.total) == (2, 3)
    assert place.seconds_after == pytest.approx(0.6 * progress.seconds)
    progress.done(0.0)  # was learned before
    assert progress.seconds == pytest.approx(30 * (20 + 4) / (10 + 4))


def test_what_was_learned_before_takes_no_time(tmp_path: Path) -> None:
    attackers = [short(name="one"), short(name="two")]
    learn_in(tmp_path / "run", attackers[0])
    with learner(tmp_path / "run", resume=True) as run_learner:
        progress = measured_progress(attackers, run_learner)
    assert progress.next(attackers[0]).seconds_after == pytest.approx(progress.seconds)
