"""The network that `train` begins with, the layers of it that learn, and its modes."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm  # the base of all, which has no public name

from lsap_cli.backbone_names import TIMM
from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.classifiers.families import FAMILIES
from lsap_cli.classifiers.families.backbones import Head
from lsap_cli.classifiers.formats import InputFormat, SamplingFormat
from lsap_cli.classifiers.weights import sha256
from lsap_cli.errors import LsapError
from lsap_cli.specs import build
from lsap_cli.training.initial_weights import imagenet_file, load_initial_weights
from lsap_cli.training.settings import CROP_MARGIN, IMAGENET, TrainedPart, TrainSettings

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
LAST_SHARE = 4  # one block of so many is among the last ones
CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)


@dataclass(frozen=True)
class StartingNetwork:
    """What training begins with.

    Attributes:
        classifier: of the set's labels, in evaluation mode, without gradients.
        weights: the file that its weights are from; None: they were drawn.
        drawn: names of tensors that no file gave a value.
    """

    classifier: Classifier
    weights: Path | None
    drawn: tuple[str, ...]


def starting_network(settings: TrainSettings, labels: Sequence[str]) -> StartingNetwork:
    """Builds the family's network, and loads the weights that it begins with.

    Raises:
        LsapError: if family, backbone or weights are not known or do not fit.
    """
    family = build(settings.family, FAMILIES, "family")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        network = family.build(settings.backbone, len(labels), settings.clip_frames)
    _refuse_auxiliary_heads(network, settings)
    path = _weights_file(settings)
    drawn: Sequence[str] = [*network.state_dict()] if path is None else load_initial_weights(network, family, path)
    source = {} if path is None else {"initial_weights": str(path), "initial_weights_sha256": sha256(path)}
    sampling = SamplingFormat(sampler=settings.sampler)
    backbone = (settings.backbone or "").removeprefix("timm:")
    name = "-".join(filter(None, (settings.family_name, backbone)))
    classifier = Classifier(network, name, labels, input_format(settings), sampling=sampling, source=source)
    return StartingNetwork(classifier, path, tuple(drawn))


def input_format(settings: TrainSettings) -> InputFormat:
    """What the network takes: [input] of its card."""
    side = settings.input_size
    mean, std = _statistics(settings.backbone)
    resize = round(side * CROP_MARGIN)
    return InputFormat("BTCHW", settings.clip_frames, (side, side), resize=resize, mean=mean, std=std)


def _statistics(backbone: str | None) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation that the image network was trained with: timm's own, else those of ImageNet."""
    if backbone is None or not backbone.startswith(TIMM):
        return IMAGENET_MEAN, IMAGENET_STD
    import timm  # it is there: the backbone was made of it

    config = timm.get_pretrained_cfg(backbone.removeprefix(TIMM), allow_unregistered=True)
    assert config is not None  # allow_unregistered
    return tuple(config.mean), tuple(config.std)


def _weights_file(settings: TrainSettings) -> Path | None:
    if settings.weights is None:
        return None
    if settings.weights == IMAGENET:
        assert settings.backbone is not None  # TrainSettings.check
        return imagenet_file(settings.backbone, settings.download)
    return Path(settings.weights)


def _refuse_auxiliary_heads(network: nn.Module, settings: TrainSettings) -> None:
    """GoogLeNet and Inception give several outputs while they are trained, of which a family reads one."""
    if getattr(getattr(network, "backbone", None), "aux_logits", False):
        raise LsapError(
            f"the backbone '{settings.backbone}' has auxiliary heads, which a family does not train; use another, such "
            "as resnet18"
        )


@dataclass(frozen=True)
class TrainedLayers:
    """Which layers of a network learn.

    Attributes:
        new: parameters of the head, and of an LSTM; of a network of no family, of its last block.
        others: that learn besides, beginning with weights of a file or drawn ones.
        frozen: modules that stay as they are, their statistics and dropout, too.
    """

    new: list[nn.Parameter]
    others: list[nn.Parameter]
    frozen: list[nn.Module]


def choose_layers(network: nn.Module, trained: TrainedPart) -> TrainedLayers:
    """Sets which parameters need a gradient.

    Args:
        network: of a family, or any other.
        trained: `head`: the head and an LSTM; `last`: the last quarter of the blocks before it, too; `all`.
    """
    network.requires_grad_(trained == "all")
    blocks = [*_blocks(network)]
    heads = [block for block in blocks if _is_new(block)] or blocks[-1:]
    known_heads = set(map(id, heads))
    body = [block for block in blocks if id(block) not in known_heads]
    kept = {"head": len(body), "last": len(body) - max(1, len(body) // LAST_SHARE), "all": 0}[trained]
    for block in (*heads, *body[kept:]):
        block.requires_grad_(True)
    new = [parameter for block in heads for parameter in block.parameters()]
    known = set(map(id, new))
    others = [one for one in network.parameters() if one.requires_grad and id(one) not in known]
    return TrainedLayers(new, others, body[:kept])


def set_training_mode(network: nn.Module, layers: TrainedLayers) -> None:
    """Training mode, but for the frozen modules."""
    network.train()
    for module in layers.frozen:
        module.eval()


def estimate_statistics(network: nn.Module, layers: TrainedLayers, pass_clips: Callable[[], None]) -> None:
    """Takes the statistics of batch normalization anew, as the mean over some batches of the weights of the moment.

    While weights change, the running mean lags behind them: by hundreds of steps where it takes a hundredth of each
    batch, as MobileNet's does. Evaluation mode would then be that of other weights (Wu and Johnson 2021, "Rethinking
    'Batch' in BatchNorm", precise BN).

    Args:
        network: whose statistics are changed, but for those of frozen modules; nothing else is.
        layers: of it.
        pass_clips: sends batches through it, without gradients.
    """
    set_training_mode(network, layers)
    norms = [one for one in network.modules() if isinstance(one, _BatchNorm) and one.training]
    norms = [one for one in norms if one.track_running_stats]
    if not norms:
        return
    momenta = [one.momentum for one in norms]
    for one in norms:
        one.reset_running_stats()
        one.momentum = None  # the mean of all batches
    pass_clips()
    for one, momentum in zip(norms, momenta, strict=True):
        one.momentum = momentum


def _blocks(module: nn.Module) -> Iterator[nn.Module]:
    """The blocks with parameters in the order in which they were made; containers and mere wrappers are opened."""
    children = [(name, child) for name, child in module.named_children() if any(True for _ in child.parameters())]
    for name, child in children:
        is_wrapped = len(children) == 1 and any(True for _ in child.children()) and not _is_new(child, deep=False)
        if type(child) in CONTAINERS or is_wrapped or (name == "backbone" and not _is_new(child, deep=False)):
            yield from _blocks(child)
        else:
            yield child


def _is_new(block: nn.Module, deep: bool = True) -> bool:
    """Whether a block is, or holds, the head or an LSTM."""
    modules = block.modules() if deep else [block]
    return any(isinstance(module, Head | nn.LSTM) for module in modules)


class ScoringModule(nn.Module):
    """A classifier's way from clips to logits as the one `forward` that distributed training wraps."""

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        self.classifier = classifier

    def forward(self, clips: Tensor) -> Tensor:
        """Logits (B, classes) of clips (B, T, 3, h, w) in [0, 1]."""
        return self.classifier.score(clips)
