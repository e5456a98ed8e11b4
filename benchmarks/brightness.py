"""How much the mean color of natural clips changes by writing, by codec defenses, and by reading.

    python benchmarks/brightness.py CLIP [CLIP ...] [--frames 24] [--trips 5] [--size 320]

Prints Markdown tables of mean changes in levels (0 to 255) of red, green and blue, over all frames of all clips:

- writing: copies by `transcode` that change nothing, after one trip and after several, against the source as read;
- defenses: JPEG and codecs, against the video that they are given;
- where it comes from: the mean change of the three planes (Y, U, V) that an encoder is given, after one trip; the same
  where the picture is inverted (each plane mirrored at its middle); red, green and blue of pixels of 32 to 223 levels
  in all three, converted in floating point. Values that are cut at black and white leave planes as they are. A coder
  that treats both signs alike moves an inverted picture the other way; one that rounds halves up moves both upwards;
- deep colors: frames stored with 10 bits by exact arithmetic, as lsap reads them;
- reading 8-bit 4:2:0: frames stored by exact arithmetic, as lsap reads them, and OpenCV, decord and torchcodec where
  they are installed.

"Exact arithmetic" is BT.601 in floating point, limited range, chroma the mean of 2 x 2 pixels, rounded once.
"""

import argparse
import tempfile
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from importlib import import_module
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate

from lsap_cli.specs import build, build_defense
from lsap_cli.video.codecs import CODECS, Codec, Ffv1Codec
from lsap_cli.video.colors import ColorConverter, Colors
from lsap_cli.video.reading import read_frames
from lsap_cli.video.writing import container_suffix, transcode, write_video

WRITING = ("h264:crf=0", "h264", "h264:crf=0,pixel_format=yuv444p", "h265", "vp9", "av1")
ORIGINS = ("h264:crf=0", "h264", "h264:crf=28", "h265", "vp9", "av1")
DEFENSES = ("jpeg", "h264", "h265", "vp9", "av1")
INNER = 32  # levels from black and white
LUMA = np.array([0.299, 0.587, 0.114])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="+", type=Path, metavar="CLIP")
    parser.add_argument("--frames", type=int, default=24, help="of each clip")
    parser.add_argument("--trips", type=int, default=5)
    parser.add_argument("--size", type=int, default=320, help="pixels of the larger side")
    options = parser.parse_args()
    torch.set_num_threads(1)
    clips = [read_clip(path, options.frames, options.size) for path in options.clips]
    print(f"{len(clips)} clips, {sum(map(len, clips))} frames; mean change of red, green, blue in levels\n")
    print(f"| writing | 1 trip | {options.trips} trips |\n|---|---|---|")
    for spec in WRITING:
        changes = [written_changes(clip, build(spec, CODECS, "codec"), options.trips) for clip in clips]
        print(
            f"| `{spec}` | {shown([one for one, _ in changes])} | {shown([last for _, last in changes])} |", flush=True
        )
    print("\n| defense | change |\n|---|---|")
    for spec in DEFENSES:
        defense = build_defense(spec)
        print(f"| `{spec}` | {shown([mean(defense(clip / 255) * 255) - mean(clip) for clip in clips])} |", flush=True)
    print("\n| codec | Y, U, V | of the inverted picture | RGB away from black and white |\n|---|---|---|---|")
    for spec in ORIGINS:
        codec: Codec = build(spec, CODECS, "codec")
        found = [plane_changes(clip, codec) for clip in clips]
        mirrored = [plane_changes(255 - clip, codec)[0] for clip in clips]
        parts = [[one for one, _ in found], mirrored, [inner for _, inner in found]]
        print(f"| `{spec}` | {' | '.join(map(shown, parts))} |", flush=True)
    print("\n| reader | stored as | change |\n|---|---|---|")
    for depth in (10, 8):
        for name, read in readers().items():
            if depth == 8 or name == "lsap":
                changed = [read_changes(clip, depth, read) for clip in clips]
                print(f"| {name} | {depth} bits, 4:2:0 | {shown(changed)} |", flush=True)


def read_clip(path: Path, frames: int, size: int) -> Tensor:
    """A clip's first frames with even sides: (N, 3, H, W) float32 of whole levels."""
    video = torch.stack([frame.pixels for frame in islice(read_frames(path, "one"), frames)]).float()
    scale = min(1.0, size / max(video.shape[2:]))
    sides = [2 * round(side * scale / 2) for side in video.shape[2:]]
    return interpolate(video, sides, mode="bilinear", antialias=True).round().clamp(0, 255)


def mean(video: Tensor) -> Tensor:
    """Of red, green and blue: (3,)."""
    return video.double().mean((0, 2, 3))


def shown(changes: Sequence[Tensor]) -> str:
    """The mean over clips, and the largest of any channel of any clip."""
    every = torch.stack([*changes])
    red, green, blue = every.mean(0).tolist()
    return f"{red:+.2f} {green:+.2f} {blue:+.2f} (largest of a clip {float(every.abs().max()):.2f})"


