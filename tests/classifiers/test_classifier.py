"""Networks of a notebook, wrapped without a card."""

import msgspec
import pytest
import torch
from torch import Tensor, nn

from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.classifiers.formats import InputFormat, OutputFormat, SamplingFormat
from lsap_cli.errors import LsapError
from lsap_cli.testing import check_classifier
from tests.tiny import make_classifier

LABELS = ["first", "second"]


class Mixed(nn.Module):
    """2-D convolutions beside 3-D ones, and a position embedding of four dimensions."""

    def __init__(self) -> None:
        super().__init__()
        self.flat = nn.Conv2d(3, 8, 3, padding=1)
        self.deep = nn.Conv3d(8, 8, 3, padding=1)
        self.places = nn.Parameter(torch.zeros(1, 8, 6, 6))
        self.head = nn.Linear(8, 2)

    def forward(self, clips: Tensor) -> Tensor:
        maps = (self.flat(clips.flatten(0, 1)) + self.places).unflatten(0, clips.shape[:2])
        scores: Tensor = self.head(torch.relu(self.deep(maps.transpose(1, 2))).mean((2, 3, 4)))
        return scores


def test_a_network_with_convolutions_of_both_kinds_is_used_and_only_the_flat_ones_are_channels_last() -> None:
    torch.manual_seed(0)
    network, clips = Mixed(), torch.rand(2, 4, 3, 6, 6)
    expected = network(clips)
    classifier = Classifier(network, "mixed", LABELS, InputFormat("BTCHW", 4, (6, 6)))
    torch.testing.assert_close(classifier(clips), expected)
    assert network.flat.weight.is_contiguous(memory_format=torch.channels_last)
    assert network.places.is_contiguous()
    check_classifier(classifier)


def test_an_exported_network_is_used_in_the_one_mode_that_it_has() -> None:
    network, clips = Mixed().eval(), torch.rand(2, 4, 3, 6, 6)
    exported = torch.export.export(network, (clips,)).module()
    classifier = Classifier(exported, "exported", LABELS, InputFormat("BTCHW", 4, (6, 6)))
    torch.testing.assert_close(classifier(clips), network(clips))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (InputFormat("TCHW", 4, (6, 6)), "layout = 'TCHW'; it must be BTCHW, BCTHW, BTHWC, NCHW or NHWC"),  # type: ignore[arg-type]
        (InputFormat("BTCHW", 0, (6, 6)), "frames = 0; it must be a whole number from 1"),
        (OutputFormat("scores"), "kind = 'scores'; it must be logits, probabilities, logit, probability or label"),  # type: ignore[arg-type]
        (SamplingFormat(views=0), "views = 0; it must be a whole number from 1"),
        (SamplingFormat("often"), "the sampler of the model 'mixed' 'often' is unknown; use one of: uniform"),
    ],
    ids=["layout", "frames", "kind", "views", "sampler"],
)
def test_a_wrong_format_is_refused_at_once(wrong: msgspec.Struct, message: str) -> None:
    formats: dict[str, msgspec.Struct] = {"expects": InputFormat("BTCHW", 4, (6, 6))}
    field = {InputFormat: "expects", OutputFormat: "gives", SamplingFormat: "sampling"}[type(wrong)]
    with pytest.raises(LsapError) as caught:
        Classifier(Mixed(), "mixed", LABELS, **formats | {field: wrong})  # type: ignore[arg-type]
    assert message in str(caught.value)


def test_a_model_without_labels_is_refused() -> None:
    with pytest.raises(LsapError, match="the model 'mixed' has no labels"):
        Classifier(Mixed(), "mixed", [], InputFormat("BTCHW", 4, (6, 6)))


class Drops(nn.Module):
    """Draws random numbers at each call."""

    def forward(self, clips: Tensor) -> Tensor:
        return clips.flatten(1)[:, :2] * torch.rand(1)


class AmongOthers(nn.Module):
    """A clip's scores depend on the other clips."""

    def forward(self, clips: Tensor) -> Tensor:
        flat = clips.flatten(1)
        return (flat - flat.mean(0))[:, :2]


class Constant(nn.Module):
    """The same scores for every clip."""

    def forward(self, clips: Tensor) -> Tensor:
        return torch.ones(len(clips), 2) + 0 * clips.sum()


class NotFinite(nn.Module):
    """Scores that are no numbers."""

    def forward(self, clips: Tensor) -> Tensor:
        return clips.flatten(1)[:, :2] / 0


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (Drops(), "random numbers were drawn"),
        (AmongOthers(), "a clip alone gives other scores"),
        (Constant(), "the gradient by the pixels is zero everywhere"),
        (NotFinite(), "scores are not finite"),
    ],
    ids=lambda one: type(one).__name__ if isinstance(one, nn.Module) else "",
)
def test_the_contract_of_models_finds_what_an_attack_cannot_work_with(network: nn.Module, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check_classifier(Classifier(network, "bad", LABELS, InputFormat("BTCHW", 4, (6, 6))))


def test_a_good_model_keeps_the_contract() -> None:
    check_classifier(make_classifier())


class Failing(nn.Module):
    """Raises in its forward pass, as a network that is given another size does."""

    def forward(self, clips: Tensor) -> Tensor:
        raise RuntimeError("mat1 and mat2\x1b[31m cannot be multiplied")


def test_what_a_network_raises_is_told_as_its_own_with_the_clips_that_it_was_given() -> None:
    classifier = Classifier(Failing(), "failing", LABELS, InputFormat("BCTHW", 4, (6, 6)))
    with pytest.raises(
        LsapError, match=r"'failing' failed on clips of shape \(2, 3, 4, 6, 6\) .*mat2 cannot be"
    ) as raised:
        classifier(torch.rand(2, 4, 3, 6, 6))
    assert raised.value.exit_code == 1


def test_a_network_that_fails_on_other_frames_than_its_configuration_says_is_told_so() -> None:
    network = Failing()
    network.config = {"num_frames": 8}  # type: ignore[assignment]  # as a library sets it
    classifier = Classifier(network, "failing", LABELS, InputFormat("BCTHW", 4, (6, 6)))
    with pytest.raises(LsapError, match=r"it gets 4 frames, but its configuration \(dict\) says num_frames 8; check"):
        classifier(torch.rand(2, 4, 3, 6, 6))
