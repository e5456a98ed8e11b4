"""What every family gives: a network for a number of classes and frames, and the names of published weights."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor, nn


class Family(ABC):
    """The settings of a family; a dataclass, whose fields a card writes behind a colon (`tsm:shift=4`)."""

    needs_backbone: ClassVar[bool] = True

    @abstractmethod
    def build(self, backbone: str | None, classes: int, frames: int) -> nn.Module:
        """A network with weights that were drawn: clips (B, frames, 3, H, W) to logits (B, classes).

        Args:
            backbone: a name of torchvision's image networks, or `timm:NAME`; None for a family without one.
            classes: of the logits.
            frames: of a clip.

        Raises:
            LsapError: if the backbone is not known or not of a kind that the family can use.
        """

    @abstractmethod
    def renamed(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The weights of an MMAction2 checkpoint of this family under this network's names; others as they are."""


def check_dropout(name: str, value: float) -> None:
    """Refuses what is no share of features that dropout can switch off.

    Raises:
        ValueError: if the value is not in [0, 1).
    """
    if not 0 <= value < 1:
        raise ValueError(f"{name} is {value}; use a number from 0, below 1")


def check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Refuses a word that is none of some.

    Raises:
        ValueError: naming them.
    """
    if value not in choices:
        raise ValueError(f"{name} is {value}; use {' or '.join(choices)}")
