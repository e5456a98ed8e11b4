"""Learning through a defense that is fitted on videos which all carry what is learned."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from defenses import Clip, Defense
from defenses.straight_through import StraightThrough
from defenses.subtraction import PerturbationSubtraction
from lsap_cli.classifiers.geometry import Geometry
from lsap_cli.classifiers.instrumented import InstrumentedClassifier
from lsap_cli.datasets.base import Video
from lsap_cli.datasets.store import StoredVideo
from lsap_cli.errors import LsapError
from lsap_cli.learning.batch_planning import BatchSettings, plan_batch
from lsap_cli.learning.batches import BatchSource
from lsap_cli.learning.fitted_defense import FittedDefense
from perturbations import Budget, parse_binding, parse_epsilon
from perturbations.attacks.base import objective_loss
from perturbations.gradients import gradient_at
from perturbations.losses import margin_loss
from perturbations.objectives import Untargeted
from perturbations.problem import Batch, Problem
from perturbations.samplers import Uniform
from tests.tiny import make_bytes, make_classifier, make_perturbation

SIZE = 16
CPU = torch.device("cpu")
GEOMETRY = Geometry((SIZE, SIZE), (SIZE, SIZE))


def make_videos(count: int, recordings: int | None = None) -> list[StoredVideo]:
    """Noise between 40 and 215, so that no pattern of 8 levels is cut off."""
    videos = []
    for number in range(count):
        frames = (make_bytes(20 + number, SIZE, SIZE, seed=number).float() * 0.68 + 40).round().to(torch.uint8)
        recording = number % (recordings or count)
        video = Video(Path(f"v_it_g{recording:02}_c{number:02}.mkv"), f"v_it_g{recording:02}_c{number:02}.mkv", ())
        times = torch.arange(len(frames)) * 40
        videos.append(StoredVideo(video, frames.permute(0, 2, 3, 1).contiguous(), times, (SIZE, SIZE)))
    return videos


def make_settings(defense: Defense, fitted_defense: FittedDefense) -> BatchSettings:
    return BatchSettings(
        videos=make_videos(4),
        clean_predictions=torch.zeros(4, 2, dtype=torch.int64),
        samplers=[Uniform()],
        frames=4,
        geometry=GEOMETRY,
        binding=parse_binding("cyclic:4"),
        delta_size=(SIZE, SIZE),
        augmentation=None,
        clips=3,
        seed=0,
        device=CPU,
        defenses=(defense,),
        fitted_defense=fitted_defense,
    )


def draw(settings: BatchSettings) -> Batch:
    with BatchSource(settings) as source:
        return source.draw(0)


def make_fitted_defense(part: PerturbationSubtraction) -> FittedDefense:
    return FittedDefense.from_videos(part, make_videos(4), GEOMETRY, parse_binding("cyclic:4"), 0)


@pytest.mark.parametrize("binding", ["cyclic:4", "cyclic:3", "relative:5", "constant"])
def test_fitting_on_a_pattern_equals_fitting_on_the_perturbed_videos(binding: str) -> None:
    part = PerturbationSubtraction(4, side=16)
    perturbation = make_perturbation(binding, SIZE, SIZE)
    videos = make_videos(6, recordings=5)
    fitted_defense = FittedDefense.from_videos(part, videos, GEOMETRY, perturbation.binding, 0)
    fitted = fitted_defense.fit(part, perturbation.delta, videos[0].video.group)
    evidence = []
    for stored in videos[1:5]:  # the last one is of the first one's recording
        numbers = part.evidence_indices(len(stored.times))
        frames = perturbation.add(stored.clip(numbers).float() / 255, numbers, len(stored.times))
        evidence.append(part.evidence(Clip(frames, numbers, len(stored.times))))
    expected = part.fitted(evidence)
    assert isinstance(fitted, PerturbationSubtraction)
    assert fitted.pattern is not None
    assert expected.pattern is not None
    assert torch.allclose(fitted.pattern, expected.pattern, atol=1e-6)
    assert float(expected.pattern.abs().max()) > 1 / 255


def test_fewer_than_three_recordings_are_refused() -> None:
    with pytest.raises(LsapError, match="only 2 recordings of --fit"):
        FittedDefense.from_videos(
            PerturbationSubtraction(4, side=16), make_videos(4, 2), GEOMETRY, parse_binding("cyclic:4"), 0
        )


def test_a_batch_is_defended_by_what_the_others_show_of_the_pattern_in_it() -> None:
    part = PerturbationSubtraction(4, side=16)
    fitted_defense = make_fitted_defense(part)
    settings = make_settings(part, fitted_defense)
    plan, batch = plan_batch(settings, 0), draw(settings)
    delta = make_perturbation("cyclic:4", SIZE, SIZE).delta
    perturbed = batch.perturbed(delta)
    assert perturbed.shape[1] == 4 + 4  # the clip, and what frames 0 to 3 of its video carry
    defended = batch.through(perturbed)
    whole = (delta * 255).round() / 255
    for number, (clip, given) in enumerate(zip(perturbed, defended, strict=True)):
        stored = settings.videos[plan.videos[number]]
        phase = int(plan.slots[number, 0] - plan.needed[number, 0]) % 4
        defense = fitted_defense.fit(part, whole.roll(-phase, 0), stored.video.group)
        frames, numbers = clip[: plan.counts[number]], plan.needed[number]
        expected = defense.defend(Clip(frames, numbers, len(stored.times)), plan.indices[number])
        assert torch.allclose(given, expected, atol=0.6 / 255)
        assert float((given - frames).abs().max()) > 2 / 255  # something was taken off


def gradients(defense: Defense, delta: Tensor) -> Tensor:
    """By delta, of the loss of a batch."""
    classifier = make_classifier(4, SIZE, 5)
    settings = make_settings(defense, make_fitted_defense(PerturbationSubtraction(4, side=16)))
    with BatchSource(settings) as source:
        problem = Problem(
            InstrumentedClassifier(classifier), source.draw, Untargeted(), Budget("linf", parse_epsilon("8/255")),
            settings.binding, (4, 3, SIZE, SIZE), 4, 5,
        )  # fmt: skip
        return gradient_at(problem, source.draw(0), delta, objective_loss(confidence=float("inf"))).gradient


def test_the_gradient_through_the_estimate_is_that_of_the_whole_way() -> None:
    """Against autograd through the other videos themselves, perturbed frame by frame, without its rounding."""
    part = PerturbationSubtraction(4, side=16)
    settings = make_settings(part, make_fitted_defense(part))
    plan = plan_batch(settings, 0)
    start = (make_perturbation("cyclic:4", SIZE, SIZE).delta * 255).round() / 255  # which rounding leaves as it is
    delta = start.clone().requires_grad_()
    clips = []
    for number, place in enumerate(plan.videos):
        phase = int(plan.slots[number, 0] - plan.needed[number, 0]) % 4
        mine = settings.videos[place]
        evidence = []
        for stored in settings.videos:
            if stored.video.group != mine.video.group:
                numbers = part.evidence_indices(len(stored.times))
                carried = delta[(numbers + phase) % 4]
                evidence.append(
                    part.evidence(Clip(stored.clip(numbers).float() / 255 + carried, numbers, len(stored.times)))
                )
        needed, indices = plan.needed[number, : plan.counts[number]], plan.indices[number]
        frames = mine.clip(needed).float() / 255 + delta[(needed + phase) % 4]
        clips.append(part.fitted(evidence).defend(Clip(frames, needed, len(mine.times)), indices))
    network = InstrumentedClassifier(make_classifier(4, SIZE, 5))
    aims = Untargeted().aims(torch.zeros(3, dtype=torch.int64))
    (expected,) = torch.autograd.grad(margin_loss(network.score(torch.stack(clips)), aims, float("inf")).mean(), delta)
    found = gradients(part, start)
    assert float((found - expected).norm() / expected.norm()) < 1e-3
    straight = gradients(StraightThrough(part), start)
    assert float((straight - expected).norm() / expected.norm()) > 0.3  # the estimate's part of it is not small


def test_the_straight_way_takes_the_estimate_for_a_constant() -> None:
    """A defense that adds a constant has the gradient of no defense, but at the defended clip."""
    part = PerturbationSubtraction(4, side=16)
    delta = make_perturbation("cyclic:4", SIZE, SIZE).delta
    batch = draw(make_settings(StraightThrough(part), make_fitted_defense(part)))
    perturbed = batch.perturbed(delta)
    perturbed.requires_grad_()
    (by_clip,) = torch.autograd.grad(batch.through(perturbed).square().sum(), perturbed)
    assert float(by_clip[:, 4:].abs().max()) == 0
    assert float(by_clip[:, :4].abs().min()) > 0
