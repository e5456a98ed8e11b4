import math
from dataclasses import replace
from pathlib import Path

import av
import pytest
import torch
from torch import Tensor

from lsap_cli.demo.videos import (
    FRAMES_PER_SECOND,
    FRAMES_PER_VIDEO,
    LABELS,
    REVERSE_OF,
    SIZES,
    _draw_motion,
    _draw_thing,
    make_video,
    video_seed,
    write_dataset,
)


def make(label: str, seed: int = 0, frames: int = 9, height: int = 48, width: int = 64) -> Tensor:
    return make_video(label, torch.Generator().manual_seed(seed), frames, height, width)


def slopes(video: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """How gray levels change: per frame, per pixel to the right, per pixel down; borders left out."""
    gray = video.float().mean(1)
    change = gray[1:, 1:-1, 1:-1] - gray[:-1, 1:-1, 1:-1]
    right = (gray[:-1, 1:-1, 2:] - gray[:-1, 1:-1, :-2]) / 2
    down = (gray[:-1, 2:, 1:-1] - gray[:-1, :-2, 1:-1]) / 2
    return change, right, down


def best_flow(change: Tensor, *basis: Tensor) -> list[float]:
    """The weights of flows, given as the slopes along them, that explain most of the changes."""
    table = torch.stack([slope.flatten() for slope in basis], 1)
    weights: list[float] = torch.linalg.lstsq(table, -change.flatten()[:, None]).solution.flatten().tolist()
    return weights


@pytest.mark.parametrize(("label", "reverse"), REVERSE_OF.items())
def test_a_class_is_its_reverse_class_played_backwards(label: str, reverse: str) -> None:
    assert torch.equal(make(label), make(reverse).flip(0))
    assert not torch.equal(make(label), make(reverse))


def test_the_middle_frame_is_the_same_for_every_class() -> None:
    middles = [make(label)[4] for label in LABELS]
    assert all(torch.equal(middle, middles[0]) for middle in middles)
    assert len({make(label)[0].numpy().tobytes() for label in LABELS}) == len(LABELS)


def test_a_video_depends_on_its_generator_and_on_nothing_else() -> None:
    torch.manual_seed(1)
    first = make("grow", seed=3)
    torch.manual_seed(2)
    assert torch.equal(first, make("grow", seed=3))
    assert not torch.equal(first, make("grow", seed=4))


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_a_video_has_the_size_that_was_asked_for_and_uses_the_range_of_bytes(height: int, width: int) -> None:
    video = make("left", frames=5, height=height, width=width)
    assert video.shape == (5, 3, height, width)
    assert video.dtype == torch.uint8
    assert video.float().std() > 20


@pytest.mark.parametrize(("label", "axis", "sign"), [("left", 0, -1), ("right", 0, 1), ("up", 1, -1), ("down", 1, 1)])
def test_things_move_where_the_class_says(label: str, axis: int, sign: int) -> None:
    motions = torch.tensor([best_flow(*slopes(make(label, seed, 24, 96, 96))) for seed in range(6)]).mean(0)
    assert sign * motions[axis] > 0.1
    assert abs(motions[1 - axis]) < abs(motions[axis]) / 2


@pytest.mark.parametrize(
    ("label", "turn", "growth"), [("clockwise", math.radians(4), 0), ("grow", 0, 0.022), ("left", 0, 0)]
)
def test_a_thing_turns_and_grows_as_the_class_says(label: str, turn: float, growth: float) -> None:
    canvas = torch.full((12, 3, 97, 97), 0.5)
    middle = torch.tensor([0.5, 0.5, 0.5])
    motion = _draw_motion(label, torch.Generator().manual_seed(0))
    colors = (torch.ones(3), torch.zeros(3))
    still = torch.zeros(12, 2)
    generator = torch.Generator().manual_seed(1)
    _draw_thing(canvas, middle, replace(motion, x=0), torch.arange(12) - 5.5, still, colors, generator)
    change, right, down = slopes(canvas)
    x = torch.arange(-47, 48)
    y = x[:, None]
    turned, grown = best_flow(change, x * down - y * right, x * right + y * down)
    assert turned == pytest.approx(turn, rel=0.4, abs=0.004)
    assert grown == pytest.approx(growth, rel=0.4, abs=0.004)


def test_a_class_that_does_not_exist_is_refused_with_those_that_do() -> None:
    with pytest.raises(ValueError, match=r"'sideways'.*left, right, up"):
        make("sideways")


def test_two_data_sets_share_no_seed() -> None:
    seeds = [video_seed(seed, number) for seed in range(3) for number in range(100)]
    assert len(set(seeds)) == len(seeds)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Path], list[Path]]:
    """A folder, the paths that were returned, and those that were reported while it was written."""
    folder = tmp_path_factory.mktemp("videos")
    seen: list[Path] = []
    return folder, write_dataset(folder, 1, seed=5, on_video=seen.append), seen


def decoded(path: Path) -> Tensor:
    with av.open(path) as container:
        assert container.streams.video[0].average_rate == FRAMES_PER_SECOND
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    return torch.stack([torch.from_numpy(frame) for frame in frames]).permute(0, 3, 1, 2)


def test_a_data_set_is_a_folder_of_videos_per_class(written: tuple[Path, list[Path], list[Path]]) -> None:
    folder, returned, seen = written
    assert returned == seen == [folder / label / "000.mp4" for label in LABELS]
    assert sorted(folder.rglob("*.mp4")) == sorted(returned)
    videos = [decoded(path) for path in returned]
    assert {len(video) for video in videos} == {FRAMES_PER_VIDEO}
    assert {tuple(video.shape[2:]) for video in videos} == set(SIZES)


def test_a_written_video_is_the_one_that_was_made(written: tuple[Path, list[Path], list[Path]]) -> None:
    made = make_video("left", torch.Generator().manual_seed(video_seed(5, 0)), FRAMES_PER_VIDEO, *SIZES[0])
    file = decoded(written[1][0])
    assert (file.float() - made.float()).abs().mean() < 6  # levels; the codec loses some noise


def test_the_shaking_camera_never_sees_past_the_background() -> None:
    for seed in range(3):
        edges = make("left", seed, 20, 320, 320)[:, :, :, :2].float()
        assert edges.mean((1, 2, 3)).min() > 0.5 * edges.mean()
