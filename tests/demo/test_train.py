from pathlib import Path

import pytest
import torch

from lsap_cli.demo import train as training
from lsap_cli.demo.network import build_demo_network
from lsap_cli.demo.train import CLIP_FRAMES, FLIPPED, MIRRORED, REVERSED, TIMES, TRANSPOSED
from lsap_cli.demo.videos import FRAMES_PER_VIDEO, LABELS
from perturbations.samplers import Dense


def test_the_same_seed_trains_the_same_network_whatever_the_global_seed() -> None:
    torch.manual_seed(1)
    first = training.train(seed=3, video_count=8, steps=6, batch=2).state_dict()
    torch.manual_seed(2)
    second = training.train(seed=3, video_count=8, steps=6, batch=2).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_training_leaves_the_global_generator_alone() -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    training.train(seed=3, video_count=8, steps=6, batch=2)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("turn", [MIRRORED, FLIPPED, TRANSPOSED, REVERSED])
def test_a_turn_done_twice_gives_the_class_back(turn: tuple[int, ...]) -> None:
    assert [turn[turn[number]] for number in range(len(LABELS))] == list(range(len(LABELS)))


@pytest.mark.parametrize(
    ("turn", "dimension"),
    [(MIRRORED, -1), (FLIPPED, -2), (REVERSED, 1)],
    ids=["mirrored", "flipped", "reversed"],
)
def test_a_turned_video_has_the_class_that_the_table_says(turn: tuple[int, ...], dimension: int) -> None:
    network = build_demo_network(Path(training.__file__).with_name("weights.safetensors"))
    videos, labels = training.make_pool(30_000, 24)
    indices = Dense(2).choose(TIMES, CLIP_FRAMES, 1, torch.Generator())[0]
    predictions = training.predict(network, videos.flip(dimension), indices)
    assert (predictions == torch.tensor(turn)[labels]).float().mean() >= 0.9


def test_clips_are_frames_of_the_video_in_order() -> None:
    generator = torch.Generator().manual_seed(0)
    for _ in range(50):
        indices = training.draw_indices(generator)
        assert indices.shape == (CLIP_FRAMES,)
        assert (indices.diff() > 0).all()
        assert indices[0] >= 0
        assert indices[-1] < FRAMES_PER_VIDEO


def test_the_command_writes_weights_that_can_be_built(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    training.main(["--out", str(tmp_path), "--videos", "8", "--steps", "6", "--batch", "2", "--test-videos", "8"])
    clip = torch.zeros(1, CLIP_FRAMES, 3, *training.SIZE)
    assert build_demo_network(tmp_path / "weights.safetensors")(clip).shape == (1, len(LABELS))
    printed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in printed] == [*LABELS, "all"]
