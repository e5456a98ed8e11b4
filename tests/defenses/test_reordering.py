import pytest
import torch
from torch import Tensor

from defenses.base import Defense
from defenses.reordering import TemporalDrop, TemporalFreeze, TemporalInterpolation, TemporalShuffle
from defenses.resampling import FrameRate


def numbered(frame_count: int) -> Tensor:
    """A video whose frame n has the value n / 256."""
    return (torch.arange(frame_count) / 256).view(-1, 1, 1, 1).expand(-1, 3, 2, 2)


def order(defense: Defense, frame_count: int) -> list[int]:
    return [round(value) for value in (defense(numbered(frame_count))[:, 0, 0, 0] * 256).tolist()]


@pytest.mark.parametrize("block", [2, 4, 7])
def test_a_shuffle_keeps_every_frame_and_every_block(block: int) -> None:
    places = order(TemporalShuffle(block, seed=3), 25)
    assert sorted(places) == list(range(25))
    assert [place // block for place in places] == [number // block for number in range(25)]
    assert places != list(range(25))


def test_dropping_keeps_the_order_and_spreads_what_is_left() -> None:
    places = order(TemporalDrop(0.5, seed=2), 200)
    left = sorted(set(places))
    assert places == [left[number * len(left) // 200] for number in range(200)]
    assert 70 < len(left) < 130


@pytest.mark.parametrize("frame_count", [1, 2, 3])
def test_one_frame_is_never_dropped(frame_count: int) -> None:
    for seed in range(20):
        assert len(order(TemporalDrop(0.99, seed=seed), frame_count)) == frame_count


def test_a_freeze_shows_the_frame_before() -> None:
    places = order(TemporalFreeze(0.4, seed=1), 200)
    assert places[0] == 0
    for number in range(1, 200):
        assert places[number] in (number, places[number - 1])
    assert 50 < sum(place != number for number, place in enumerate(places)) < 110


def test_interpolation_never_shows_the_frame_itself() -> None:
    # ends in a mirror: 0 | 0 1 2 3 4 | 4
    values = TemporalInterpolation()(numbered(5))[:, 0, 0, 0] * 256
    assert values.tolist() == pytest.approx([0.5, 1, 2, 3, 3.5])
    flash = torch.zeros(9, 3, 2, 2)
    flash[4] = 1
    assert TemporalInterpolation()(flash)[:, 0, 0, 0].tolist() == [0, 0, 0, 0.5, 0, 0.5, 0, 0, 0]


def test_a_lower_frame_rate_holds_the_kept_frames() -> None:
    assert order(FrameRate(3), 8) == [0, 0, 0, 3, 3, 3, 6, 6]


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        (TemporalShuffle, {"block": 1}, "block is 1; it must be a whole number of at least 2"),
        (TemporalDrop, {"share": 1.0}, "share is 1.0; it must be above 0 and below 1"),
        (TemporalFreeze, {"share": 0.0}, "share is 0.0; it must be above 0 and below 1"),
        (TemporalInterpolation, {"distance": 0}, "distance is 0; it must be a whole number from 1 to 499"),
        (TemporalInterpolation, {"distance": 500}, "distance is 500; it must be a whole number from 1 to 499"),
        (FrameRate, {"keep": 1}, "keep is 1; it must be a whole number of at least 2"),
    ],
)
def test_settings_out_of_range_are_refused_by_name(
    kind: type[Defense], settings: dict[str, float], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        kind(**settings)
