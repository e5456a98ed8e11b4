"""Law 9: one way to add a perturbation, in a float form and an 8-bit form that agree."""

from fractions import Fraction

import pytest
import torch
from torch import Tensor

from perturbations import Binding, Budget, Perturbation, parse_binding
from perturbations.adding import (
    SlotLevels,
    add_bytes,
    add_float,
    add_levels,
    gradient_by_pattern,
    round_to_levels,
    to_bytes,
)
from perturbations.bindings import NO_SLOT
from perturbations.resizing import with_empty_slot
from perturbations.slot_cache import SlotCache, add_cached
from tests.perturbations.worlds import random
from tests.tiny import make_bytes, make_perturbation

FRAMES = 7
BINDINGS = ["constant", "cyclic:3", "relative:4", "slot:2", "append:3"]


def in_whole_levels(perturbation: Perturbation, height: int, width: int) -> Perturbation:
    """The same perturbation after the rounding that the 8-bit form makes, at one frame size."""
    levels = perturbation.levels(height, width)
    return Perturbation(levels.float() / 255, perturbation.binding, Budget("linf", Fraction(1)))


@pytest.mark.parametrize("binding", BINDINGS)
@pytest.mark.parametrize(("norm", "epsilon"), [("linf", "8/255"), ("linf", "0.03"), ("linf", "1"), ("l2", "0.2")])
@pytest.mark.parametrize("size", [(6, 5), (18, 22), (3, 2)], ids=["delta's", "larger", "smaller"])
def test_the_rounded_float_form_gives_the_bytes_of_the_8_bit_form(
    binding: str, norm: str, epsilon: str, size: tuple[int, int]
) -> None:
    perturbation = make_perturbation(binding, norm=norm, epsilon=epsilon)
    whole = in_whole_levels(perturbation, *size)
    video = make_bytes(FRAMES + perturbation.binding.appended, *size)
    indices = torch.arange(len(video))
    written = perturbation.add_to_bytes(video, indices, FRAMES)
    assert torch.equal(to_bytes(whole.add(video / 255, indices, FRAMES)), written)
    pattern, slots = with_empty_slot(whole.delta), whole.binding.slots(indices, FRAMES)
    assert torch.equal(add_float(video / 255, pattern, slots, rounded=True), written / 255)
    assert not torch.equal(written, video)


def test_every_sum_of_a_pixel_and_a_level_is_the_sum_of_whole_numbers_cut_to_the_range() -> None:
    pixels, levels = torch.meshgrid(torch.arange(256), torch.arange(-255, 256), indexing="ij")
    frame = pixels.to(torch.uint8).expand(3, -1, -1)
    slot = levels.to(torch.int16).expand(3, -1, -1)
    expected = (pixels + levels).clamp(0, 255).to(torch.uint8).expand(3, -1, -1)
    assert torch.equal(add_levels(frame, SlotLevels.of(slot)), expected)
    pattern = with_empty_slot(slot[None] / 255)
    floats = add_float(frame[None] / 255, pattern, torch.tensor([0]), rounded=True)[0]
    assert torch.equal(to_bytes(floats), expected)


def test_the_8_bit_form_leaves_its_input_and_frames_without_a_slot_alone() -> None:
    frames, slot = make_bytes(3), SlotLevels.of(torch.full((3, 18, 22), 9, dtype=torch.int16))
    kept = frames.clone()
    added = add_bytes(frames, torch.tensor([0, NO_SLOT, 0]), lambda _: slot)
    assert torch.equal(frames, kept)
    assert torch.equal(added[1], frames[1])
    assert torch.equal(added[2], add_levels(frames[2], slot))


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_what_is_added_to_bytes_never_exceeds_the_budget(norm: str) -> None:
    perturbation, frames = make_perturbation(norm=norm, epsilon="0.03"), make_bytes(4)
    added = perturbation.add_to_bytes(frames, torch.arange(4), 4).int() - frames.int()
    assert added.any()
    assert perturbation.budget.size(added.double() / 255) <= 0.03 * (1 + 1e-6)


