from collections.abc import Callable
from typing import Literal

import pytest
import torch
from torch import Tensor, nn

from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.classifiers.formats import InputFormat, OutputFormat
from lsap_cli.classifiers.instrumented import InstrumentedClassifier
from lsap_cli.errors import LsapError
from perturbations.internals import frame_features, outputs_of
from perturbations.network import Internal
from tests.perturbations.worlds import activations_of, features_of

CLIPS, FRAMES, CLASSES = 2, 8, 5


def random(*shape: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(1))


class Frames2d(nn.Module):
    """TSN: frames are folded into the batch, scores are averaged."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 3, stride=2)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(6, CLASSES)

    def forward(self, clips: Tensor) -> Tensor:
        maps = self.pool(torch.relu(self.conv(clips.flatten(0, 1))))
        scores: Tensor = self.fc(maps.flatten(1)).unflatten(0, clips.shape[:2])
        return scores.mean(1)


class Volume3d(nn.Module):
    """I3D: (B, 3, T, H, W), time halved once, everything pooled before the head."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv3d(3, 6, 3, stride=(2, 2, 2), padding=1)
        self.deep = nn.Conv3d(6, 7, 3, padding=1)
        self.pool = nn.AdaptiveAvgPool3d(1)
        self.fc = nn.Linear(7, CLASSES)

    def forward(self, clips: Tensor) -> Tensor:
        scores: Tensor = self.fc(self.pool(torch.relu(self.deep(self.stem(clips.transpose(1, 2))))).flatten(1))
        return scores


class Recurrent(nn.Module):
    """CNN + LSTM: the last moment's state decides."""

    def __init__(self, batch_first: bool = True) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 3, stride=2)
        self.lstm = nn.LSTM(6, 7, batch_first=batch_first)
        self.fc = nn.Linear(7, CLASSES)

    def forward(self, clips: Tensor) -> Tensor:
        moments = self.conv(clips.flatten(0, 1)).mean((2, 3)).unflatten(0, clips.shape[:2])
        states = self.lstm(moments if self.lstm.batch_first else moments.transpose(0, 1))[0]
        scores: Tensor = self.fc(states[:, -1] if self.lstm.batch_first else states[-1])
        return scores


class Shift(nn.Module):
    """TSM: some channels of a frame come from its neighbor."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 6, 3, stride=2)
        self.second = nn.Conv2d(6, 7, 1)
        self.fc = nn.Linear(7, CLASSES)

    def forward(self, clips: Tensor) -> Tensor:
        maps = self.first(clips.flatten(0, 1)).unflatten(0, clips.shape[:2])
        shifted = torch.cat([maps[:, :, :2].roll(1, 1), maps[:, :, 2:]], dim=2)
        moments = self.second(shifted.flatten(0, 1)).unflatten(0, clips.shape[:2]).mean((1, 3, 4))
        scores: Tensor = self.fc(moments)
        return scores


class Transformer(nn.Module):
    """Tubelets of two frames and a class token."""

    def __init__(self) -> None:
        super().__init__()
        self.tubelets = nn.Conv3d(3, 6, (2, 4, 4), stride=(2, 4, 4))
        self.block = nn.Linear(6, 6)
        self.fc = nn.Linear(6, CLASSES)

    def forward(self, clips: Tensor) -> Tensor:
        tokens = self.tubelets(clips.transpose(1, 2)).flatten(2).transpose(1, 2)
        tokens = torch.cat([torch.zeros_like(tokens[:, :1]), tokens], dim=1)
        scores: Tensor = self.fc(self.block(tokens)[:, 0])
        return scores


class Blind(nn.Module):
    """Means of everything: no layer has time."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(3, CLASSES)

    def forward(self, clips: Tensor) -> Tensor:
        scores: Tensor = self.fc(clips.mean((1, 3, 4)))
        return scores


def looking(network: nn.Module, layer: str | None = None, precision: str = "fp32") -> InstrumentedClassifier:
    labels = [f"class {index}" for index in range(CLASSES)]
    classifier = Classifier(network, "toy", labels, InputFormat("BTCHW", FRAMES, (8, 8)))
    return InstrumentedClassifier(classifier, layer, precision)


FAMILIES: list[tuple[Callable[[], nn.Module], str, tuple[int, int]]] = [
    (Frames2d, "fc", (8, CLASSES)),
    (Volume3d, "deep", (4, 7)),
    (Recurrent, "lstm", (8, 7)),
    (lambda: Recurrent(batch_first=False), "lstm", (8, 7)),
    (Shift, "second", (8, 7)),
    (Transformer, "block", (4, 6)),
]
each = pytest.mark.parametrize(
    ("make", "layer", "shape"), FAMILIES, ids=["TSN", "I3D", "CNN+LSTM", "time-first LSTM", "TSM", "transformer"]
)


