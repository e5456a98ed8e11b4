"""Names of weights in MMAction2's checkpoints of ResNet classifiers, as those of torchvision's ResNets.

Its convolutions stand beside their normalization in one module (`conv1.conv`, `conv1.bn`), shortcuts likewise, a
temporal shift wraps its convolution (`conv1.conv.net`), and the classes come from `cls_head.fc_cls`.
"""

import re
from collections.abc import Mapping

from torch import Tensor

HEAD = "cls_head.fc_cls."
RENAMES = (
    (re.compile(r"\.conv\.net\."), ".conv."),
    (re.compile(r"downsample\.conv\."), "downsample.0."),
    (re.compile(r"downsample\.bn\."), "downsample.1."),
    (re.compile(r"conv(\d)\.conv\."), r"conv\1."),
    (re.compile(r"conv(\d)\.bn\."), r"bn\1."),
    (re.compile(rf"^{re.escape(HEAD)}"), "backbone.fc."),
)


def image_network_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A checkpoint's weights under torchvision's names, if its head is MMAction2's; any other as it is."""
    if f"{HEAD}weight" not in state:
        return dict(state)
    renamed = {}
    for key, value in state.items():
        for pattern, name in RENAMES:
            key = pattern.sub(name, key)
        renamed[key] = value
    return renamed
