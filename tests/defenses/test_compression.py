import io
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray
from PIL import Image
from scipy.fft import dctn, idctn

from defenses.clip import Clip
from defenses.compression import H264, H265, Av1, Jpeg, VideoCodec, Vp9
from defenses.encoding import UNBIASED_CONVERSION
from defenses.quantizing import pass_coefficients
from defenses.testing.videos import make_noise_video, make_smooth_video


@pytest.mark.parametrize("quality", [5, 75, 100])
def test_jpeg_is_what_pillow_writes_and_reads(quality: int) -> None:
    pixels = make_noise_video(1).mul(255).round().to(torch.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels[0].permute(1, 2, 0).numpy()).save(file, "JPEG", quality=quality)
    expected = torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1)
    defended = Jpeg(quality)(pixels / 255)
    assert torch.equal(defended[0], expected / 255)


@pytest.mark.parametrize("offset", [-0.4, 0.4])
def test_jpeg_rounds_to_the_nearest_level_first(offset: float) -> None:
    levels = make_noise_video(2).mul(255).round()
    between_levels = (levels + offset).clamp(0, 255)
    assert torch.equal(Jpeg()(between_levels / 255), Jpeg()(levels / 255))


def test_values_just_outside_of_the_range_do_not_wrap_around() -> None:
    video = torch.tensor([-0.01, 1.01]).view(2, 1, 1, 1).expand(2, 3, 8, 8)
    assert torch.equal(Jpeg().defend_frames(video), video.clamp(0, 1))


def test_every_level_of_flat_gray_passes_jpeg_at_quality_75() -> None:
    """Quality 75 quantizes the mean of a block, which is scaled by 8, in steps of 8."""
    gray = (torch.arange(256) / 255).view(-1, 1, 1, 1).expand(-1, 3, 16, 16)
    assert torch.equal(Jpeg(75)(gray), gray)


def test_a_checkerboard_below_half_a_quantizer_step_is_erased() -> None:
    checkerboard = (torch.arange(32)[:, None] + torch.arange(32)) % 2 * 2 - 1
    video = (128 + 2 * checkerboard).expand(1, 3, 32, 32) / 255
    assert torch.equal(Jpeg(50)(video), torch.full((1, 3, 32, 32), 128 / 255))


@pytest.mark.parametrize("quality", [-1, 0, 101])
def test_a_quality_off_the_scale_is_refused_by_name(quality: int) -> None:
    with pytest.raises(ValueError, match=f"quality is {quality}; it must be a whole number from 1 to 100"):
        Jpeg(quality)


BASE_TABLE = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ]
)


