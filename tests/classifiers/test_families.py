"""Families of networks, each beside a plain reference on small inputs."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from lsap_cli.classifiers.card_fields import check_card
from lsap_cli.classifiers.cards import load_card
from lsap_cli.classifiers.checkpoints import misfit
from lsap_cli.classifiers.families import FAMILIES, i3d
from lsap_cli.classifiers.families.cnn_lstm import CnnLstmFamily
from lsap_cli.classifiers.families.i3d import I3dFamily, Inflation, inflate
from lsap_cli.classifiers.families.tsm import TsmFamily, residual_convolutions, shifted
from lsap_cli.classifiers.families.tsn import TsnFamily
from lsap_cli.errors import LsapError
from lsap_cli.known_models import FAMILIES as NAMES

CLASSES, FRAMES = 5, 4


def clips(batch: int = 2, frames: int = FRAMES, size: int = 32) -> Tensor:
    return torch.rand(batch, frames, 3, size, size, generator=torch.Generator().manual_seed(1))


def built(family: Any, backbone: str | None = "resnet18") -> nn.Module:
    torch.manual_seed(0)
    network: nn.Module = family.build(backbone, CLASSES, FRAMES)
    return network.eval()


def image_network(network: nn.Module) -> nn.Module:
    """The image network inside, without shifts."""
    return network.get_submodule("backbone")


def test_the_command_line_and_the_families_have_the_same_names() -> None:
    assert list(NAMES) == list(FAMILIES)


def test_tsn_is_the_mean_of_an_image_networks_logits() -> None:
    network, batch = built(TsnFamily()), clips()
    by_hand = torch.stack(
        [torch.stack([image_network(network)(frame[None])[0] for frame in clip]).mean(0) for clip in batch]
    )
    torch.testing.assert_close(network(batch), by_hand)


def test_every_layer_of_the_backbone_is_kept() -> None:
    network = built(TsnFamily(), "mobilenet_v3_small")
    head = image_network(network).get_submodule("classifier")
    assert isinstance(head, nn.Sequential)
    assert [type(layer).__name__ for layer in head] == ["Linear", "Hardswish", "Dropout", "Head"]


def test_tsm_without_shift_is_tsn_and_with_it_is_not() -> None:
    tsn = built(TsnFamily())
    batch = clips()
    for shift, same in ((0, True), (8, False)):
        tsm = built(TsmFamily(shift))
        tsm.load_state_dict(tsn.state_dict())  # a shift has no weights
        assert torch.allclose(tsm(batch), tsn(batch)) == same


def test_a_shift_moves_one_share_each_way_and_leaves_zeros_at_the_ends() -> None:
    features = torch.arange(1.0, 13).view(1, 3, 4, 1, 1)  # three frames of four channels
    moved = shifted(features, 4)[0, :, :, 0, 0]
    assert moved.tolist() == [[5, 0, 3, 4], [9, 2, 7, 8], [0, 6, 11, 12]]


def test_a_shift_is_in_the_residual_branch_only() -> None:
    network = built(TsmFamily())
    block: Any = image_network(network).get_submodule("layer1.0")
    seen: dict[str, Tensor] = {}
    block.register_forward_hook(lambda _, inputs, output: seen.update(before=inputs[0], after=output))
    network(clips(1))
    branch = shifted(seen["before"][None], 8)[0]
    conv = nn.Conv2d(64, 64, 3, padding=1, bias=False)
    conv.weight = block.conv1.weight
    branch = block.bn2(block.conv2(block.bn1(conv(branch)).relu()))
    torch.testing.assert_close(seen["after"], (branch + seen["before"]).relu())


@pytest.mark.parametrize(
    ("backbone", "count"),
    [("resnet18", 8), ("resnet50", 16), ("resnet101", 18), ("mobilenet_v2", 10), ("efficientnet_b0", 9)],
)
def test_each_residual_branch_shifts_once(backbone: str, count: int) -> None:
    """Of the 33 blocks of a ResNet-101 every second one of its stage shifts, as in the authors' code."""
    with torch.device("meta"):
        network = TsnFamily().build(backbone, CLASSES, FRAMES)
    assert len(list(residual_convolutions(network))) == count


