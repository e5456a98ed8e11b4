"""The 8-bit way of judges gives the levels of the float way of attackers."""

from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch
from torch import Tensor

from defenses import DEFENSES, Clip
from defenses.temporal import TemporalMean
from defenses.testing.defense_checks import check_levels
from tests.defenses.examples import EVERY_SETTING

ON_BYTES = {
    "temporal-mean", "temporal-median", "temporal-shuffle", "temporal-drop", "temporal-freeze", "frame-rate", "jpeg",
    "h264", "h265", "vp9", "av1", "bit-depth", "spatial-median",
}  # fmt: skip


@pytest.mark.parametrize("name", EVERY_SETTING)
def test_levels_are_the_rounded_floats(name: str) -> None:
    for defense in EVERY_SETTING[name]:
        check_levels(defense)


def test_these_defenses_compute_on_bytes() -> None:
    clip = Clip.whole(torch.zeros(4, 3, 8, 8, dtype=torch.uint8))
    found = {name for name, kind in DEFENSES.items() if kind().defend_levels(clip, clip.indices) is not None}
    assert found == ON_BYTES


@dataclass(frozen=True)
class RoundsDown(TemporalMean):
    """Its 8-bit way forgets to round."""

    window: int = 3
    null_space: ClassVar[str] = "Anything that is the same in every frame."

    def defend_levels(self, clip: Clip, indices: Tensor) -> Tensor | None:
        return (self.defend(Clip(clip.frames / 255, clip.indices, clip.video_length), indices) * 255).to(torch.uint8)


def test_another_way_that_gives_other_levels_is_caught() -> None:
    with pytest.raises(AssertionError, match="defend_levels gives other levels than defend"):
        check_levels(RoundsDown())
