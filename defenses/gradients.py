"""What an attacker's backward pass gets where an operation has no useful derivative of its own."""

import torch
from torch import Tensor


def wants_gradient(frames: Tensor) -> bool:
    """Whether the gradient at `frames` will be asked for."""
    return torch.is_grad_enabled() and frames.requires_grad


def with_gradient_of(stand_in: Tensor, values: Tensor) -> Tensor:
    """`values`, with the gradient of `stand_in` (same shape).

    The backward pass differentiable approximation (BPDA) of Athalye, Carlini and Wagner, ICML 2018.
    """
    return values.detach() + (stand_in - stand_in.detach())  # the difference is exactly 0


def straight_through(values: Tensor, frames: Tensor) -> Tensor:
    """Give `values` the gradient of the identity on `frames` (same shape), where one is needed."""
    return with_gradient_of(frames, values) if wants_gradient(frames) else values


def clamp_straight_through(values: Tensor) -> Tensor:
    """Clamp to [0, 1] and pass the gradient whole: an attacker is not stopped where a value is cut."""
    return straight_through(values.clamp(0, 1), values)