def livened(network: nn.Module) -> nn.Module:
    """With activations that do not fade from layer to layer, as those of weights that were drawn do."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d | nn.BatchNorm3d) and module.running_var is not None:
            module.running_var.fill_(0.05)
    return network.double()


@pytest.mark.parametrize("inflation", ["average", "center"])
@pytest.mark.parametrize("backbone", ["resnet18", "mobilenet_v3_small"])
def test_a_still_video_gives_the_image_networks_logits(backbone: str, inflation: str) -> None:
    family = I3dFamily(padding="replicate", inflation=inflation)
    image = livened(built(TsnFamily(), backbone))
    inflated = livened(built(family, backbone))
    still = clips(frames=1).double().expand(-1, 8, -1, -1, -1)
    torch.testing.assert_close(inflated(still), image(still), atol=1e-5, rtol=1e-3)  # a third is rounded to a float
    moving = clips(frames=8).double()
    assert not torch.allclose(inflated(moving), image(moving), atol=1e-3, rtol=1e-2)


@pytest.mark.parametrize("backbone", ["resnet18", "mobilenet_v3_small"])
def test_kernels_at_the_middle_frame_are_an_image_network_of_each_frame(backbone: str) -> None:
    image = livened(built(TsnFamily(), backbone))
    inflated = livened(built(I3dFamily(stem_stride=1, inflation="center"), backbone))
    moving = clips(frames=5).double()
    difference = (inflated(moving) - image(moving)).abs().max()
    # MobileNetV3 looks at the whole clip in its squeeze; a ResNet has nothing that joins frames but the mean
    assert (difference < 1e-6) == (backbone == "resnet18")


@pytest.mark.parametrize(("frames", "expected"), [(1, 1), (2, 1), (3, 1), (4, 2), (5, 2)])
def test_frames_that_no_pooling_in_time_holds_are_dropped_and_short_clips_stay(frames: int, expected: int) -> None:
    clips = torch.rand(1, 2, frames, 3, 3)
    pooled = i3d.PoolingInTime(2)(clips)
    plain = clips if frames == 1 else clips[:, :, : 2 * expected].unflatten(2, (expected, 2)).amax(3)
    assert torch.equal(pooled, plain)


class OwnPadding(nn.Conv2d):
    def forward(self, frames: Tensor) -> Tensor:
        return super().forward(nn.functional.pad(frames, (0, 1, 0, 1)))


def test_a_convolution_that_pads_in_its_own_way_is_shifted_as_it_is_and_not_inflated() -> None:
    block = nn.Module()
    block.has_skip, block.conv = True, OwnPadding(8, 8, 2)  # type: ignore[assignment]  # as timm's blocks have it
    (conv,) = residual_convolutions(nn.Sequential(nn.Sequential(block)))
    assert conv is block.conv
    with pytest.raises(LsapError, match=r"0\.conv, a OwnPadding, cannot be inflated"):
        inflate(nn.Sequential(block), lambda _name, _conv: Inflation(3), "zeros", "average", 1)


class BatchNormAct2d(nn.BatchNorm2d):
    """Normalization with an activation of its own, as timm has it."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.drop, self.act = nn.Identity(), nn.ReLU6()

    def forward(self, frames: Tensor) -> Tensor:
        activated: Tensor = self.act(self.drop(super().forward(frames)))
        return activated


class TwoConvolutions(nn.Module):
    """An image network, with something between its convolutions and its head."""

    def __init__(self, between: nn.Module) -> None:
        super().__init__()
        self.stem, self.between, self.conv = nn.Conv2d(3, 4, 3, 2, 1), between, nn.Conv2d(4, 8, 3, 1, 1)
        self.pool, self.head = nn.AdaptiveAvgPool2d(1), nn.Linear(8, CLASSES)

    def forward(self, frames: Tensor) -> Tensor:
        logits: Tensor = self.head(self.pool(self.conv(self.between(self.stem(frames)))).flatten(1))
        return logits


class MeanOverHeightAndWidth(nn.Module):
    """Squeezes over two numbered dimensions, which are others in three dimensions."""

    def forward(self, frames: Tensor) -> Tensor:
        return frames * torch.sigmoid(10 * frames.mean((2, 3), keepdim=True))


def with_backbone(monkeypatch: pytest.MonkeyPatch, network: nn.Module) -> nn.Module:
    monkeypatch.setattr(i3d, "make_backbone", lambda *_: (network, 8))
    return I3dFamily(padding="replicate").build("any", CLASSES, 8)


