"""Attackers who know a detector: what they learn from, which ladder they climb, and what its figures come to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn

from defenses.base import Gradient
from defenses.detectors import DETECTORS, Detector, Watched
from defenses.detectors.consistency import TemporalConsistency
from defenses.detectors.corpus import CorpusResidual
from defenses.detectors.squeezing import FeatureSqueezing
from defenses.temporal import TemporalMean
from lsap_cli.adaptive.attackers import Attacker, School
from lsap_cli.adaptive.detector_constraint import COMPANY, DetectorAlarm, OperatingPoint, Watchtower
from lsap_cli.adaptive.evasion import Evasion, Judged, evasion_checks, evasion_results, knowing_detectors, plan_evasion
from lsap_cli.classifiers.classifier import Classifier, InputFormat, OutputFormat
from lsap_cli.classifiers.geometry import Geometry
from lsap_cli.classifiers.instrumented import InstrumentedClassifier
from lsap_cli.datasets.base import Video
from lsap_cli.datasets.store import StoredVideo
from lsap_cli.errors import LsapError
from lsap_cli.evaluation.detection import clean_threshold
from lsap_cli.evaluation.rates import rate_of
from lsap_cli.evaluation.rows import Record
from lsap_cli.runs import Run
from perturbations import Binding, Budget, Perturbation, parse_binding
from perturbations.attacks.lsap import Lsap
from perturbations.attacks.search import RandomSearch
from perturbations.learn import State, learn
from perturbations.objectives import Untargeted
from perturbations.samplers import Uniform
from tests.tiny import make_bytes, make_classifier

BUDGET = Budget("linf", Fraction(16, 255))
POINT = OperatingPoint(threshold=0.4, typical=0.2, videos=9)


# --- a world in which red is watched and green is not -----------------------------------------------------


class RedAndGreen(nn.Module):
    """Class 1 where 3 red + 2 green is above a border that clean videos do not reach."""

    def forward(self, clips: Tensor) -> Tensor:
        red, green, _ = clips.mean((1, 3, 4)).unbind(1)
        logit = 100 * (3 * (red - 0.5) + 2 * (green - 0.5) - 0.06)
        return torch.stack([torch.zeros_like(logit), logit], 1)


@dataclass(frozen=True)
class Redness(Detector):
    """How red the video is."""

    gradient: ClassVar[Gradient] = "true"
    passes_constant_in_time: ClassVar[bool] = False
    passes_low_frequencies: ClassVar[bool] = False
    null_space: ClassVar[str] = "Whatever is not red."

    def examine(self, video: Watched) -> Tensor:
        return video.frames(torch.arange(video.frame_count))[:, 0].mean()

    def score(self, evidence: Tensor, others: Sequence[Tensor] = ()) -> Tensor:
        return evidence


@dataclass(frozen=True)
class Mute(Redness):
    """The same, without a gradient."""

    def score(self, evidence: Tensor, others: Sequence[Tensor] = ()) -> Tensor:
        return evidence.detach()


def of_colors() -> Classifier:
    return Classifier(
        RedAndGreen(), name="colors", labels=["plain", "bright"], geometry=Geometry((8, 8), (8, 8)),
        expects=InputFormat("BTCHW", 4), gives=OutputFormat(), sampler=Uniform(), sampler_spec="uniform", views=1, source={},
    )  # fmt: skip


def gray_videos(count: int, seed: int) -> list[StoredVideo]:
    """Noise around the middle gray, each video a recording of its own."""
    return [
        StoredVideo(
            Video(Path(f"{seed}-{number}.mkv"), f"{seed}-{number}.mkv"),
            torch.randint(108, 148, (9, 8, 8, 3), generator=torch.Generator().manual_seed(100 * seed + number)).byte(),
            torch.arange(9) * 40,
            (16, 16),
        )
        for number in range(count)
    ]


def school(folder: Path, resume: bool = False) -> School:
    run = Run(folder, "defend", {}, []) if not folder.exists() else Run(folder, "defend", {}, [], resume=True)
    return School(of_colors(), gray_videos(8, 1), [Uniform()], Untargeted(), 0, run, resume)


def attacker(**known: Any) -> Attacker:
    return Attacker("it", Lsap(), None, BUDGET, parse_binding("cyclic:2"), 40, **known)


def found_on_others(learned: Perturbation, detector: Detector) -> tuple[int, int, int]:
    """On videos that were not learned from: how many are changed, flagged, won."""
    classifier = of_colors()
    tower = Watchtower(classifier, InstrumentedClassifier(classifier), gray_videos(12, 2), 0)
    threshold = tower.operating_point(detector).threshold
    changed, flagged = [], []
    with torch.no_grad():
        for number in range(12):
            shown = tower.show(number, learned.delta, learned.binding)
            changed.append(bool(shown.probabilities(shown.clips)[0].argmax() == 1))
            flagged.append(float(detector.score(detector.examine(shown))) > threshold)
    return sum(changed), sum(flagged), sum(c and not f for c, f in zip(changed, flagged, strict=True))


def given(binding: str) -> Perturbation:
    spec = parse_binding(binding)
    return Perturbation(torch.zeros(spec.period, 3, 8, 8), spec, BUDGET)


def of_its_ladder(name: str) -> Attacker:
    """An attacker of the ladder of redness."""
    evasion = plan_evasion("it", Redness(), POINT, (), given("cyclic:2"), 40)
    return next(one.attacker for one in evasion.rungs if one.attacker is not None and one.name.startswith(name))


def test_a_naive_attack_trips_the_detector_and_the_one_that_knows_it_does_not(tmp_path: Path) -> None:
    lessons = school(tmp_path / "run")
    naive, knowing = lessons.learn(attacker()), lessons.learn(of_its_ladder("A2 cautious"))
    assert found_on_others(naive, Redness()) == (12, 12, 0)
    changed, flagged, won = found_on_others(knowing, Redness())
    assert (changed, won) == (12, 12 - flagged)
    assert won >= 11
    assert float(knowing.delta[:, 1].mean()) > 0.8 * float(BUDGET.epsilon)  # green goes all the way


def test_a_bold_attacker_bears_more_flagged_videos_than_a_cautious_one(tmp_path: Path) -> None:
    lessons = school(tmp_path / "run")
    cautious, bold = lessons.learn(of_its_ladder("A2 cautious")), lessons.learn(of_its_ladder("A2 bold"))
    assert float(bold.delta[:, 0].mean()) > float(cautious.delta[:, 0].mean())
    assert found_on_others(bold, Redness())[2] > 0


def test_the_search_without_gradients_evades_too_and_needs_none(tmp_path: Path) -> None:
    searching = replace(attacker(evades=Mute()), attack=RandomSearch(grid=2), steps=120)
    _, flagged, won = found_on_others(school(tmp_path / "run").learn(searching), Redness())
    assert flagged <= 1
    assert won >= 10


def test_a_detector_that_hides_its_gradient_gives_zeros_and_no_error(tmp_path: Path) -> None:
    problem = school(tmp_path / "run").problem(attacker(evades=Mute()))
    assert problem.alarm is not None
    bright = torch.full(problem.shape, float(BUDGET.epsilon))
    assert float(problem.alarm.listen(bright, 0).gradient.abs().max()) == 0.0
    assert problem.alarm.cost(bright, 0) > 5.0


def test_an_attacker_who_is_stopped_goes_on_as_if_he_had_not_been(tmp_path: Path) -> None:
    one = replace(of_its_ladder("A2 cautious"), name="it")
    whole = school(tmp_path / "whole").learn(one)
    problem = school(tmp_path / "first").problem(one)
    state = State(problem.zeros())
    for _ in learn(problem, one.attack, state, lambda now: now.steps / one.steps if now.steps < 17 else 1.0):
        pass
    folder = tmp_path / "second"
    (folder / "attackers").mkdir(parents=True)
    state.save(folder / "attackers" / "colors_it.state")
    resumed = school(folder, resume=True).learn(one)
    assert torch.equal(resumed.delta, whole.delta)


@pytest.mark.parametrize("size", [8, 5])
def test_an_attacker_who_goes_on_begins_at_the_given_perturbation(tmp_path: Path, size: int) -> None:
    delta = BUDGET.project(torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(3)))
    start = replace(given("cyclic:2"), delta=delta)
    barely = replace(attacker(begins_at=start), attack=Lsap(first_step=1e-4, loosen=1.0), steps=1)
    learned = school(tmp_path / "run").learn(barely)
    torch.testing.assert_close(learned.delta, start.resized(8, 8), rtol=0, atol=1.01e-4 * float(BUDGET.epsilon))
    assert not torch.equal(learned.delta, start.resized(8, 8))


def test_a_detector_meets_one_who_goes_on_from_the_given_perturbation() -> None:
    start = given("cyclic:2")
    evasion = plan_evasion("it", Redness(), POINT, ("given",), start, 40)
    (further,) = [one for one in evasion.rungs if one.attacker is not None and one.attacker.begins_at is start]
    assert further.rung == "A2"
    assert further.attacker is not None
    assert further.attacker.evades == Redness()


# --- what a detector sees of a fit video ------------------------------------------------------------------


def textured(count: int, size: tuple[int, int] = (9, 12)) -> list[StoredVideo]:
    return [
        StoredVideo(
            Video(Path(f"{number}.mkv"), f"{number}.mkv"),
            make_bytes(14 + number, 9, 12, number).permute(0, 2, 3, 1),
            torch.arange(14 + number) * 40,
            size,
        )
        for number in range(count)
    ]


def cropping() -> Classifier:
    tiny = make_classifier()
    tiny.geometry = Geometry((8, 8), (9, 12))
    return tiny


def tower_of(videos: Sequence[StoredVideo]) -> Watchtower:
    classifier = cropping()
    return Watchtower(classifier, InstrumentedClassifier(classifier), videos, 0)


def a_perturbation() -> Perturbation:
    levels = torch.randint(-8, 9, (3, 3, 9, 12), generator=torch.Generator().manual_seed(4))
    return Perturbation(levels / 255, parse_binding("cyclic:3"), Budget("linf", Fraction(8, 255)))


def test_a_watched_video_is_the_perturbed_video_before_the_crop() -> None:
    (stored, *_), added = textured(1), a_perturbation()
    shown = tower_of([stored]).show(0, added.delta, added.binding)
    numbers = torch.tensor([0, 3, 4, 13])
    expected = added.add_to_bytes(stored.clip(numbers), numbers, 14)
    assert torch.equal((shown.frames(numbers) * 255).round().byte(), expected)
    assert shown.frames(numbers).shape == (4, 3, 9, 12)


def test_probabilities_are_the_classifiers_of_the_defended_cropped_clip() -> None:
    (stored, *_), added = textured(1), a_perturbation()
    shown = tower_of([stored]).show(0, added.delta, added.binding)
    every = torch.arange(14)
    whole = added.add_to_bytes(stored.clip(every), every, 14).float() / 255
    clips = torch.tensor([[0, 2, 4, 6], [9, 10, 12, 13]])
    classifier = cropping()
    for defense, video in ((None, whole), (TemporalMean(), TemporalMean().defend(whole, every, every, 14))):
        rounded = (video * 255).round() / 255
        expected = classifier.score(classifier.geometry.crop(rounded)[clips]).softmax(1)
        assert torch.allclose(shown.probabilities(clips, defense), expected, atol=1e-6)


EXAMPLES = [TemporalConsistency(windows=5, stride=1), FeatureSqueezing((TemporalMean(),)), CorpusResidual(side=16)]


@pytest.mark.parametrize("detector", EXAMPLES)
def test_steps_down_the_gradient_of_every_detector_lower_what_it_follows(detector: Detector) -> None:
    tower = tower_of(textured(4, (18, 20)))
    tower._points[detector] = OperatingPoint(-2.0, -2.0, 4)  # all are flagged
    alarm = DetectorAlarm(tower, detector, parse_binding("cyclic:4"), 0.2)
    generator = torch.Generator().manual_seed(3)
    delta = (torch.rand(4, 3, 8, 8, generator=generator) - 0.5) * 0.2
    before = alarm.cost(delta, 0)
    for _ in range(10):
        gradient, flagged = alarm.listen(delta, 0)
        assert flagged == 1.0
        assert bool(gradient.isfinite().all())
        delta = delta - 0.01 * gradient.sign()
    assert alarm.cost(delta, 0) < before


def test_a_quiet_video_gives_no_gradient_and_costs_nothing() -> None:
    tower = tower_of(textured(4))
    detector = FeatureSqueezing()
    tower._points[detector] = OperatingPoint(2.1, 2.1, 4)  # more than any score
    alarm = DetectorAlarm(tower, detector, Binding("constant"), 0.2)
    delta = torch.full((1, 3, 8, 8), 0.03)
    heard = alarm.listen(delta, 0)
    assert (bool(heard.gradient.any()), heard.flagged) == (False, 0.0)
    assert alarm.cost(delta, 0) == 0.0


def test_the_threshold_is_that_of_the_clean_fit_videos_and_the_aim_half_way_to_the_median() -> None:
    videos = gray_videos(30, 5)
    classifier = of_colors()
    point = Watchtower(classifier, InstrumentedClassifier(classifier), videos, 0).operating_point(Redness())
    scores = sorted(float(one.frames[..., 0].float().mean() / 255) for one in videos)
    assert point.threshold == pytest.approx(scores[29])  # rank ceil(31 * 0.95) = 30 of 30
    assert point.aim == pytest.approx((scores[29] + (scores[14] + scores[15]) / 2) / 2)
    assert clean_threshold([float(number) for number in range(100)]) == 95.0


def test_a_step_shows_videos_of_different_recordings_the_same_at_every_call() -> None:
    cuts = [
        replace(one, video=Video(Path(name), name))
        for number, one in enumerate(textured(40))
        for name in [f"v_a_g{number // 2:02d}_c{number % 2:02d}.avi"]
    ]
    tower = tower_of(cuts)
    company = tower.company(CorpusResidual(), 3)
    assert company == tower.company(CorpusResidual(), 3)
    assert len({cuts[number].video.group for number in company}) == len(company) == COMPANY
    assert len(tower.company(CorpusResidual(videos=5), 3)) == 5
    single = [tower.company(TemporalConsistency(), step) for step in range(40)]
    assert {len(one) for one in single} == {1}
    assert len({one[0] for one in single}) > 15


def test_a_detector_that_compares_videos_says_when_they_are_too_few() -> None:
    with pytest.raises(LsapError, match="at least three recordings"):
        tower_of(textured(2)).operating_point(CorpusResidual(side=16))


# --- the ladder -------------------------------------------------------------------------------------------


def plan(detector: Detector, *blind: str) -> Evasion:
    return plan_evasion("it", detector, POINT, blind or ("given", "here"), given("cyclic:4"), 100)


@pytest.mark.parametrize(
    ("detector", "shapes"),
    [
        (TemporalConsistency(), [("constant", False)]),
        (FeatureSqueezing(), [("constant", True)]),
        (FeatureSqueezing((TemporalMean(),)), [("constant", False)]),
        (CorpusResidual(), [("constant", True), ("cyclic:5", False)]),
        (CorpusResidual(period=8), [("constant", True), ("cyclic:9", False)]),
    ],
)
def test_the_null_space_that_a_detector_declares_is_where_a4_looks(
    detector: Detector, shapes: list[tuple[str, bool]]
) -> None:
    evasion = plan(detector)
    found = [one.attacker for one in evasion.rungs if one.rung == "A4"]
    assert [(str(one.binding), one.coarse) for one in found if one is not None] == shapes
    assert [one.rung for one in evasion.rungs] == ["A0", "A0", "A2", "A2", "A2", *["A4"] * len(shapes), "A5"]


def test_every_attacker_of_a_ladder_knows_the_detector_and_looks_at_the_bare_model() -> None:
    for kind in DETECTORS.values():
        attackers = [one.attacker for one in plan(kind()).rungs if one.attacker is not None]
        assert all((one.evades, one.defense, one.budget) == (kind(), None, BUDGET) for one in attackers)
        assert len({one.name for one in attackers}) == len(attackers)


def test_an_attack_is_shown_to_the_detectors_on_whose_ladders_it_is() -> None:
    first, second = (
        replace(plan(TemporalConsistency()), spec=spec)
        for spec in ("a", "b")
    )  # fmt: skip
    specs = knowing_detectors([first, replace(second, rungs=second.rungs[:2])])
    assert specs["given"] == specs["here"] == ["a", "b"]
    assert specs["A2 cautious (below it)"] == ["a"]


def detection(attack: str, flagged: int) -> dict[str, Any]:
    point = {"recall": rate_of(flagged, 4), "false_positive_rate": rate_of(0, 4)}
    area = {"value": 0.7, "low": 0.5, "high": 0.9}
    return {"detector": "it", "attack": attack, "operating_point": point, "auc": area, "tpr_at_fpr": {"0.05": area}}


def judged(
    changed: Mapping[str, Sequence[int]], flagged: Mapping[str, Sequence[int]], target: int | None = None
) -> Judged:
    """Four videos of class 1; the changed ones are taken for class 2, the first video's clean prediction is 3."""
    records = [
        Record(f"{video}", (1,), attack, defense, sampler, 2 if video in which else (3 if video == 0 else 1),
               3 if video == 0 else 1, 0.0)
        for attack, which in changed.items()
        for defense in ("none", "other")
        for sampler in ("uniform", "random")
        for video in range(4)
    ]  # fmt: skip
    alarms = {("it", attack, f"{video}"): video in flagged.get(attack, ()) for attack in changed for video in range(4)}
    rows = [detection(attack, len(flagged.get(attack, ()))) for attack in changed]
    return Judged(records, rows, alarms, "uniform", target)