def test_the_sum_is_cut_and_rounded_and_the_gradient_stops_where_it_was_cut() -> None:
    frames = torch.tensor([0.0, 128 / 255, 1.0, 1.0, 0.0]).view(1, 5, 1, 1, 1).expand(1, 5, 3, 1, 1)
    pattern = (torch.tensor([-2.5, 0.3, 2.5, -2.6, 2.6, 0.0]) / 255).view(6, 1, 1, 1).expand(6, 3, 1, 1)
    slots = torch.arange(5)[None]
    clips = add_float(frames, pattern, slots, rounded=True)
    assert (clips[0, :, 0, 0, 0] * 255).tolist() == pytest.approx([0, 128, 255, 252, 3])
    by_pattern = gradient_by_pattern(torch.full_like(clips, 3), frames, pattern, slots)
    assert by_pattern[:, 0, 0, 0].tolist() == [0, 3, 0, 3, 3, 0]


@pytest.mark.parametrize("shape", [(3,), (2, 3)], ids=["a clip", "a batch"])
def test_the_gradient_by_frames_and_pattern_is_that_of_the_cut_sum(shape: tuple[int, ...]) -> None:
    frames = (1.4 * random(*shape, 3, 4, 5, seed=1) - 0.2).clamp(0, 1).double().requires_grad_()
    delta = (random(2, 3, 4, 5, seed=2).double() - 0.5).requires_grad_()
    slots = torch.tensor([1, NO_SLOT, 0]).expand(shape)
    weights = random(*shape, 3, 4, 5, seed=3).double()

    def gradients(perturbed: Tensor) -> tuple[Tensor, ...]:
        return torch.autograd.grad((perturbed * weights).sum(), (frames, delta))

    total = frames + with_empty_slot(delta)[slots]
    not_cut = (total >= 0) & (total <= 1)  # black and white pixels without a pattern among them
    expected = gradients(total * not_cut)
    for rounded in (False, True):
        found = gradients(add_float(frames, with_empty_slot(delta), slots, rounded=rounded))
        for one, other in zip(found, expected, strict=True):
            torch.testing.assert_close(one, other)


def test_rounding_keeps_the_gradient_of_the_identity() -> None:
    frames = torch.tensor([0.0, 0.4 / 255, 0.6 / 255, 1.0], requires_grad=True)
    rounded = round_to_levels(frames)
    assert (rounded * 255).tolist() == [0, 0, 1, 255]
    (gradient,) = torch.autograd.grad(rounded.sum(), frames)
    assert gradient.tolist() == [1, 1, 1, 1]
    assert torch.equal(rounded.detach(), round_to_levels(frames.detach()))


@pytest.mark.parametrize("binding", ["constant", "append:2"])
def test_a_pattern_of_zeros_changes_nothing(binding: str) -> None:
    bound = parse_binding(binding) if binding != "constant" else Binding("constant")
    nothing = Perturbation(torch.zeros(bound.period, 3, 4, 4), bound, Budget("linf", Fraction(8, 255)))
    video, indices = make_bytes(5), torch.arange(5)
    assert torch.equal(nothing.add_to_bytes(video, indices, 5), video)
    assert torch.equal(nothing.add(video / 255, indices, 5), video / 255)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_slots_that_are_made_when_needed_are_those_of_the_whole(norm: str) -> None:
    perturbation, frames = make_perturbation("cyclic:4", norm=norm), make_bytes(7)
    slots = torch.tensor([0, 3, NO_SLOT, 1, 0, 2, 3])
    levels = perturbation.levels(18, 22)
    expected = torch.stack([
        frame if slot == NO_SLOT else add_levels(frame, SlotLevels.of(levels[slot]))
        for frame, slot in zip(frames, slots.tolist(), strict=True)
    ])  # fmt: skip
    for most_bytes in (2**29, 0):  # all are kept ready, or each is made anew
        assert torch.equal(add_cached(frames, slots, SlotCache(perturbation, most_bytes=most_bytes)), expected)
