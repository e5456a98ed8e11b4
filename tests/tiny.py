"""Tiny seeded videos, patterns and networks, which the tests of several packages share."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import torch
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from torch import Tensor, nn

from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.classifiers.formats import InputFormat
from lsap_cli.video.codecs import Codec, Ffv1Codec
from lsap_cli.video.writing import write_video
from perturbations import Budget, Perturbation, parse_binding, parse_epsilon


def make_bytes(frame_count: int, height: int = 18, width: int = 22, seed: int = 0) -> Tensor:
    """Noise with both ends of the range in it: (frame_count, 3, height, width) uint8."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randint(-40, 296, (frame_count, 3, height, width), generator=generator)
    return noise.clamp(0, 255).to(torch.uint8)


def make_perturbation(
    binding: str = "cyclic:4",
    height: int = 6,
    width: int = 5,
    norm: str = "linf",
    epsilon: str = "8/255",
    seed: int = 1,
) -> Perturbation:
    """Random noise at the whole of its budget."""
    bound, budget = parse_binding(binding), Budget(norm, parse_epsilon(epsilon))  # type: ignore[arg-type]  # Budget checks the norm itself
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(bound.period, 3, height, width, generator=generator) * float(budget.epsilon) * 2
    return Perturbation(budget.project(noise), bound, budget)


def write_tiny(path: Path, frames: Tensor, fps: Fraction = Fraction(25), codec: Codec | None = None) -> Path:
    """Writes frames (N, 3, H, W) uint8 as a video, lossless by default."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_video(path, frames, fps, codec or Ffv1Codec())
    return path


def write_timed(path: Path, frames: Tensor, stamps: Sequence[int], codec: str = "libx264rgb") -> Path:
    """Writes frames (N, 3, H, W) uint8 that appear at these milliseconds, without the package's own writer."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=25, options={"qp": "0"} if codec == "libx264rgb" else {})
        assert isinstance(stream, VideoStream)
        stream.height, stream.width = frames.shape[2:]
        stream.pix_fmt = {"libx264rgb": "rgb24", "ffv1": "bgr0"}.get(codec, "yuv420p")
        stream.codec_context.time_base = stream.time_base = Fraction(1, 1000)
        for pixels, stamp in zip(frames, stamps, strict=True):
            frame = VideoFrame.from_ndarray(pixels.permute(1, 2, 0).contiguous().numpy(), format="rgb24")
            frame.pts, frame.time_base = stamp, Fraction(1, 1000)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


class RecordingLinear(nn.Module):
    """A linear network that keeps what it was given: (B, T, 3, h, w) -> (B, classes)."""

    def __init__(self, inputs: int, classes: int, seed: int = 0) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.weight = nn.Parameter(torch.randn(inputs, classes, generator=generator) / inputs**0.5)
        self.seen: list[Tensor] = []

    def forward(self, clips: Tensor) -> Tensor:
        self.seen.append(clips.detach().clone())
        return clips.flatten(1) @ self.weight


def make_classifier(frames: int = 4, size: int = 8, classes: int = 5, seed: int = 0) -> Classifier:
    """A tiny linear classifier; its network, a `RecordingLinear`, keeps the clips that reach it."""
    return Classifier(
        RecordingLinear(frames * 3 * size * size, classes, seed),
        "tiny",
        [f"class {index}" for index in range(classes)],
        InputFormat("BTCHW", frames, (size, size)),
    )


def clips_seen(classifier: Classifier) -> Tensor:
    """All clips that reached a `make_classifier`'s network, in order: (clips, T, 3, h, w) float32."""
    network = classifier.network
    assert isinstance(network, RecordingLinear)
    return torch.cat(network.seen)