NAMES = [one.name for one in plan(TemporalConsistency()).rungs]


def test_a_video_is_won_when_it_is_changed_and_not_flagged_and_the_worst_rung_counts() -> None:
    changed = dict.fromkeys([*NAMES, "noise"], ()) | {
        NAMES[0]: (0, 1, 2, 3), NAMES[2]: (0, 1, 2), NAMES[5]: (3,)
    }  # fmt: skip
    found = judged(changed, {NAMES[0]: (0, 1, 2), NAMES[2]: (0,)})
    (result,) = evasion_results([plan(TemporalConsistency())], found, "noise")
    won = [rung["rows"][0]["evasion_rate"]["count"] for rung in result["rungs"]]
    assert won == [1, 0, 2, 0, 0, 1, 0]
    (worst,) = result["robust"]
    assert (worst["rung"], worst["attack"]) == ("A2", NAMES[2])
    assert worst["robust_rate"] == rate_of(2, 4)
    assert worst["held_under_every_rung"] == rate_of(1, 4)  # 1 and 2 fall to A2, 3 to A0 and A4
    assert result["noise"][0]["evasion_rate"]["count"] == 0
    assert result["fit"]["aim"] == pytest.approx(0.3)
    status = {check["name"]: check["status"] for check in evasion_checks([result])}
    assert status == {
        "knowing the detector helps": "PASS", "white-box beats gradient-free": "PASS", "noise does far less": "WARN",
    }  # fmt: skip


