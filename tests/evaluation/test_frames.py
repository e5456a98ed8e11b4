"""Frames behind a defense, in parts that fit into memory."""

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from defenses import Clip
from defenses.temporal import TemporalMean
from lsap_cli.evaluation.frames import defended_levels, split_indices
from lsap_cli.specs import build_defense
from tests.tiny import make_bytes


def test_a_defense_that_returns_its_input_changes_no_level() -> None:
    @dataclass(frozen=True)
    class Identity(TemporalMean):
        """Returns the frames that it was given, not a copy, and has no way of its own for bytes."""

        def defend(self, clip: Clip, indices: Tensor) -> Tensor:
            return clip.frames

        def defend_levels(self, clip: Clip, indices: Tensor) -> None:
            return None

    clip = Clip.whole(make_bytes(6))
    for _ in range(2):
        assert torch.equal(defended_levels(Identity(), clip, clip.indices), clip.frames)


def test_no_stretch_is_coded_twice_because_frames_are_held_in_parts() -> None:
    codec = build_defense("h264:crf=28")
    for sampled in (torch.arange(0, 201, 7), torch.arange(30, 36), torch.arange(190, 201), torch.arange(201)):
        for most in (1, 24, 40):
            parts = list(split_indices(sampled, [codec], 201, most))
            assert torch.equal(torch.cat([part for part, _ in parts]), sampled)
            assert torch.equal(torch.cat([needed for _, needed in parts]), codec.needs(sampled, 201))


@pytest.mark.parametrize("spec", ["jpeg:quality=75", "temporal-median:window=3", "temporal-interpolation"])
def test_a_part_needs_no_more_frames_than_the_limit(spec: str) -> None:
    sampled, defenses = torch.arange(3, 60, 2), [build_defense(spec), None]
    for most in (3, 10):
        parts = list(split_indices(sampled, defenses, 61, most))
        assert torch.equal(torch.cat([part for part, _ in parts]), sampled)
        for part, needed in parts:
            assert len(needed) <= most
            assert torch.isin(part, needed).all()


def test_a_part_is_made_smaller_also_where_no_even_split_does_it() -> None:
    sampled = torch.tensor([0, *range(60, 90)])
    parts = list(split_indices(sampled, [build_defense("temporal-mean:window=15")], 97, 15))
    assert torch.equal(torch.cat([part for part, _ in parts]), sampled)
    assert max(len(needed) for _, needed in parts) <= 15
