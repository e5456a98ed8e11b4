"""Budgets: how large a perturbation may be, and the projection onto what is allowed.

Sizes are in pixel units of [0, 1]. `l2` is the root mean square over all elements, so that it means the same at
every size: LSAP's ||R||_2 = 20 on a 32 x 224 x 224 clip is an RMS of 2.32/255.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, get_args

import torch
from torch import Tensor

from lsap_common import parse_epsilon

Norm = Literal["linf", "l2"]
LEVELS = 255


@dataclass(frozen=True)
class Budget:
    """The largest perturbation that is allowed.

    Args:
        norm: linf (largest element) or l2 (root mean square of the elements).
        epsilon: the bound in pixel units, in (0, 1], as an exact fraction: `Fraction(8, 255)`.

    Raises:
        ValueError: if the norm is unknown, or epsilon is no fraction or outside (0, 1].
    """

    norm: Norm
    epsilon: Fraction

    def __post_init__(self) -> None:
        if self.norm not in get_args(Norm):
            raise ValueError(f"the norm '{self.norm}' is unknown; use linf or l2")
        if not isinstance(self.epsilon, Fraction):
            raise ValueError(  # noqa: TRY004 - wrong arguments are one kind of error here
                f"epsilon is {self.epsilon!r}, but must be an exact fraction: use Budget.parse('{self.norm}', '8/255') "
                f"or Budget('{self.norm}', Fraction(8, 255))"
            )
        if not 0 < self.epsilon <= 1:
            raise ValueError(f"epsilon is {self.epsilon}; it is in pixel units of [0, 1]: use for example 8/255")

    @classmethod
    def parse(cls, norm: Norm, epsilon: str) -> "Budget":
        """A budget from text such as `Budget.parse("linf", "8/255")`.

        Raises:
            ValueError: if the norm is unknown, or epsilon is not a number in (0, 1].
        """
        return cls(norm, parse_epsilon(epsilon))

    @property
    def epsilon_text(self) -> str:
        """Epsilon as it is written on the command line: in 255ths where it is a whole number of them."""
        in_levels = self.epsilon * LEVELS
        return f"{in_levels.numerator}/{LEVELS}" if in_levels.denominator == 1 else str(self.epsilon)

    @property
    def is_below_one_level(self) -> bool:
        """Whether nothing of it is left in whole levels of 1/255, as videos hold them."""
        return self.norm == "linf" and self.epsilon * LEVELS < 1

    def size(self, delta: Tensor) -> float:
        """The norm of delta (any shape): what must not exceed epsilon."""
        if self.norm == "linf":
            return float(delta.abs().max())
        return float(delta.double().square().mean().sqrt())

    def project(self, delta: Tensor) -> Tensor:
        """The nearest allowed perturbation: Euclidean projection, the prox of the budget's indicator (LSAP).

        Args:
            delta: any shape, float.

        Returns:
            The same shape; `size` of it is at most epsilon.
        """
        epsilon = float(self.epsilon)
        if self.norm == "linf":
            return delta.clamp(-epsilon, epsilon)
        tiny = torch.finfo(delta.dtype).tiny  # at zeros, too, there is a gradient
        root_mean_square = delta.square().mean().clamp(min=tiny).sqrt()
        return delta * (epsilon / root_mean_square.clamp(min=epsilon))

    def quantize(self, delta: Tensor) -> Tensor:
        """Delta in whole 8-bit levels, still within the budget.

        Rounding alone can push a perturbation over its budget (7.65 levels round to 8), so for linf the levels
        are cut at floor(255 epsilon), and for l2 delta is shrunk by the smallest of 64 equal steps that suffices.

        Args:
            delta: any shape, float in [-1, 1].

        Returns:
            The same shape, int16 in [-255, 255].
        """
        return self.whole_levels(delta).to(torch.int16)

    def whole_levels(self, delta: Tensor) -> Tensor:
        """`quantize` in delta's own float type, as learning goes on with it."""
        if self.norm == "linf":
            most = int(self.epsilon * LEVELS)
            return _rounded_levels(delta).clamp_(-most, most)
        allowed = float(self.epsilon) * LEVELS * (1 + 1e-6)
        for steps_left in range(64, -1, -1):
            levels = _rounded_levels(delta * (steps_left / 64))
            if float(levels.double().square().mean().sqrt()) <= allowed:
                return levels
        raise AssertionError("a perturbation of zeros is within every budget")


def _rounded_levels(delta: Tensor) -> Tensor:
    return (delta * LEVELS).add_(0.5).floor_()  # in place: at a video's size each copy is large