def test_knowledge_that_does_not_help_and_a_search_that_does_more_are_warned_of() -> None:
    changed = dict.fromkeys([*NAMES, "noise"], ()) | {NAMES[0]: (0, 1, 2, 3), NAMES[2]: (0, 1, 2), NAMES[-1]: (1, 2, 3)}
    (result,) = evasion_results([plan(TemporalConsistency())], judged(changed, {NAMES[2]: (0, 1)}), "noise")
    checks = {check["name"]: check for check in evasion_checks([result])}
    assert {check["status"] for check in checks.values()} == {"WARN"}
    assert "1.00 (4/4" in checks["knowing the detector helps"]["figure"]
    assert "0.75 (3/4" in checks["white-box beats gradient-free"]["figure"]


def test_a_targeted_attack_wins_by_its_target_only() -> None:
    changed = dict.fromkeys(NAMES, (1, 2))
    (result,) = evasion_results([plan(TemporalConsistency())], judged(changed, {}, target=3), "noise")
    row = result["rungs"][2]["rows"][0]
    assert row["fooling_rate"]["count"] == 2
    assert row["evasion_rate"] == rate_of(0, 3)  # video 0 is taken for the target already


def test_what_no_threshold_could_be_found_for_has_no_rows() -> None:
    nothing = Judged([], [], {}, "uniform", None)
    (result,) = evasion_results([plan(TemporalConsistency())], nothing, "noise")
    assert result["robust"] == result["noise"] == []
    assert evasion_checks([result]) == []
