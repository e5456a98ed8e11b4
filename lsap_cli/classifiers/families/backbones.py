"""Image networks of torchvision and timm, with a head of their own or none."""

from torch import Tensor, nn
from torch.nn import functional as F

from lsap_cli.backbone_names import EXAMPLES, TIMM
from lsap_cli.errors import LsapError
from lsap_common import unknown_name


class Head(nn.Linear):
    """The last layer of an image network, behind dropout while it is trained."""

    def __init__(self, features: int, classes: int, dropout: float) -> None:
        super().__init__(features, classes)
        self.dropout = dropout

    def forward(self, features: Tensor) -> Tensor:
        """Features (N, features) to logits (N, classes)."""
        return super().forward(F.dropout(features, self.dropout, self.training))


def make_backbone(name: str, classes: int | None, dropout: float = 0.0) -> tuple[nn.Module, int]:
    """An image network whose last linear layer gives the classes; everything before it stays.

    Args:
        name: of torchvision, such as `resnet50`, or `timm:NAME`.
        classes: of the logits; None: the last layer is taken away, and features come out.
        dropout: before the last layer, while it is trained.

    Returns:
        The network, (N, 3, H, W) to (N, classes or features), and the number of its features.

    Raises:
        LsapError: if the name is not known, or the network ends in no linear layer.
    """
    network = _timm(name.removeprefix(TIMM)) if name.startswith(TIMM) else _torchvision(name)
    heads = [(place, module) for place, module in network.named_modules() if isinstance(module, nn.Linear)]
    if not heads:
        raise LsapError(f"the backbone '{name}' has no linear layer at its end; use one such as resnet18")
    place, linear = heads[-1]
    parent, _, last = place.rpartition(".")
    head: nn.Module = nn.Identity() if classes is None else Head(linear.in_features, classes, dropout)
    setattr(network.get_submodule(parent), last, head)
    return network, linear.in_features


def _torchvision(name: str) -> nn.Module:
    import torchvision

    names = torchvision.models.list_models(module=torchvision.models)
    if name not in names:
        raise LsapError(unknown_name("backbone", name, names, EXAMPLES))
    network: nn.Module = torchvision.models.get_model(name, weights=None)
    return network


def _timm(name: str) -> nn.Module:
    try:
        import timm
    except ImportError:
        raise LsapError(f"the backbone '{TIMM}{name}' needs timm: pip install 'lsap[timm]'") from None
    if name not in timm.list_models():
        raise LsapError(unknown_name("backbone of timm", name, timm.list_models(), ["resnet26", "…"]))
    network: nn.Module = timm.create_model(name, pretrained=False)
    return network
