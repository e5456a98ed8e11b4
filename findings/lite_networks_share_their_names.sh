#!/usr/bin/env bash
# timm's tf_efficientnet_lite0 and efficientnet_lite0 load each other's weights without a complaint, and are two networks.
#
# Versions: timm 1.0.31, torch 2.15.0, torchvision 0.29.2, Python 3.11, Linux x86-64.
#
# Both have the same tensors by name and shape, so that load_state_dict(strict=True) reports that all keys match. They differ
# in two things that no tensor holds. The epsilon of batch normalization is 0.001 in the one, 0.00001 in the other. And
# convolutions with stride 2 pad an even picture at its end alone in the one (as TensorFlow's SAME does), on both sides in the
# other. The first can be mended in the weights: add the difference of the epsilons to every running variance. The second
# depends on the size of the picture: where every map before a stride has an odd side (97, 129, 225 pixels), both pad alike,
# and the mended weights give the same logits. At 128 and 224 they do not.
#
# Why it matters: weights of the one (those of the TensorFlow release are the only ones that were published for Lite0) are
# easily taken for the other, and a network that is some points worse looks as if it had been trained so.
#
# Output, mean difference of logits as a share of their standard deviation (drawn weights, statistics from random pictures):
#   side    as loaded   epsilon mended
#     97       0.21        0.00
#    128       0.42        0.42
#    129       0.21        0.00
#    224       0.27        0.25
#    225       0.14        0.00
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet timm==1.0.31 torch==2.15.0 torchvision==0.29.2
"$folder/venv/bin/python" - <<'PYTHON'
import sys

import timm
import torch
from torch import nn

CLASSES = 100
ODD, EVEN = (97, 129, 225), (128, 224)


def generator(seed):
    return torch.Generator().manual_seed(seed)


def pictures(side):
    coarse = torch.rand(16, 3, 8, 8, generator=generator(1))
    return nn.functional.interpolate(coarse, side, mode="bicubic").clamp(0, 1)


def network(name, state=None):
    made = timm.create_model(name, num_classes=CLASSES)
    if state is not None:
        print(f"{name}: {made.load_state_dict(state, strict=True)}")
    return made.eval()


torch.manual_seed(0)
first = network("tf_efficientnet_lite0").train()
for module in first.modules():
    if isinstance(module, nn.BatchNorm2d):
        module.momentum = None  # a plain mean over the passes below
with torch.no_grad():
    for seed in range(4):
        first(torch.rand(8, 3, 128, 128, generator=generator(seed)))
first.eval()

state = first.state_dict()
epsilons = [{m.eps for m in one.modules() if isinstance(m, nn.BatchNorm2d)} for one in (first, network("efficientnet_lite0"))]
print("epsilons:", *epsilons)
gap = max(epsilons[0]) - max(epsilons[1])
as_loaded = network("efficientnet_lite0", state)
mended = network(
    "efficientnet_lite0", {name: value + gap if name.endswith("running_var") else value for name, value in state.items()}
)

found = {}
print(f"{'side':>6s} {'as loaded':>12s} {'epsilon mended':>16s}")
for side in sorted(ODD + EVEN):
    with torch.no_grad():
        logits, *others = (one(pictures(side)) for one in (first, as_loaded, mended))
    found[side] = [float((one - logits).abs().mean() / logits.std()) for one in others]
    print(f"{side:6d} {found[side][0]:12.2f} {found[side][1]:16.2f}")

expected = {
    "as loaded, logits differ at every size": all(one > 0.05 for one, _ in found.values()),
    "mended, they are equal at odd sides": all(found[side][1] < 1e-3 for side in ODD),
    "mended, they differ at even sides": all(found[side][1] > 0.05 for side in EVEN),
}
wrong = [claim for claim, holds in expected.items() if not holds]
if wrong:
    sys.exit(f"Not as described: {'; '.join(wrong)}")
print("As described.")
PYTHON
