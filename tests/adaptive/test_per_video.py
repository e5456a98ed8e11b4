"""Rung P: a pattern of its own for each video, beside attackers with one pattern for all."""

from fractions import Fraction
from pathlib import Path

import pytest
import torch
from torch import Tensor

from defenses import Defense
from defenses.straight_through import StraightThrough
from defenses.temporal import TemporalMean
from lsap_cli.adaptive.judging.attacks_on_defense import AttacksOnDefense
from lsap_cli.adaptive.judging.checks import defense_checks
from lsap_cli.adaptive.judging.comparisons import AttackOutcomes
from lsap_cli.adaptive.judging.per_video_bounds import per_video_bounds
from lsap_cli.adaptive.learning.fit_videos import AttackedClassifier
from lsap_cli.adaptive.per_video.attack import MOST_STEPS, learn_own_pattern
from lsap_cli.adaptive.planning.defense_ladders import LadderSettings, plan_defense_ladder
from lsap_cli.classifiers.instrumented import InstrumentedClassifier
from lsap_cli.results.per_video import PerVideoAttack
from lsap_cli.results.rates import rate_of
from lsap_cli.results.records import Record
from lsap_cli.results.rows import Row
from lsap_cli.runs import Run
from perturbations import Budget, parse_binding
from perturbations.objectives import Targeted, Untargeted
from tests.adaptive.worlds import BUDGET, color_classifier, gray_videos, zeros

BINDING = parse_binding("cyclic:2")
CLIPS = [torch.tensor([0, 2, 4, 6]), torch.tensor([1, 3, 5, 7])]


def learned(
    folder: Path, defense: Defense | None = None, target: int | None = None, budget: Budget = BUDGET
) -> tuple[Tensor, int, int]:
    """The delta, the steps, and the class that the first clip with it gets behind the defense."""
    classifier, (stored,) = color_classifier(), gray_videos(1, 5)
    objective = Untargeted() if target is None else Targeted(target)
    attacked = AttackedClassifier(InstrumentedClassifier(classifier), objective, 0)
    with Run(folder, "defend", {}, []) as run:
        perturbation, steps = learn_own_pattern(stored, CLIPS, defense, (BINDING, budget), attacked, run)
    frames = stored.clip(CLIPS[0])
    shown = perturbation.add_to_bytes(frames, CLIPS[0], len(stored.times)).float() / 255
    with torch.no_grad():
        return perturbation.delta, steps, int(classifier.score(shown[None]).argmax())


def test_a_video_is_broken_within_the_budget_in_a_few_steps(tmp_path: Path) -> None:
    delta, steps, label = learned(tmp_path)
    assert label == 1
    assert 1 <= steps <= 5
    assert delta.shape[0] == 2
    assert float(delta.abs().max()) <= float(BUDGET.epsilon) + 1e-6


def test_it_goes_through_the_defense(tmp_path: Path) -> None:
    assert learned(tmp_path, StraightThrough(TemporalMean(3)))[2] == 1


def test_what_cannot_be_broken_takes_all_steps(tmp_path: Path) -> None:
    _, steps, label = learned(tmp_path, budget=Budget("linf", Fraction(1, 255)))
    assert (steps, label) == (MOST_STEPS, 0)


def test_a_target_is_aimed_at(tmp_path: Path) -> None:
    assert learned(tmp_path / "one", target=1)[2] == 1
    assert learned(tmp_path / "zero", target=0)[1] == 0  # it is there already


# --- beside the universal attackers -------------------------------------------------------------------------

LADDER = plan_defense_ladder("mean", TemporalMean(3), ["given"], LadderSettings(zeros("cyclic:2"), 10))


def records(attack: str, harmed: range) -> list[Record]:
    return [
        Record(
            video=f"v{number}", attack=attack, defense="mean", sampler="uniform", prediction="a", clean_prediction="a",
            correct=number not in harmed, changed=number in harmed,
        )
        for number in range(20)
    ]  # fmt: skip


def own(harmed: range) -> list[PerVideoAttack]:
    found = records("P own pattern (mean)", harmed)
    return [PerVideoAttack(video=one.video, steps={"mean": 3}, seconds={"mean": 0.5}, records=(one,)) for one in found]


@pytest.mark.parametrize(
    ("universal", "single", "verdict"), [(5, 20, "falls"), (15, 2, "masked"), (8, 9, "alike"), (20, 20, "alike")]
)
def test_the_verdict_is_that_of_a_paired_test(universal: int, single: int, verdict: str) -> None:
    (bound,) = per_video_bounds(LADDER, records("given", range(universal)), own(range(single)))
    assert bound.verdict == verdict
    assert bound.accuracy == rate_of(20 - single, 20)
    assert (bound.steps, bound.seconds, bound.universal) == (60, 10.0, "given")


def check(universal: int, single: int) -> str:
    def outcomes(name: str, harmed: int) -> AttackOutcomes:
        return AttackOutcomes(name, {f"v{number}": number < harmed for number in range(20)})

    clean = Row(attack="none", defense="mean", sampler="uniform", videos=20)
    attacks = AttacksOnDefense(
        "mean", 2, clean, outcomes("no attack", 0), universal=outcomes("A2", universal), per_video=outcomes("P", single)
    )
    name = "one pattern for all does no more than one for each"
    return next(one.status for one in defense_checks(attacks) if one.name == name)


def test_a_universal_attacker_that_does_more_than_own_patterns_is_a_warning() -> None:
    assert check(15, 2) == "WARN"
    assert check(8, 6) == "PASS"  # by chance
    assert check(2, 20) == "PASS"


def test_a_defense_that_looks_for_what_videos_have_in_common_has_no_rung_p() -> None:
    from defenses.subtraction import PerturbationSubtraction

    ladder = plan_defense_ladder("s", PerturbationSubtraction(), [], LadderSettings(zeros("cyclic:2"), 10))
    assert not ladder.has_per_video
    assert "in common" in ladder.missing["P"]
    assert LADDER.has_per_video
