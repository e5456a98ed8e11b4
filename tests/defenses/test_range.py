"""Shape, type and range, for every defense; what is refused."""

import pytest
import torch

from defenses import Clip
from defenses.testing.defense_checks import check_flat_videos, check_shape_and_range, check_wrong_arguments
from defenses.testing.videos import make_noise_video
from tests.defenses.examples import EVERY_SETTING


@pytest.mark.parametrize("name", EVERY_SETTING)
def test_shape_type_and_range_are_kept_and_the_input_is_untouched(name: str) -> None:
    for defense in EVERY_SETTING[name]:
        check_shape_and_range(defense)


@pytest.mark.parametrize("name", EVERY_SETTING)
def test_black_and_white_videos_stay_as_near_to_themselves_as_declared(name: str) -> None:
    for defense in EVERY_SETTING[name]:
        check_flat_videos(defense)


@pytest.mark.parametrize("name", EVERY_SETTING)
def test_frames_that_the_video_or_the_clip_lacks_are_refused(name: str) -> None:
    check_wrong_arguments(EVERY_SETTING[name][0])


@pytest.mark.parametrize(
    ("frames", "indices", "sentence"),
    [
        (make_noise_video(4), [0, 1, 2], "4 frames were given with 3 frame indices; give one index a frame"),
        (make_noise_video(2), [0, 4], "indices run from 0 to 4, but the video has 4 frames; use indices .* below 4"),
        (make_noise_video(2), [-1, 0], "indices run from -1 to 0"),
        (make_noise_video(2), [1, 0], "must rise, each one once"),
        (make_noise_video(2), [1, 1], "must rise, each one once"),
        (torch.zeros(2, 8, 8, 3), [0, 1], r"frames have the shape \(2, 8, 8, 3\); give \(frames, 3, height, width\)"),
        (torch.zeros(3, 8, 8), [0, 1, 2], r"frames have the shape \(3, 8, 8\)"),
    ],
)
def test_a_clip_whose_parts_do_not_fit_together_is_refused(
    frames: torch.Tensor, indices: list[int], sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        Clip(frames, torch.tensor(indices), 4)


def test_a_frame_that_a_clip_lacks_is_named() -> None:
    clip = Clip(make_noise_video(2), torch.tensor([1, 2]), 40)
    with pytest.raises(ValueError, match="frame 39 is needed but is not among the 2 frames given"):
        clip.frames_at(torch.tensor([2, 39]))


def test_frames_are_copied_by_their_index_in_any_order() -> None:
    video = make_noise_video(9)
    clip = Clip(video[[2, 5, 8]], torch.tensor([2, 5, 8]), 9)
    assert torch.equal(clip.frames_at(torch.tensor([8, 2, 8])), video[[8, 2, 8]])
