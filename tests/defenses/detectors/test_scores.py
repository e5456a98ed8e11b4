import pytest
import torch
from torch import Tensor

from defenses import Defense
from defenses.detectors import Detector, TensorVideo
from defenses.detectors.consistency import TemporalConsistency
from defenses.detectors.corpus import CorpusResidual
from defenses.detectors.squeezing import FeatureSqueezing
from defenses.spatial import BitDepth
from defenses.temporal import TemporalMean
from defenses.testing.videos import make_noise_video, make_smooth_video, read_tiny


def labelled(*labels: int) -> Tensor:
    """Evidence of windows with these labels."""
    return torch.nn.functional.one_hot(torch.tensor(labels), 6).float() * 0.9 + 0.1 / 6


@pytest.mark.parametrize(
    ("labels", "alpha"),
    [
        ([0, 0, 0, 0], 0.0),
        ([0, 1, 0, 1], 1.0),
        ([0, 0, 1, 1], 0.0),  # one change is no inconsistency
        ([0, 1, 2, 2, 2, 2], 1 / 4),
        ([0, 1, 0, 0, 0, 3, 0], 2 / 5),
    ],
)
def test_alpha_worked_out_by_hand(labels: list[int], alpha: float) -> None:
    assert float(TemporalConsistency().score(labelled(*labels))) == pytest.approx(alpha)


def test_alpha_has_the_thresholds_of_its_paper() -> None:
    assert TemporalConsistency.published_thresholds == {"sparse": 0.175, "dense": 0.3}


def test_the_stand_in_of_alpha_agrees_where_probabilities_are_sure() -> None:
    for labels in ([0, 0, 0, 0], [0, 1, 0, 1], [0, 1, 2, 2, 2, 2]):
        sure = torch.nn.functional.one_hot(torch.tensor(labels), 6).float()
        assert float(TemporalConsistency().differentiable_score(sure)) == float(TemporalConsistency().score(sure))


@pytest.mark.parametrize("frame_count", [1, 9, 60])
def test_windows_are_neighbors_in_the_middle_and_a_short_video_is_looped(frame_count: int) -> None:
    asked: list[Tensor] = []

    class RecordingVideo(TensorVideo):
        def probabilities(self, clips: Tensor, defense: Defense | None = None) -> Tensor:
            asked.append(clips)
            return super().probabilities(clips, defense)

    shown = read_tiny(make_noise_video(frame_count))
    TemporalConsistency(windows=5, stride=3).evidence(RecordingVideo(shown.video, shown.classifier, shown.clips))
    first = {1: 0, 9: 0, 60: 23}[frame_count]
    expected = [[(first + window + 3 * place) % frame_count for place in range(4)] for window in range(5)]
    assert asked[0].tolist() == expected


def test_squeezing_is_the_largest_distance_of_probabilities() -> None:
    evidence = torch.tensor([[0.7, 0.2, 0.1], [0.6, 0.3, 0.1], [0.2, 0.2, 0.6]])
    assert float(FeatureSqueezing().score(evidence)) == pytest.approx(0.5 + 0.0 + 0.5)


def test_squeezing_looks_through_each_defense() -> None:
    scene = read_tiny(make_noise_video(8))
    evidence = FeatureSqueezing((TemporalMean(), BitDepth(2))).evidence(scene)
    expected = [scene.probabilities(scene.clips, defense)[0] for defense in (None, TemporalMean(), BitDepth(2))]
    assert torch.equal(evidence, torch.stack(expected))


def corpus(pattern: Tensor, count: int = 16) -> list[Tensor]:
    detector = CorpusResidual(side=32)
    evidence = []
    for seed in range(count):
        scene = make_smooth_video(16) * 0.8 + 0.1 * torch.rand(3, 1, 1, generator=torch.Generator().manual_seed(seed))
        noise = make_noise_video(16, 32, 48, seed=seed) * 6 / 255
        shifted = scene.roll(3 * seed, -1)
        evidence.append(detector.evidence(read_tiny((shifted + noise + pattern.repeat(4, 1, 1, 1)).clamp(0, 1))))
    return evidence


def test_one_pattern_in_many_videos_shows() -> None:
    detector, generator = CorpusResidual(side=32), torch.Generator().manual_seed(9)
    pattern = torch.randint(0, 2, (4, 3, 32, 48), generator=generator) * 16 / 255 - 8 / 255
    clean, attacked = corpus(torch.zeros(4, 3, 32, 48)), corpus(pattern)
    clean_scores = [float(detector.score(one, clean[1:])) for one in clean[:1]]
    attacked_scores = [float(detector.score(attacked[0], attacked[1 : count + 1])) for count in (2, 5, 15)]
    assert max(clean_scores) < 0.6 * attacked_scores[-1]  # these scenes do have something in common
    assert attacked_scores == sorted(attacked_scores)
    assert attacked_scores[-1] > 0.5


def test_a_pattern_of_the_period_that_is_declared_blind_shows_less() -> None:
    detector, generator = CorpusResidual(side=32), torch.Generator().manual_seed(9)

    def seen(period: int) -> float:
        drawn = torch.randint(0, 2, (period, 3, 32, 48), generator=generator) * 16 / 255 - 8 / 255
        pattern = drawn - drawn.mean(0)  # what all slots share would show whatever the period
        evidence = []
        for seed in range(12):
            count = 33 + 5 * seed  # videos of one length would blur it all in the same way
            noise = make_noise_video(count, 32, 48, seed=seed) * 6 / 255
            video = 0.3 + noise + pattern.repeat(30, 1, 1, 1)[:count]
            evidence.append(detector.evidence(read_tiny(video)))
        return float(detector.score(evidence[0], evidence[1:]))

    assert seen(4) > 0.9
    assert seen(detector.blind_period) < 0.5


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        (TemporalConsistency, {"windows": 2}, "windows is 2"),
        (TemporalConsistency, {"stride": 0}, "stride is 0"),
        (FeatureSqueezing, {"squeezers": ()}, "squeezers is empty"),
        (CorpusResidual, {"videos": 2}, "videos is 2"),
        (CorpusResidual, {"period": 65}, "period is 65"),
    ],
)
def test_settings_out_of_range_are_refused_by_name(
    kind: type[Detector], settings: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        kind(**settings)


def test_a_corpus_of_one_other_video_says_nothing() -> None:
    with pytest.raises(ValueError, match="1 other videos were given"):
        CorpusResidual().score(torch.zeros(4, 3, 16, 16), [torch.zeros(4, 3, 16, 16)])
