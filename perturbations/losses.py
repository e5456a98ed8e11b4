"""Losses on logits: (B,) values that fall as the attack gets closer to the aims."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from perturbations.objectives import Aims

LOGITS_DECAY = 0.9  # of the running mean of logits


def margin_loss(logits: Tensor, aims: Aims, confidence: float) -> Tensor:
    """How far each clip is on the wrong side of the decision boundary, in logits, down to -confidence.

    The loss f6 of Carlini and Wagner (IEEE S&P 2017), on logits.

    Args:
        logits: (B, classes).
        aims: of the B clips.
        confidence: a clip that is over the boundary by this much has no more gradient.

    Returns:
        (B,).
    """
    return (-aims.toward * margins(logits, aims.classes)).clamp(min=-confidence)


def cross_entropy_loss(logits: Tensor, aims: Aims, confidence: float) -> Tensor:
    """Cross-entropy, lowered where the class is to win and raised, up to `confidence` nats, where it is to lose: (B,).

    The cut-off keeps clips that are far over the boundary from dominating the sum (Shafahi et al., AAAI 2020, eq. 5).
    """
    entropy = F.cross_entropy(logits, aims.classes, reduction="none")
    return torch.where(aims.toward > 0, entropy, -entropy.clamp(max=confidence))


def layer_response(activations: Sequence[Tensor], clips: int) -> Tensor:
    """How strongly the layers of a network respond to each clip: sum over layers of log |f_l|_2, (clips,).

    Mopuri et al., TPAMI 2018, eq. 3.

    Args:
        activations: of each layer, (clips, ...) or (clips * frames, ...).
        clips: B.
    """
    norms = [_Norm.apply(layer).view(clips, -1).square().sum(1) for layer in activations]
    return torch.stack([squares.clamp(min=torch.finfo(torch.float32).tiny).log() / 2 for squares in norms]).sum(0)


class _Norm(torch.autograd.Function):
    """The l2 norm of each element of a layer, (n, ...) -> (n,) float32.

    As torch's own, but that it goes over the layer once forward and once backward: layers are large, and a step may
    cost little more than the network.
    """

    @staticmethod
    def forward(ctx: Any, layer: Tensor) -> Tensor:
        norms: Tensor = torch.linalg.vector_norm(layer, dim=tuple(range(1, layer.ndim)), dtype=torch.float32)
        ctx.save_for_backward(layer, norms)
        return norms

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        layer, norms = ctx.saved_tensors
        factors = gradients[0] / norms.clamp(min=torch.finfo(torch.float32).tiny)
        return layer * factors.to(layer.dtype).view(-1, *[1] * (layer.ndim - 1))  # type: ignore[no-any-return]  # untyped


def margins(logits: Tensor, classes: Tensor) -> Tensor:
    """How far each clip's given class is above the best other class: (B, classes), (B,) -> (B,)."""
    own = logits.gather(1, classes[:, None])[:, 0]
    others = logits.scatter(1, classes[:, None], float("-inf")).amax(1)
    return own - others


def running_mean_logits(trend: Tensor | None, logits_sum: Tensor, clips: float) -> Tensor:
    """The running mean of logits over the steps so far, (classes,), after one more step."""
    mean = logits_sum / clips
    return mean if trend is None else LOGITS_DECAY * trend + (1 - LOGITS_DECAY) * mean


def own_class_at_mean(logits: Tensor, clean_predictions: Tensor) -> Tensor:
    """Logits (B, classes) with each clip's clean class at the clip's mean: the classes that the perturbation raises."""
    return logits.scatter(1, clean_predictions[:, None], logits.mean(1, keepdim=True))