@each
def test_the_last_layer_that_tells_moments_apart_is_found(
    make: Callable[[], nn.Module], layer: str, shape: tuple[int, int]
) -> None:
    found = looking(make())
    assert found.layer == layer
    for clips in (1, 2, 3):
        logits, features, _ = found.outputs(random(clips, FRAMES, 3, 8, 8), "features")
        assert features is not None
        assert (logits.shape, features.shape) == ((clips, CLASSES), (clips, *shape))


@each
def test_features_of_a_moment_change_with_the_frames_of_that_clip_only(
    make: Callable[[], nn.Module], layer: str, shape: tuple[int, int]
) -> None:
    found, clips = looking(make()), random(3, FRAMES, 3, 8, 8)
    before = features_of(found, clips)
    changed = clips.clone()
    changed[1, 0] += 0.5
    moved = (features_of(found, changed) - before).abs().amax(2) > 1e-6
    assert moved[1].any()
    assert not moved[[0, 2]].any()
    assert bool(moved[1, 0])
    if "lstm" not in layer:  # which remembers
        assert not moved[1, 3]


@each
def test_looking_gives_the_logits_of_scoring_and_a_gradient(
    make: Callable[[], nn.Module], layer: str, shape: tuple[int, int]
) -> None:
    found, clips = looking(make()), random(2, FRAMES, 3, 8, 8).requires_grad_()
    logits, features, _ = found.outputs(clips, "features")
    assert features is not None
    torch.testing.assert_close(logits, found.score(clips))
    (gradient,) = torch.autograd.grad(features.square().sum(), clips)
    assert gradient.any()


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ((CLIPS * FRAMES, 4, 3, 3), (CLIPS, FRAMES, 4)),  # 2-D, frames in the batch
        ((CLIPS * 4, 4, 3, 3), (CLIPS, 4, 4)),
        ((CLIPS * FRAMES, 5), (CLIPS, FRAMES, 5)),
        ((CLIPS * FRAMES, 9, 5), (CLIPS, FRAMES, 5)),  # tokens of frames in the batch
        ((CLIPS, 6, FRAMES, 3, 3), (CLIPS, FRAMES, 6)),  # 3-D
        ((CLIPS, 6, 4, 3, 3), (CLIPS, 4, 6)),
        ((CLIPS, FRAMES, 6, 3, 3), (CLIPS, FRAMES, 6)),
        ((CLIPS, FRAMES, 7), (CLIPS, FRAMES, 7)),  # recurrent
        ((FRAMES, CLIPS, 7), (CLIPS, FRAMES, 7)),
        ((CLIPS, FRAMES * 4, 7), (CLIPS, FRAMES, 7)),  # transformers
        ((CLIPS, FRAMES * 4 + 1, 7), (CLIPS, FRAMES, 7)),
        ((CLIPS, FRAMES // 2 * 3, 7), (CLIPS, FRAMES // 2, 7)),
        ((CLIPS, FRAMES // 2 * 4, 7), (CLIPS, FRAMES // 2, 7)),  # 2 x 2 places, not 8 times 2
        ((CLIPS, CLASSES), None),  # no time
        ((CLIPS, 6, 2, 3, 3), None),  # two moments are too few
        ((CLIPS * 2, 4, 3, 3), None),
        ((CLIPS, 6, 3, 3), None),
        ((CLIPS, 6, 7), None),  # six tokens of eight frames
        ((3, 4), None),
        ((1,), None),
    ],
    ids=str,
)
def test_known_forms_of_layers(output: tuple[int, ...], expected: tuple[int, ...] | None) -> None:
    features = frame_features(random(*output), CLIPS, FRAMES)
    assert (None if features is None else tuple(features.shape)) == expected


def test_features_are_means_over_places_worked_out_by_hand() -> None:
    folded = torch.arange(2.0 * 3 * 1 * 2).view(6, 1, 1, 2)  # two clips of three frames, one channel, two pixels
    expected = [[[0.5], [2.5], [4.5]], [[6.5], [8.5], [10.5]]]
    features = frame_features(folded, 2, 3)
    assert features is not None
    assert features.tolist() == expected
    volume = folded.view(2, 3, 1, 1, 2).transpose(1, 2)
    features = frame_features(volume, 2, 3)
    assert features is not None
    assert features.tolist() == expected
    tokens = torch.cat([torch.full((2, 1, 1), 99.0), folded.view(2, 6, 1)], dim=1)  # a class token before
    features = frame_features(tokens, 2, 3)
    assert features is not None
    assert features.tolist() == expected


def test_a_layer_can_be_named() -> None:
    found = looking(Volume3d(), "stem")
    assert found.layer == "stem"
    assert features_of(found, random(2, FRAMES, 3, 8, 8)).shape == (2, 4, 6)


@pytest.mark.parametrize(
    ("network", "layer", "message"),
    [
        (Volume3d(), "head", "--layer 'head' is not in the model; the last ones are stem, deep, pool, fc"),
        (Volume3d(), "fc", "--layer 'fc' has no moments in time to look at in the model 'toy'; use one of stem, deep"),
        (
            Blind(),
            None,
            "no layer keeps moments in time to look at in the model 'toy'; use an attack and a --coherence",
        ),
    ],
)
def test_a_layer_that_cannot_be_looked_at_is_refused_with_what_would_work(
    network: nn.Module, layer: str | None, message: str
) -> None:
    with pytest.raises(LsapError) as caught:
        _ = looking(network, layer).layer
    assert message in str(caught.value)


def test_a_precision_that_does_not_exist_is_refused() -> None:
    with pytest.raises(LsapError, match="--precision fp8 is unknown; use fp32, bf16, fp16"):
        looking(Blind(), precision="fp8")


def test_activations_are_those_of_every_convolution_in_the_order_of_the_network() -> None:
    network, clips = Volume3d(), random(2, FRAMES, 3, 8, 8)
    first, second = activations_of(looking(network), clips)
    assert (first.shape, second.shape) == ((2, 6, 4, 4, 4), (2, 7, 4, 4, 4))
    torch.testing.assert_close(second, network.deep(first))


def test_features_and_activations_can_be_seen_at_one_look() -> None:
    found, clips = looking(Volume3d()), random(2, FRAMES, 3, 8, 8)
    logits, features, activations = found.outputs(clips, "features", "activations")
    assert features is not None
    assert activations is not None
    torch.testing.assert_close(logits, found.score(clips))
    torch.testing.assert_close(features, features_of(found, clips))
    torch.testing.assert_close(activations, activations_of(found, clips))


def test_a_network_without_convolutions_is_seen_in_its_linear_layers_but_for_the_last() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(FRAMES * 192, 5), nn.Tanh(), nn.Linear(5, CLASSES))
    clips = random(2, FRAMES, 3, 8, 8)
    (seen,) = activations_of(looking(network), clips)
    torch.testing.assert_close(seen, network[1](clips.flatten(1)))


def test_a_network_that_cannot_be_looked_into_has_no_activations() -> None:
    assert activations_of(looking(Blind()), random(2, FRAMES, 3, 8, 8)) == []


def test_lower_precision_is_the_networks_own_and_results_stay_fp32() -> None:
    clips = random(2, FRAMES, 3, 8, 8)
    network = Volume3d()
    full, half = looking(network), looking(network, precision="bf16")
    for exact, near in ((full.score(clips), half.score(clips)), (features_of(full, clips), features_of(half, clips))):
        assert near.dtype == torch.float32
        assert not torch.equal(exact, near)
        torch.testing.assert_close(exact, near, rtol=0.05, atol=0.02)


def test_hooks_are_gone_after_looking() -> None:
    network = Volume3d()
    found = looking(network)
    found.outputs(random(1, FRAMES, 3, 8, 8), "features")
    assert all(not module._forward_hooks for module in network.modules())
    with pytest.raises(RuntimeError, match="on purpose"), outputs_of(network, ["stem"]):
        raise RuntimeError("on purpose")
    assert not network.stem._forward_hooks


class WithInfinity(nn.Module):
    """One class, which few losses look at, has an infinite score."""

    def forward(self, clips: Tensor) -> Tensor:
        scores = clips.flatten(1)[:, :CLASSES]
        return torch.cat([scores[:, :-1], torch.full((len(clips), 1), float("-inf"))], 1)


@pytest.mark.parametrize("kind", ["logits", "probabilities"])
@pytest.mark.parametrize("internals", [(), ("activations",)])
def test_nothing_is_learned_from_scores_of_which_one_class_is_infinite(
    kind: Literal["logits", "probabilities"], internals: tuple[Internal, ...]
) -> None:
    labels, expects = [str(number) for number in range(CLASSES)], InputFormat("BTCHW", FRAMES, (8, 8))
    classifier = Classifier(WithInfinity(), "infinite", labels, expects, gives=OutputFormat(kind))
    with pytest.raises(LsapError, match=r"not finite .* for 2 of 2 clips"):
        InstrumentedClassifier(classifier).outputs(random(CLIPS, FRAMES, 3, 8, 8), *internals)