def written_changes(clip: Tensor, codec: Codec, trips: int) -> tuple[Tensor, Tensor]:
    """After the first trip, and after the last."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "0.mkv"
        write_video(path, clip.to(torch.uint8), Fraction(25), Ffv1Codec())
        changes = []
        for trip in range(trips):
            target = Path(folder) / f"{trip + 1}{container_suffix(path, codec)}"
            transcode(path, target, codec, lambda pixels, _: pixels, "one")
            path = target
            changes.append(mean(lsap_frames(path)) - mean(clip))
    return changes[0], changes[-1]


def plane_changes(clip: Tensor, codec: Codec) -> tuple[Tensor, Tensor]:
    """Of the planes that an encoder is given, and of red, green and blue away from black and white."""
    converter = ColorConverter(Colors().stored_as("yuv420p"))
    given = [planes_of(converter.frame(pixels.permute(1, 2, 0).byte().contiguous().numpy())) for pixels in clip]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"coded{codec.suffixes[0]}"
        write_video(path, clip.to(torch.uint8), Fraction(25), codec)
        with av.open(str(path)) as container:
            coded = [planes_of(frame) for frame in container.decode(video=0)]
    pairs = list(zip(given, coded, strict=True))
    changes = [[after.mean() - before.mean() for before, after in zip(*pair, strict=True)] for pair in pairs]
    inner = []
    for before, after in pairs:
        first = rgb_of(before)
        between = ((first >= INNER) & (first <= 255 - INNER)).all(0)
        inner.append((rgb_of(after) - first)[:, between].mean(1))
    return torch.tensor(np.mean(changes, 0)), torch.tensor(np.mean(inner, 0))


def planes_of(frame: VideoFrame) -> list[NDArray[np.float64]]:
    """Y, U and V of a 4:2:0 frame."""
    size = frame.height * frame.width
    values = frame.to_ndarray().ravel().astype(np.float64)
    half = (frame.height // 2, frame.width // 2)
    luma = values[:size].reshape(frame.height, frame.width)
    return [luma, *(one.reshape(half) for one in np.split(values[size:], 2))]


def rgb_of(planes: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """(3, H, W) levels by BT.601 in floating point, which are not cut at 0 and 255."""
    luma = (planes[0] - 16) * 255 / 219
    blue, red = ((one.repeat(2, 0).repeat(2, 1) - 128) * 255 / 224 for one in planes[1:])
    return np.stack([luma + 1.402 * red, luma - 0.344136 * blue - 0.714136 * red, luma + 1.772 * blue])


def read_changes(clip: Tensor, depth: int, read: Callable[[Path], Tensor]) -> Tensor:
    """Of frames that are stored by exact arithmetic."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "exact.mkv"
        write_exactly(path, clip, depth)
        return mean(read(path)) - mean(clip)


def write_exactly(path: Path, clip: Tensor, depth: int) -> None:
    """Frames as lossless 4:2:0, converted in floating point and rounded once."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("ffv1", rate=25)
        assert isinstance(stream, VideoStream)
        stream.height, stream.width = clip.shape[2:]
        stream.pix_fmt = "yuv420p10le" if depth == 10 else "yuv420p"
        for pixels in clip.double().numpy():
            planes = yuv_planes(pixels, depth)
            frame = VideoFrame.from_ndarray(planes, format=stream.pix_fmt)
            frame.color_range = 1  # limited
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


def yuv_planes(pixels: NDArray[np.float64], depth: int) -> NDArray[Any]:  # bytes, or 16-bit numbers
    """(3, H, W) levels as the planes of 4:2:0 below each other."""
    height, width = pixels.shape[1:]
    luma = np.tensordot(LUMA, pixels, 1)
    step = 2 ** (depth - 8)
    planes = [(16 + 219 / 255 * luma) * step]
    for channel, weight in ((2, 1.772), (0, 1.402)):
        chroma = (128 + 224 / 255 * (pixels[channel] - luma) / weight) * step
        planes.append(chroma.reshape(height // 2, 2, width // 2, 2).mean((1, 3)))
    flat = np.rint(np.concatenate([plane.ravel() for plane in planes]))
    stored: NDArray[Any] = flat.astype(np.uint16 if depth > 8 else np.uint8)
    return stored.reshape(height * 3 // 2, width)


def readers() -> Mapping[str, Callable[[Path], Tensor]]:
    """Each reader that is installed, by name."""
    others = {"OpenCV": ("cv2", opencv_frames), "decord": ("decord", decord_frames),
              "torchcodec": ("torchcodec.decoders", torchcodec_frames)}  # fmt: skip
    found = {name: read for name, (module, read) in others.items() if find_spec(module.partition(".")[0])}
    return {"lsap": lsap_frames} | found


def lsap_frames(path: Path) -> Tensor:
    """(N, 3, H, W) levels."""
    return torch.stack([frame.pixels for frame in read_frames(path, "one")])


def opencv_frames(path: Path) -> Tensor:
    """(N, 3, H, W) levels."""
    capture = import_module("cv2").VideoCapture(str(path))
    frames = []
    while (read := capture.read())[0]:
        frames.append(read[1][..., ::-1].copy())
    return torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2)


def decord_frames(path: Path) -> Tensor:
    """(N, 3, H, W) levels."""
    reader = import_module("decord").VideoReader(str(path))
    return torch.from_numpy(reader.get_batch(range(len(reader))).asnumpy()).permute(0, 3, 1, 2)


def torchcodec_frames(path: Path) -> Tensor:
    """(N, 3, H, W) levels."""
    decoder = import_module("torchcodec.decoders").VideoDecoder(str(path))
    frames: Tensor = decoder[:]
    return frames


if __name__ == "__main__":
    main()
