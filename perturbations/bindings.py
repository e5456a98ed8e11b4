"""Bindings: which slot of a perturbation a frame of a video gets.

A binding is what makes a perturbation a property of the *video*: the slot depends on the frame's number n and
on the video's number of frames N, never on which other frames a sampler happened to choose.

    frame n       0 1 2 3 4 5 6 7        (N = 8)
    constant      0 0 0 0 0 0 0 0
    cyclic:3      0 1 2 0 1 2 0 1        n mod P
    relative:4    0 0 1 1 2 2 3 3        floor(n P / N)
    append:2      - - - - - - - - 0 1    no slot: K frames follow the end of the video, and only they carry delta
    slot:4        by the place in the clip, after sampling: the LSAP reference code's protocol
"""

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from lsap_common import require_kind, require_whole

BindingKind = Literal["constant", "cyclic", "relative", "append", "slot"]
NO_SLOT = -1


@dataclass(frozen=True)
class Binding:
    """A rule from frame to slot.

    Args:
        kind: constant, cyclic, relative, append or slot.
        period: the number of slots P; 1 for constant.

    Raises:
        ValueError: if the kind is unknown, or the period does not fit the kind.
    """

    kind: BindingKind
    period: int = 1

    def __post_init__(self) -> None:
        if self.kind not in get_args(BindingKind):
            raise ValueError(
                f"the binding '{self.kind}' is unknown; use constant, cyclic:P, relative:P, append:P or slot:P"
            )
        require_whole("the binding's number of slots", self.period)
        if not 1 <= self.period <= 4096:
            raise ValueError(f"the binding's number of slots is {self.period}; use a number from 1 to 4096")
        if self.kind == "constant" and self.period != 1:
            raise ValueError(
                f"the binding 'constant' has one slot, not {self.period}; use constant or cyclic:{self.period}"
            )

    def __str__(self) -> str:
        return "constant" if self.kind == "constant" else f"{self.kind}:{self.period}"

    @property
    def fits_a_video(self) -> bool:
        """Whether the perturbation can be put into a video file; `slot` exists only after sampling."""
        return self.kind != "slot"

    @property
    def needs_length(self) -> bool:
        """Whether a frame's slot depends on how many frames the video has."""
        return self.kind in ("relative", "append")

    @property
    def appended(self) -> int:
        """How many frames follow the video's own: black before delta is added to them."""
        return self.period if self.kind == "append" else 0

    def slots(self, indices: Tensor, frame_count: int) -> Tensor:
        """The slot of each frame.

        Args:
            indices: (..., T) int64, frame numbers in [0, frame_count + appended), in the order of the clip.
            frame_count: the video's own number of frames, N.

        Returns:
            (..., T) int64 in [0, period), or NO_SLOT for frames that are left alone.
        """
        if self.kind == "append":
            return (indices - frame_count).clamp(min=NO_SLOT)
        if self.kind == "relative":
            return indices * self.period // frame_count
        if self.kind == "slot":
            return (torch.arange(indices.shape[-1]) % self.period).expand(indices.shape)
        return indices % self.period


def parse_binding(text: str) -> Binding:
    """Reads `constant`, `cyclic:16`, `relative:8`, `append:16` or `slot:16`.

    Raises:
        ValueError: if the text is not one of these.
    """
    require_kind("the binding is", text, str, "give text such as 'cyclic:16'")
    kind, _, period = text.partition(":")
    if kind == "constant" and not period:
        return Binding("constant")
    if not period.isascii() or not period.isdigit():
        raise ValueError(
            f"the binding '{text}' cannot be read; "
            "use constant, cyclic:P, relative:P, append:P or slot:P, as in cyclic:16"
        )
    return Binding(kind, int(period))  # type: ignore[arg-type]  # Binding checks the kind itself
