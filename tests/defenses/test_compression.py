import io

import numpy as np
import pytest
import torch
from PIL import Image

from defenses.compression import Jpeg
from tests.defenses.videos import defend_all, make_smooth_video, make_video


@pytest.mark.parametrize("quality", [5, 75, 100])
def test_jpeg_is_what_pillow_writes_and_reads(quality: int) -> None:
    pixels = make_video(1).mul(255).round().to(torch.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels[0].permute(1, 2, 0).numpy()).save(file, "JPEG", quality=quality)
    expected = torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1)
    defended = defend_all(Jpeg(quality), pixels / 255)
    assert torch.equal(defended[0], expected / 255)


@pytest.mark.parametrize("offset", [-0.4, 0.4])
def test_jpeg_rounds_to_the_nearest_level_first(offset: float) -> None:
    levels = make_video(2).mul(255).round()
    between_levels = (levels + offset).clamp(0, 255)
    assert torch.equal(defend_all(Jpeg(), between_levels / 255), defend_all(Jpeg(), levels / 255))


def test_values_just_outside_of_the_range_do_not_wrap_around() -> None:
    video = torch.tensor([-0.01, 1.01]).view(2, 1, 1, 1).expand(2, 3, 8, 8)
    assert torch.equal(defend_all(Jpeg(), video), video.clamp(0, 1))


def test_every_level_of_flat_gray_passes_jpeg_at_quality_75() -> None:
    """Quality 75 quantizes the mean of a block, which is scaled by 8, in steps of 8."""
    gray = (torch.arange(256) / 255).view(-1, 1, 1, 1).expand(-1, 3, 16, 16)
    assert torch.equal(defend_all(Jpeg(75), gray), gray)


def test_a_checkerboard_below_half_a_quantizer_step_is_erased() -> None:
    checkerboard = (torch.arange(32)[:, None] + torch.arange(32)) % 2 * 2 - 1
    video = (128 + 2 * checkerboard).expand(1, 3, 32, 32) / 255
    assert torch.equal(defend_all(Jpeg(50), video), torch.full((1, 3, 32, 32), 128 / 255))


def test_the_gradient_through_jpeg_is_that_of_the_identity() -> None:
    video = make_smooth_video(3).requires_grad_()
    weights = make_video(4, 32, 48)
    wanted = torch.tensor([2, 0, 2, 2])
    defended = Jpeg(30).defend(video, torch.arange(3), wanted, 3)
    (gradient,) = torch.autograd.grad((defended * weights).sum(), video)
    expected = torch.stack([weights[1], torch.zeros_like(weights[0]), weights[0] + weights[2] + weights[3]])
    torch.testing.assert_close(gradient, expected)


def test_asking_for_a_gradient_does_not_change_the_values() -> None:
    video = make_video(3)
    assert torch.equal(defend_all(Jpeg(), video.clone().requires_grad_()).detach(), defend_all(Jpeg(), video))


@pytest.mark.parametrize("quality", [-1, 0, 101])
def test_a_quality_off_the_scale_is_refused_by_name(quality: int) -> None:
    with pytest.raises(ValueError, match=f"quality is {quality}; it must be a whole number from 1 to 100"):
        Jpeg(quality)
