import pytest
import torch

from perturbations.bindings import NO_SLOT, Binding, parse_binding


@pytest.mark.parametrize(
    ("binding", "frame_count", "expected"),
    [
        ("constant", 8, [0, 0, 0, 0, 0, 0, 0, 0]),
        ("cyclic:3", 8, [0, 1, 2, 0, 1, 2, 0, 1]),
        ("relative:4", 8, [0, 0, 1, 1, 2, 2, 3, 3]),
        ("relative:2", 5, [0, 0, 0, 1, 1]),
        ("relative:4", 3, [0, 1, 2]),
        ("relative:4", 1, [0]),
        ("cyclic:16", 1, [0]),
    ],
)
def test_slots_worked_out_by_hand(binding: str, frame_count: int, expected: list[int]) -> None:
    assert parse_binding(binding).slots(torch.arange(frame_count), frame_count).tolist() == expected


@pytest.mark.parametrize("binding", ["constant", "cyclic:3", "relative:4"])
def test_a_slot_depends_on_the_frame_and_not_on_its_place_in_the_clip(binding: str) -> None:
    bound = parse_binding(binding)
    every = bound.slots(torch.arange(20), 20)
    indices = torch.tensor([[19, 3, 3], [0, 11, 7]])
    assert torch.equal(bound.slots(indices, 20), every[indices])


def test_the_slot_binding_counts_places_in_the_clip() -> None:
    indices = torch.tensor([[9, 9, 5, 2, 0, 1], [0, 1, 2, 3, 4, 5]])
    assert parse_binding("slot:4").slots(indices, 10).tolist() == [[0, 1, 2, 3, 0, 1]] * 2


def test_appended_frames_have_slots_and_the_videos_own_have_none() -> None:
    bound = parse_binding("append:3")
    assert bound.slots(torch.arange(8), 5).tolist() == [NO_SLOT] * 5 + [0, 1, 2]
    assert bound.slots(torch.tensor([[7, 0], [4, 5]]), 5).tolist() == [[2, NO_SLOT], [NO_SLOT, 0]]
    assert [parse_binding(text).appended for text in ("append:3", "cyclic:3", "constant")] == [3, 0, 0]


def test_slots_that_depend_on_the_length_are_named() -> None:
    lengthy = [text for text in ("constant", "cyclic:3", "relative:3", "append:3") if parse_binding(text).needs_length]
    assert lengthy == ["relative:3", "append:3"]


@pytest.mark.parametrize("text", ["constant", "cyclic:1", "cyclic:16", "relative:4096", "append:2", "slot:8"])
def test_a_binding_is_written_as_it_is_read(text: str) -> None:
    assert str(parse_binding(text)) == text


@pytest.mark.parametrize("text", ["constant", "cyclic:2", "relative:2", "append:2"])
def test_all_bindings_but_slot_fit_a_video(text: str) -> None:
    assert parse_binding(text).fits_a_video


@pytest.mark.parametrize(
    "text",
    [
        "",
        "cyclic",
        "cyclic:",
        "cyclic:0",
        "cyclic:-1",
        "cyclic:1.5",
        "cyclic:4097",
        "cyclic:²",
        "constant:4",
        "loop:3",
        "cyclic:3:4",
    ],
)
def test_a_text_that_is_no_binding_is_refused_with_what_would_work(text: str) -> None:
    with pytest.raises(ValueError, match=r"use (constant|a number)"):
        parse_binding(text)


def test_constant_has_one_slot() -> None:
    with pytest.raises(ValueError, match="'constant' has one slot, not 4; use constant or cyclic:4"):
        Binding("constant", 4)
