from dataclasses import replace
from typing import Any

import pytest
import torch

from lsap_cli.applying.adding import SEGMENTS, Adder, Begin, End, Middle, Segment, needs_length, scaled
from lsap_cli.specs import build
from lsap_cli.video.frames import UnreadableVideo
from lsap_cli.video.memory_limit import BYTES_PER_ELEMENT
from perturbations import Perturbation
from perturbations.slot_cache import SlotCache
from tests.tiny import make_bytes, make_perturbation

FRAMES = 11


def added(adder: Adder, frames: torch.Tensor) -> torch.Tensor:
    return torch.stack([adder.perturbed(pixels, number) for number, pixels in enumerate(frames)])


@pytest.mark.parametrize("binding", ["constant", "cyclic:4", "relative:3"])
@pytest.mark.parametrize(("norm", "epsilon"), [("linf", "8/255"), ("linf", "200/255"), ("l2", "4/255")])
@pytest.mark.parametrize("size", [(6, 5), (18, 22), (3, 2)], ids=str)
def test_frame_by_frame_is_what_the_perturbation_says_of_all_frames(
    binding: str, norm: Any, epsilon: str, size: tuple[int, int]
) -> None:
    perturbation = make_perturbation(binding, norm=norm, epsilon=epsilon)
    frames = make_bytes(FRAMES, *size)
    frames[0, :, 0], frames[1, :, 0] = 0, 255
    expected = perturbation.add_to_bytes(frames, torch.arange(FRAMES), FRAMES)
    assert torch.equal(added(Adder(SlotCache(perturbation), None, FRAMES), frames), expected)


def test_slots_that_do_not_fit_into_the_cache_are_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    perturbation, frames = make_perturbation("cyclic:4"), make_bytes(FRAMES)
    expected = added(Adder(SlotCache(perturbation), None, FRAMES), frames)
    monkeypatch.setattr("perturbations.slot_cache.CACHE_BYTES", 1)
    assert torch.equal(added(Adder(SlotCache(perturbation), None, FRAMES), frames), expected)


def test_a_perturbation_under_l2_that_needs_more_than_the_limit_is_refused_before_it_is_resized(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    perturbation, frames = make_perturbation("cyclic:4", norm="l2", epsilon="4/255"), make_bytes(1, 60, 80)
    adder = Adder(SlotCache(perturbation), None, FRAMES)
    monkeypatch.setattr("lsap_cli.video.memory_limit.memory_limit", lambda: 4 * 3 * 60 * 80 * BYTES_PER_ELEMENT - 1)
    monkeypatch.setattr(Perturbation, "resized", lambda *_: pytest.fail("it was resized"))
    with pytest.raises(
        UnreadableVideo, match=r"a perturbation of 4 slots under l2 at 80 x 60 pixels .* --memory-limit"
    ):
        adder.perturbed(frames[0], 0)


@pytest.mark.parametrize(
    ("segment", "count", "changed"),
    [
        (Begin(3), 8, [0, 1, 2]),
        (Middle(3), 8, [2, 3, 4]),
        (Middle(4), 8, [2, 3, 4, 5]),
        (End(3), 8, [5, 6, 7]),
        (Begin(16), 4, [0, 1, 2, 3]),
        (Middle(16), 4, [0, 1, 2, 3]),
        (End(16), 4, [0, 1, 2, 3]),
    ],
)
def test_a_segment_changes_its_frames_alone_and_as_the_whole_would_be(
    segment: Segment, count: int, changed: list[int]
) -> None:
    perturbation, frames = make_perturbation(), make_bytes(count)
    whole, part = (added(Adder(SlotCache(perturbation), one, count), frames) for one in (None, segment))
    for number in range(count):
        assert torch.equal(part[number], whole[number] if number in changed else frames[number])


def test_segments_are_written_as_specs() -> None:
    assert build("middle:frames=4", SEGMENTS, "segment") == Middle(4)
    assert build("end", SEGMENTS, "segment") == End(16)
    with pytest.raises(ValueError, match="frames is 0"):
        Begin(0)


def test_only_what_depends_on_the_end_needs_the_length() -> None:
    assert not needs_length(make_perturbation("cyclic:4"), Begin())
    assert needs_length(make_perturbation("relative:4"), None)
    assert needs_length(make_perturbation("constant"), End())
    assert needs_length(make_perturbation("constant"), Middle())


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_a_strength_below_one_weakens_a_saturating_pattern_in_proportion(norm: Any) -> None:
    """Its delta times a half would be multiplied to nearly the same levels."""
    perturbation = replace(make_perturbation(norm=norm, epsilon="24/255"), resize="saturating")
    half = scaled(perturbation, 0.5)
    torch.testing.assert_close(half.resized(18, 22), perturbation.resized(18, 22) / 2)
    assert half.budget.epsilon == perturbation.budget.epsilon / 2
    strong = scaled(perturbation, 3)
    assert strong.budget == perturbation.budget
    assert float(strong.levels(18, 22).abs().float().mean()) >= float(perturbation.levels(18, 22).abs().float().mean())


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_a_strength_scales_within_the_budget(norm: Any) -> None:
    perturbation = make_perturbation(norm=norm)
    half = scaled(perturbation, 0.5)
    assert torch.allclose(half.delta, perturbation.delta / 2)
    assert half.record["strength"] == 0.5
    strong = scaled(perturbation, 10)
    assert strong.budget.size(strong.delta) <= float(perturbation.budget.epsilon) * 1.00001
    assert float(strong.delta.abs().mean()) >= float(perturbation.delta.abs().mean())
    assert scaled(perturbation, 1) is perturbation
    for wrong in (0, -1, 101, float("nan")):
        with pytest.raises(ValueError, match="the strength is"):
            scaled(perturbation, wrong)
