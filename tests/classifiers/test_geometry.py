import pytest
import torch
from torch.nn import functional as F

from lsap_cli.classifiers.geometry import Geometry
from tests.tiny import make_bytes, make_perturbation


@pytest.mark.parametrize(
    ("resize", "video", "expected"),
    [
        ((9, 12), (480, 640), (9, 12)),
        (128, (240, 320), (128, 170)),
        (128, (320, 240), (170, 128)),
        (128, (128, 128), (128, 128)),
        (5, (3, 1000), (5, 1666)),
    ],
)
def test_working_sizes_worked_out_by_hand(
    resize: int | tuple[int, int], video: tuple[int, int], expected: tuple[int, int]
) -> None:
    assert Geometry((4, 4), resize).working_size(*video) == expected


def test_shrinking_keeps_the_dtype_and_leaves_frames_of_the_size_alone() -> None:
    geometry = Geometry((4, 4), (6, 8))
    frames = make_bytes(2, 12, 16)
    assert (geometry.shrink(frames).dtype, geometry.shrink(frames).shape) == (torch.uint8, (2, 3, 6, 8))
    assert geometry.shrink(frames / 255).dtype == torch.float32
    small = make_bytes(2, 6, 8)
    assert torch.equal(geometry.shrink(small), small)


def test_shrinking_bytes_is_shrinking_floats_to_within_a_level() -> None:
    for antialias, most in ((True, 1.0), (False, 0.5)):
        geometry, frames = Geometry((7, 7), (7, 9), antialias), make_bytes(3, 31, 40)
        difference = geometry.shrink(frames).float() - geometry.shrink(frames.float())
        assert float(difference.abs().max()) <= most


def test_a_frame_shrinks_alone_as_it_does_among_others() -> None:
    geometry, frames = Geometry((7, 7), (7, 9)), make_bytes(5, 31, 40)
    alone = torch.cat([geometry.shrink(frame[None]) for frame in frames])
    assert torch.equal(alone, geometry.shrink(frames))


@pytest.mark.parametrize(
    ("working", "size", "corner"),
    [
        ((8, 10), (4, 4), (2, 3)),
        ((4, 4), (4, 4), (0, 0)),
        ((9, 7), (4, 4), (2, 2)),
        ((7, 9), (4, 4), (2, 2)),
        ((128, 171), (112, 112), (8, 30)),
    ],
)
def test_the_crop_is_the_centre(working: tuple[int, int], size: tuple[int, int], corner: tuple[int, int]) -> None:
    frames = make_bytes(1, *working)
    top, left = corner
    expected = frames[..., top : top + size[0], left : left + size[1]]
    assert torch.equal(Geometry(size, working).crop(frames), expected)


@pytest.mark.parametrize("delta", [(7, 7), (12, 9), (30, 40)], ids=str)
@pytest.mark.parametrize("video", [(24, 32), (9, 61), (7, 7), (5, 6), (60, 80)], ids=str)
@pytest.mark.parametrize(
    "geometry",
    [Geometry((7, 7), (7, 7)), Geometry((6, 7), (9, 12)), Geometry((6, 6), 8), Geometry((6, 6), 8, antialias=False)],
    ids=str,
)
def test_path_matrices_are_the_way_of_a_real_pattern_through_a_real_video(
    delta: tuple[int, int], video: tuple[int, int], geometry: Geometry
) -> None:
    perturbation = make_perturbation("cyclic:2", *delta)
    rows, columns = geometry.path_matrices(delta, video)
    in_the_video = perturbation.resized(*video)
    expected = geometry.crop(geometry.shrink(in_the_video))
    assert rows.shape == (geometry.size[0], delta[0])
    assert columns.shape == (geometry.size[1], delta[1])
    torch.testing.assert_close(rows @ perturbation.delta @ columns.T, expected, atol=1e-5, rtol=0)


def test_a_constant_pattern_arrives_whole() -> None:
    rows, columns = Geometry((6, 7), (9, 12)).path_matrices((5, 4), (50, 70))
    torch.testing.assert_close(rows @ torch.ones(5, 4) @ columns.T, torch.ones(6, 7))


def test_the_way_through_a_larger_video_is_a_low_pass() -> None:
    checkers = (torch.arange(8)[:, None] + torch.arange(8)) % 2 * 2.0 - 1
    rows, columns = Geometry((8, 8), (8, 8)).path_matrices((8, 8), (20, 20))
    arrived = rows @ checkers @ columns.T
    assert 0.05 < float(arrived.abs().mean()) < 0.7
    assert float(F.mse_loss(arrived, checkers)) > 0.05


@pytest.mark.parametrize(
    ("size", "resize", "message"),
    [
        ((0, 4), (4, 4), "at least 1 pixel"),
        ((4, 4), 0, "at least 1 pixel"),
        ((4, 4), 3, "smaller than size"),
        ((4, 4), (9, 3), "smaller than size"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(size: tuple[int, int], resize: int | tuple[int, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Geometry(size, resize)
