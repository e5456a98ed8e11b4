"""Defenses and detectors in a notebook: called on a video, with sentences where an argument is wrong."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import defenses
from defenses import DEFENSES, DETECTORS, RandomNoise, TemporalMean
from defenses.testing.videos import make_noise_video, make_smooth_video


def test_every_public_name_is_there() -> None:
    for name in defenses.__all__:
        assert hasattr(defenses, name), name
    for kind in (*DEFENSES.values(), *DETECTORS.values()):
        assert kind.__doc__


def test_importing_the_library_leaves_the_environment_as_it_is() -> None:
    code = "import os; before = dict(os.environ); import defenses; assert dict(os.environ) == before"
    environment = {name: value for name, value in os.environ.items() if name != "SVT_LOG"}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)


def test_a_defense_by_name_takes_a_video_or_a_batch() -> None:
    video = make_smooth_video(5)
    defended = DEFENSES["jpeg"]()(video)
    assert defended.shape == video.shape
    assert not torch.equal(defended, video)
    batch = torch.stack([video, video.flip(0)])
    assert torch.equal(DEFENSES["jpeg"]()(batch)[0], defended)


def test_a_random_defense_draws_with_a_generator() -> None:
    video, noise = make_smooth_video(3), RandomNoise()
    assert torch.equal(noise(video), noise(video))
    assert not torch.equal(noise(video), noise.draw(torch.Generator().manual_seed(1))(video))


@pytest.mark.parametrize(
    ("video", "sentence"),
    [
        (
            torch.zeros(4, 3, 8, 8, dtype=torch.uint8),
            r"values are torch.uint8; give floats in \[0, 1\], such as .*/ 255",
        ),
        (torch.full((4, 3, 8, 8), 255.0), r"run from 255 to 255; give floats in \[0, 1\]"),
        (torch.full((4, 3, 8, 8), -0.1), r"run from -0.1 to -0.1"),
        (torch.full((4, 3, 8, 8), float("nan")), r"run from nan to nan"),
        (torch.zeros(4, 8, 8, 3), r"has the shape \(4, 8, 8, 3\); give \(frames, 3, height, width\)"),
        (torch.zeros(3, 8, 8), r"has the shape \(3, 8, 8\)"),
        (torch.zeros(0, 3, 8, 8), r"has the shape \(0, 3, 8, 8\)"),
    ],
)
def test_what_is_no_video_is_refused_with_a_sentence(video: torch.Tensor, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        TemporalMean()(video)


def classifier(clips: torch.Tensor) -> torch.Tensor:
    """Two classes, by brightness."""
    brightness = clips.mean((1, 2, 3, 4))
    return torch.stack([brightness, 0.6 - brightness], 1) * 10


def eight_frames(video_length: int) -> torch.Tensor:
    return torch.arange(8)[None] * video_length // 8


def test_a_detector_by_name_scores_a_video() -> None:
    video, others = make_noise_video(20), [make_noise_video(20, seed=seed) for seed in (1, 2)]
    assert DETECTORS["temporal-consistency"]()(video, classifier, eight_frames) == 0  # brightness hardly changes
    assert 0 <= DETECTORS["feature-squeezing"]()(video, classifier, eight_frames) < 2
    assert -1 <= DETECTORS["corpus-residual"]()(video, others=others) <= 1


@pytest.mark.parametrize(
    ("name", "arguments", "sentence"),
    [
        ("feature-squeezing", {}, "give it a classifier and a sampler"),
        ("feature-squeezing", {"classifier": classifier}, "given without a sampler; say which frames it takes"),
        ("feature-squeezing", {"others": [make_noise_video(2)]}, "looks at one video; leave out `others`"),
        ("corpus-residual", {}, "0 other videos were given"),
        ("temporal-consistency", {"sampler": lambda _: torch.arange(99)[None]}, "the video has 20 frames"),
        ("temporal-consistency", {"sampler": lambda _: torch.arange(4)}, r"give int64 frame indices"),
    ],
)
def test_what_a_detector_lacks_is_said(name: str, arguments: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        DETECTORS[name]()(make_noise_video(20), **arguments)  # type: ignore[arg-type]  # wrong on purpose


def test_the_python_of_the_documentation_runs() -> None:
    text = (Path(__file__).parents[2] / "docs" / "defenses.md").read_text()
    code = text.split("## In Python")[1].split("```python\n")[1].split("```")[0]
    names: dict[str, object] = {}
    exec(code, names)
    assert isinstance(names["score"], float)
    assert isinstance(names["noisy"], torch.Tensor)
