"""Networks with one output, of one channel, of single frames, with several crops: described by a card, without code."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.classifiers.formats import InputFormat, OutputFormat
from lsap_cli.classifiers.geometry import Geometry
from lsap_cli.classifiers.model_formats.batches import network_shape
from lsap_cli.errors import LsapError
from lsap_cli.evaluation.network_findings import network_findings
from tests.tiny import make_bytes

TWO = ["calm", "fight"]


class Returns(nn.Module):
    """Gives fixed numbers, and keeps what it was given."""

    def __init__(self, output: Tensor) -> None:
        super().__init__()
        self.output, self.seen = output, torch.zeros(0)

    def forward(self, clips: Tensor) -> Tensor:
        self.seen = clips
        return self.output


def classifier(output: Tensor, kind: Any, labels: list[str] = TWO, **expects: Any) -> Classifier:
    settings: dict[str, Any] = {"layout": "BTCHW", "frames": 2, "size": (4, 4)}
    taken = InputFormat(**settings | expects)
    return Classifier(Returns(output), "heads", labels, taken, gives=OutputFormat(kind))


def clips() -> Tensor:
    pixels: Tensor = make_bytes(4, 4, 4).unflatten(0, (2, 2)) / 255
    return pixels


@pytest.mark.parametrize("shape", [(2,), (2, 1)])
def test_one_logit_is_two_classes_the_first_with_zero(shape: tuple[int, ...]) -> None:
    scores = classifier(torch.tensor([1.5, -2.0]).view(shape), "logit").score(clips())
    assert torch.equal(scores, torch.tensor([[0.0, 1.5], [0.0, -2.0]]))


@pytest.mark.parametrize("shape", [(2,), (2, 1)])
def test_one_probability_is_that_of_the_second_class(shape: tuple[int, ...]) -> None:
    scores = classifier(torch.tensor([0.75, 0.1]).view(shape), "probability").score(clips())
    torch.testing.assert_close(scores.softmax(1), torch.tensor([[0.25, 0.75], [0.9, 0.1]]))


@pytest.mark.parametrize("kind", ["logit", "probability"])
def test_one_output_needs_two_labels(kind: str) -> None:
    with pytest.raises(LsapError, match=f"kind in .output. is '{kind}', one number that stands for two classes"):
        classifier(torch.zeros(2), kind, ["a", "b", "c"])


def test_a_wrong_shape_names_the_kind() -> None:
    with pytest.raises(LsapError, match=r"its 2 labels and kind 'logit' need \(2, 1\)"):
        classifier(torch.zeros(2, 2), "logit").score(clips())


@pytest.mark.parametrize("shape", [(2,), (2, 1)])
def test_one_number_for_two_classes_is_told_how_it_is_described(shape: tuple[int, ...]) -> None:
    with pytest.raises(LsapError, match=r'one number for two classes is kind = "logit" or "probability" in .output'):
        classifier(torch.zeros(shape), "logits").score(clips())


def test_a_single_label_is_no_classifier() -> None:
    with pytest.raises(
        LsapError, match=r'has a single label, .* kind = "logit" or "probability" in .output., with two'
    ):
        classifier(torch.zeros(2, 1), "logits", ["fake"])


def test_logits_said_to_be_a_probability_are_warned_of() -> None:
    found = {one.test: one for one in network_findings(classifier(torch.tensor([3.0, -2.0]), "probability"), CPU, 0)}
    assert found["probabilities"].verdict == "WARN"
    assert 'write kind = "logit"' in found["probabilities"].figure


CPU = torch.device("cpu")


@pytest.mark.parametrize("kind", ["logits", "probabilities"])
def test_a_network_of_single_frames_gets_all_frames_and_its_scores_are_averaged(kind: str) -> None:
    rows = torch.tensor([[0.9, 0.1], [0.5, 0.5], [0.2, 0.8], [0.4, 0.6]])
    made = classifier(rows, kind, layout="NCHW")
    scores = made.score(clips())
    expected = torch.tensor([[0.7, 0.3], [0.3, 0.7]])
    torch.testing.assert_close(scores, expected.log() if kind == "probabilities" else expected)
    network: Any = made.network
    torch.testing.assert_close(network.seen, clips().flatten(0, 1))


@pytest.mark.parametrize(("layout", "rows"), [("BTHWC", 2), ("NHWC", 4)])
def test_channels_come_last_where_the_layout_says_so(layout: str, rows: int) -> None:
    made = classifier(torch.zeros(rows, 2), "logits", layout=layout, mean=(0.1, 0.2, 0.3))
    made.score(clips())
    expected = clips().movedim(2, -1) - torch.tensor([0.1, 0.2, 0.3])
    network: Any = made.network
    torch.testing.assert_close(network.seen, expected.flatten(0, 1) if layout == "NHWC" else expected)
    assert tuple(network.seen.shape[1:]) == network_shape(made.expects)


@pytest.mark.parametrize("mean", [(0.5,), (0.5, 0.5, 0.5)])
def test_a_network_of_one_channel_gets_luma(mean: tuple[float, ...]) -> None:
    made = classifier(torch.zeros(2, 2), "logits", channels="GRAY", mean=mean, std=(0.25,))
    made.score(clips())
    red, green, blue = clips().unbind(2)
    expected = (0.299 * red + 0.587 * green + 0.114 * blue - 0.5) / 0.25
    network: Any = made.network
    torch.testing.assert_close(network.seen, expected[:, :, None])


def test_a_gray_network_has_one_mean() -> None:
    with pytest.raises(ValueError, match="channels is GRAY, which has one channel: give one number"):
        classifier(torch.zeros(2, 2), "logits", channels="GRAY", mean=(0.1, 0.2, 0.3))


@pytest.mark.parametrize(
    ("working", "corners"), [((4, 9), [(0, 0), (0, 2), (0, 5)]), ((9, 4), [(0, 0), (2, 0), (5, 0)])]
)
def test_three_crops_lie_along_the_longer_side(working: tuple[int, int], corners: list[tuple[int, int]]) -> None:
    frames = make_bytes(2, *working)
    crops = Geometry((4, 4), working).crops_of(frames, 3)
    expected = [frames[..., top : top + 4, left : left + 4] for top, left in corners]
    assert all(torch.equal(one, other) for one, other in zip(crops, expected, strict=True))


def test_a_crop_that_is_rounded_down_lies_as_transformers_puts_it() -> None:
    frames = make_bytes(1, 7, 11)
    assert torch.equal(Geometry((4, 4), (7, 11), crop_rounding="down").crop(frames), frames[..., 1:5, 3:7])
    assert torch.equal(Geometry((4, 4), (7, 11)).crop(frames), frames[..., 2:6, 4:8])


def test_one_logit_below_zero_has_a_gradient_that_the_check_finds() -> None:
    class Linear(nn.Module):
        def forward(self, clips: Tensor) -> Tensor:
            return -1 - clips.mean((1, 2, 3, 4))

    made = Classifier(Linear(), "one", TWO, InputFormat("BTCHW", 2, (4, 4)), gives=OutputFormat("logit"))
    assert {one.test: one.verdict for one in network_findings(made, CPU, 0)}["gradient"] == "PASS"