def plain_gray_jpeg(gray: NDArray[np.float64], quality: int) -> NDArray[np.float64]:
    """JPEG of a gray picture (8 a, 8 b) in 0-255 by its definition: cosines, quantizer, rounding, cosines."""
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    table = np.clip((BASE_TABLE * scale + 50) // 100, 1, 255)
    decoded = np.empty_like(gray)
    for top in range(0, gray.shape[0], 8):
        for left in range(0, gray.shape[1], 8):
            block = gray[top : top + 8, left : left + 8] - 128
            steps = dctn(block, norm="ortho") / table
            kept = np.sign(steps) * np.floor(np.abs(steps) + 0.5) * table
            decoded[top : top + 8, left : left + 8] = idctn(kept, norm="ortho") + 128
    return np.clip(np.round(decoded), 0, 255)


@pytest.mark.parametrize("quality", [30, 50, 75, 90])
def test_jpeg_is_a_plain_implementation_of_its_definition_on_gray_pictures(quality: int) -> None:
    gray = make_noise_video(2, 32, 40)[:, :1].mul(255).round()
    expected = np.stack([plain_gray_jpeg(frame[0].double().numpy(), quality) for frame in gray])
    defended = Jpeg(quality)(gray.expand(-1, 3, -1, -1) / 255).mul(255)
    difference = np.abs(defended.numpy() - expected[:, None])
    assert np.median(difference) == 0
    assert difference.mean() < 0.5  # libjpeg rounds its cosines: a coefficient on the edge can go the other way
    other = Jpeg(quality - 5)(gray.expand(-1, 3, -1, -1) / 255).mul(255)
    assert np.abs(other.numpy() - expected[:, None]).mean() > 1.5  # what a slightly wrong table would give


def written_and_read(pixels: NDArray[np.uint8], codec: VideoCodec, path: Path) -> NDArray[np.uint8]:
    """The plain way: a file, written and read by PyAV's containers."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec.encoder, rate=25, options=codec.options())
        assert isinstance(stream, VideoStream)
        stream.height, stream.width = pixels.shape[1:3]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.gop_size = len(pixels)
        stream.codec_context.thread_count = 1
        for picture in pixels:
            in_rgb = VideoFrame.from_ndarray(picture, format="rgb24")
            out.mux(stream.encode(in_rgb.reformat(format="yuv420p", interpolation=UNBIASED_CONVERSION)))
        out.mux(stream.encode(None))
    with av.open(str(path)) as source:
        frames = [frame for frame in source.decode(video=0) if isinstance(frame, VideoFrame)]
    return np.stack(
        [frame.reformat(format="rgb24", interpolation=UNBIASED_CONVERSION).to_ndarray() for frame in frames]
    )


@pytest.mark.parametrize(
    ("codec", "name"),
    [(H264(), "a.mp4"), (H264(18), "a.mp4"), (H265(), "a.mp4"), (Vp9(), "a.webm"), (Av1(), "a.mkv")],
)
def test_a_codec_in_memory_is_the_codec_in_a_file(codec: VideoCodec, name: str, tmp_path: Path) -> None:
    video = (make_smooth_video(20, 128, 160) + 0.05 * make_noise_video(20, 128, 160)).clamp(0, 1).mul(255).round()
    pixels = video.permute(0, 2, 3, 1).contiguous().to(torch.uint8).numpy()
    expected = torch.from_numpy(written_and_read(pixels, codec, tmp_path / name)).permute(0, 3, 1, 2)
    assert torch.equal(codec(video / 255).mul(255).round().to(torch.uint8), expected)


@pytest.mark.parametrize("size", [(120, 130), (98, 204), (75, 61)])
@pytest.mark.parametrize("codec", [H264(), H265(), Vp9(), Av1()])
def test_the_same_frames_give_the_same_bytes_at_awkward_sizes(codec: VideoCodec, size: tuple[int, int]) -> None:
    video = make_noise_video(12, *size)
    first = codec(video)
    for number in range(4):
        torch.rand(10_000 * (number + 1))  # so that memory that nobody set holds something else
        assert torch.equal(codec(video), first)


def make_natural_video(frame_count: int) -> torch.Tensor:
    """Soft structure at three sizes that moves by a pixel a frame, whole levels: (frame_count, 3, 144, 176)."""
    generator = torch.Generator().manual_seed(0)
    scene = torch.full((1, 3, 144, 176 + frame_count), 0.5)
    for cells, strength in ((4, 0.12), (12, 0.08), (40, 0.05)):
        coarse = torch.randn(1, 3, cells, cells, generator=generator) * strength
        scene = scene + torch.nn.functional.interpolate(coarse, scene.shape[2:], mode="bicubic")
    frames = [scene[0, :, :, place : place + 176] for place in range(frame_count)]
    return torch.stack(frames).clamp(0, 1).mul(255).round() / 255


@pytest.mark.parametrize("codec", [H264(2), H265(2), Vp9(2), Av1(2), Jpeg(98)])
def test_five_trips_at_high_quality_neither_darken_nor_tint(codec: VideoCodec | Jpeg) -> None:
    video = make_natural_video(4)
    defended, changes = video, []
    for _ in range(5):
        defended = codec(defended)
        changes.append((defended - video).mean((0, 2, 3)).mul(255).abs().max().item())
    assert changes[0] < 0.2, changes
    assert changes[-1] < 0.2, changes


def test_stretches_are_coded_independently() -> None:
    video, changed = make_noise_video(20), make_noise_video(20)
    changed[8:16] = make_noise_video(8, seed=3)
    before, after = H264(stretch=8)(video), H264(stretch=8)(changed)
    assert torch.equal(before[:8], after[:8])
    assert torch.equal(before[16:], after[16:])
    assert not torch.equal(before[8:16], after[8:16])
    assert H264(stretch=8).needs(torch.tensor([17, 2]), 20).tolist() == [*range(8), *range(16, 20)]


def test_some_frames_of_a_stretch_are_those_of_the_whole_with_their_gradient() -> None:
    video, codec, indices = make_noise_video(20), H264(stretch=8), torch.tensor([17, 2, 2, 9])
    some, every = video.clone().requires_grad_(), video.clone().requires_grad_()
    picked, whole = codec.defend(Clip.whole(some), indices), codec.defend(Clip.whole(every), torch.arange(20))[indices]
    assert torch.equal(picked, whole)
    weights = torch.arange(4).view(4, 1, 1, 1)
    (by_some,) = torch.autograd.grad((picked * weights).sum(), some)
    (by_every,) = torch.autograd.grad((whole * weights).sum(), every)
    assert torch.equal(by_some, by_every)
    levels = Clip.whole((video * 255).round().to(torch.uint8))
    in_levels = codec.defend_levels(levels, indices)
    assert in_levels is not None
    assert torch.equal(in_levels, (picked.detach() * 255).round().to(torch.uint8))


@pytest.mark.parametrize("codec", [Jpeg(30), H264(40)])
def test_the_stand_ins_gradient_is_small_where_the_codec_erases_and_whole_where_it_does_not(codec: Jpeg | H264) -> None:
    down, across = torch.meshgrid(torch.arange(32), torch.arange(48), indexing="ij")
    fine, smooth = (down + across) % 2 * 2.0 - 1, torch.ones(32, 48)
    video = make_smooth_video(4).requires_grad_()
    defended = codec(video)
    followed = []
    for pattern in (fine, smooth):
        (gradient,) = torch.autograd.grad((defended * pattern).sum(), video, retain_graph=True)
        followed.append(float((gradient * pattern).sum() / (video.numel())))
    assert followed[0] < 0.2
    assert followed[1] == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: H264(crf=52), "crf is 52; it must be a whole number from 0 .best. to 51"),
        (lambda: Vp9(crf=-1), "crf is -1; it must be a whole number from 0 .best. to 63"),
        (lambda: Av1(crf=0), "crf is 0; it must be a whole number from 1 .best. to 63"),
        (lambda: H265(stretch=0), "stretch is 0; it must be from 1 to 300 frames"),
    ],
)
def test_settings_that_no_encoder_takes_are_refused_by_name(make: Callable[[], VideoCodec], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_the_stand_in_passes_large_coefficients_whole_and_small_ones_by_the_square_of_their_size() -> None:
    step = 10.0
    steps = torch.full((8, 8), step)
    cosine = torch.cos(torch.pi * (2 * torch.arange(8.0) + 1) * 3 / 16)  # coefficient (0, 3)
    for size, weight in ((5 * step, 1.0), (step / 2, 1.0), (step / 4, 0.25), (step / 8, 0.0625)):
        plane = (size / cosine.expand(8, 8).square().sum().sqrt() * cosine).expand(8, 8)[None, None]
        torch.testing.assert_close(pass_coefficients(plane, steps), weight * plane, atol=1e-5, rtol=1e-4)