def test_the_activation_in_a_normalization_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    image = TwoConvolutions(BatchNormAct2d(4)).eval()
    nn.init.constant_(image.stem.weight, 5.0)  # so that the activation cuts
    inflated = with_backbone(monkeypatch, copy.deepcopy(image)).eval()
    still = torch.rand(2, 1, 3, 16, 16)
    torch.testing.assert_close(inflated(still.expand(-1, 8, -1, -1, -1)), image(still[:, 0]), atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("between", [MeanOverHeightAndWidth(), nn.Flatten(1)])
def test_a_layer_that_means_something_else_in_three_dimensions_is_refused(
    monkeypatch: pytest.MonkeyPatch, between: nn.Module
) -> None:
    with pytest.raises(LsapError, match="the backbone 'any' cannot be inflated"):
        with_backbone(monkeypatch, TwoConvolutions(between))


def test_cnn_lstm_reads_features_in_order() -> None:
    for state in ("last", "mean"):
        network: Any = built(CnnLstmFamily(hidden=6, state=state))
        batch = clips()
        features = torch.stack([network.backbone(clip) for clip in batch])
        hidden = cell = torch.zeros(2, 6)
        states = []
        one = nn.LSTMCell(512, 6)
        one.load_state_dict({name.removesuffix("_l0"): value for name, value in network.lstm.state_dict().items()})
        for frame in range(FRAMES):
            hidden, cell = one(features[:, frame], (hidden, cell))
            states.append(hidden)
        read = states[-1] if state == "last" else torch.stack(states).mean(0)
        torch.testing.assert_close(network(batch), network.head(read))


def mmaction_resnet50(shifts: bool, inflated: bool) -> Iterator[tuple[str, tuple[int, ...]]]:
    """The names and shapes of a published ResNet-50 checkpoint of MMAction2, as its configuration files say them."""

    def norm(name: str, channels: int) -> Iterator[tuple[str, tuple[int, ...]]]:
        for part in ("weight", "bias", "running_mean", "running_var"):
            yield f"{name}.bn.{part}", (channels,)
        yield f"{name}.bn.num_batches_tracked", ()

    time = {1: (1,), 3: (3,), 5: (5,)} if inflated else {1: (), 3: (), 5: ()}
    yield "backbone.conv1.conv.weight", (64, 3, *time[5], 7, 7)
    yield from norm("backbone.conv1", 64)
    before = 64
    for stage, (blocks, width) in enumerate(((3, 64), (4, 128), (6, 256), (3, 512)), start=1):
        for block in range(blocks):
            place = f"backbone.layer{stage}.{block}"
            long = {1: True, 2: block % 2 == 0, 3: block % 2 == 0, 4: block == 1}[stage]
            net = ".net" if shifts else ""
            yield f"{place}.conv1.conv{net}.weight", (width, before, *time[3 if long else 1], 1, 1)
            yield from norm(f"{place}.conv1", width)
            yield f"{place}.conv2.conv.weight", (width, width, *time[1], 3, 3)
            yield from norm(f"{place}.conv2", width)
            yield f"{place}.conv3.conv.weight", (4 * width, width, *time[1], 1, 1)
            yield from norm(f"{place}.conv3", 4 * width)
            if block == 0:
                yield f"{place}.downsample.conv.weight", (4 * width, before, *time[1], 1, 1)
                yield from norm(f"{place}.downsample", 4 * width)
            before = 4 * width
    yield "cls_head.fc_cls.weight", (400, 2048)
    yield "cls_head.fc_cls.bias", (400,)


def mmaction_c3d() -> Iterator[tuple[str, tuple[int, ...]]]:
    sizes = {"1a": (3, 64), "2a": (64, 128), "3a": (128, 256), "3b": (256, 256)}
    sizes |= dict.fromkeys(("4b", "5a", "5b"), (512, 512)) | {"4a": (256, 512)}
    for name, (before, after) in sizes.items():
        yield f"backbone.conv{name}.conv.weight", (after, before, 3, 3, 3)
        yield f"backbone.conv{name}.conv.bias", (after,)
    for layer, before in (("fc6", 8192), ("fc7", 4096)):
        yield f"backbone.{layer}.weight", (4096, before)
        yield f"backbone.{layer}.bias", (4096,)
    yield "cls_head.fc_cls.weight", (101, 4096)
    yield "cls_head.fc_cls.bias", (101,)


@pytest.mark.parametrize("name", ["tsn", "tsm", "i3d", "c3d"])
def test_published_checkpoints_of_mmaction2_fit(name: str) -> None:
    family, kept = FAMILIES[name](), {"classes": 400, "frames": 8, "backbone": "resnet50"}
    names = mmaction_resnet50(shifts=name == "tsm", inflated=name == "i3d")
    if name == "c3d":
        names, kept = mmaction_c3d(), {"classes": 101, "frames": 16, "backbone": None}
    with torch.device("meta"):
        state = {key: torch.empty(shape) for key, shape in names}
        network = family.build(**kept)  # type: ignore[arg-type]  # of different kinds
    assert misfit(family.renamed(state), network.state_dict()) is None


CARD = """
labels = ["a", "b", "c"]
{fields}
[input]
layout = "{layout}"
frames = 4
size = [32, 32]
"""


def card(folder: Path, fields: str, layout: str = "BTCHW") -> Path:
    path = folder / "model.toml"
    path.write_text(CARD.format(fields=fields, layout=layout))
    return path


def test_a_card_names_a_family_its_settings_and_its_weights(tmp_path: Path) -> None:
    torch.manual_seed(3)
    network = CnnLstmFamily(hidden=7, state="mean").build("resnet18", 3, 4)
    save_file(network.state_dict(), tmp_path / "w.safetensors")
    fields = 'family = "cnn-lstm:hidden=7,state=mean"\nbackbone = "resnet18"\nclasses = 3\nsegments = 4\n'
    fields += 'weights = "w.safetensors"'
    classifier = load_card(card(tmp_path, fields))
    batch = clips(1)
    torch.testing.assert_close(classifier(batch), network.eval()(batch))


def test_without_weights_a_family_is_drawn_alike_in_every_run(tmp_path: Path) -> None:
    path = card(tmp_path, 'family = "tsn"\nbackbone = "resnet18"')
    batch = clips(1)
    torch.testing.assert_close(load_card(path)(batch), load_card(path)(batch))


@pytest.mark.parametrize(
    ("fields", "layout", "sentence"),
    [
        ('family = "tsx"\nbackbone = "resnet18"', "BTCHW", "the family 'tsx' is unknown"),
        ('family = "tsm"', "BTCHW", "lacks backbone"),
        ('family = "c3d"\nbackbone = "resnet18"', "BTCHW", "c3d has no backbone"),
        ('family = "tsm"\nbackbone = "resnet18"', "BCTHW", "layout is 'BCTHW', and a family takes BTCHW"),
        ('family = "tsm"\nbackbone = "resnet18"\nsegments = 8', "BTCHW", "segments is 8, and frames in [input] is 4"),
        ('family = "tsm"\nbackbone = "resnet18"\nclasses = 8', "BTCHW", "classes is 8, and there are 3 labels"),
        ('backbone = "resnet18"\nfactory = "a.py:b"', "BTCHW", "backbone is of a family"),
        ('family = "tsm"\nfactory = "a.py:b"', "BTCHW", "say twice where the network comes from"),
    ],
)
def test_what_does_not_fit_together_is_named_without_torch(
    tmp_path: Path, fields: str, layout: str, sentence: str
) -> None:
    with pytest.raises(LsapError) as refused:
        check_card(card(tmp_path, fields, layout))
    assert sentence in str(refused.value)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ('family = "tsm"\nbackbone = "resnet19"', "resnet18"),
        ('family = "tsm"\nbackbone = "vgg11"', "no residual blocks that tsm knows"),
        ('family = "i3d"\nbackbone = "convnext_tiny"', "cannot be inflated"),
        ('family = "tsm:shift=1"\nbackbone = "resnet18"', "shift is 1"),
        ('family = "c3d"', "c3d takes 16 frames, not 4"),
        ('family = "tsn"\nbackbone = "timm:no_such_network"', "timm"),
    ],
)
def test_a_backbone_that_a_family_cannot_use_is_named(tmp_path: Path, fields: str, sentence: str) -> None:
    with pytest.raises(LsapError) as refused:
        load_card(card(tmp_path, fields))
    assert sentence in str(refused.value)
