"""Does the proof of `lsap apply` find every fault that is planted in a written file?

    python benchmarks/planted_faults.py --clips videos/ --work /tmp/planted --results results.json [--faults 200]

A copy is written, then put in its place is one that differs in a single thing: one value of one pixel by one level, a
frame's time by some milliseconds, a frame dropped, doubled, or exchanged with the next. Lossless copies of the first
frames of real clips; each also without a fault, where the proof must say nothing.
"""

import argparse
import json
import random
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
import torch
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from fault_run import make_perturbation, make_seeds
from torch import Tensor

from lsap_cli.applying.adding import Adder
from lsap_cli.applying.video_copy import VideoCopy
from lsap_cli.video.codecs import Codec, Ffv1Codec, H264RgbCodec
from lsap_cli.video.reading import UnreadableVideo, read_frames
from lsap_cli.video.writing import container_suffix
from perturbations import Perturbation
from perturbations.slot_cache import SlotCache

CODECS: tuple[Codec, ...] = (Ffv1Codec(), H264RgbCodec())
TICK = Fraction(1, 90000)


class Shown(NamedTuple):
    """A written file's frames (N, 3, H, W) uint8 and when each is shown, in seconds."""

    pixels: Tensor
    seconds: list[Fraction]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--faults", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    make_perturbation(options.work / "r.safetensors")
    levels = SlotCache(Perturbation.load(options.work / "r.safetensors"))
    rng = random.Random(options.seed)
    seeds = make_seeds(options.clips, options.work / "seeds")
    found: Counter[str] = Counter()
    missed: list[str] = []
    false_alarms: list[str] = []
    for number in range(options.faults):
        seed, codec = seeds[number % len(seeds)], CODECS[number % len(CODECS)]
        kind = list(FAULTS)[number % len(FAULTS)]
        target = options.work / f"copy{container_suffix(seed, codec)}"
        copy = VideoCopy(target, codec, Adder(levels, None, 0), "one", 8, lambda _: None)
        copied = copy.write_file(seed, seed)
        proof, remarks = copy.prove_file(seed, seed, copied)
        if not proof.exact or len(remarks) > len(copied.remarks):
            false_alarms.append(f"{seed.name}: {remarks}")
            continue
        where = plant(target, codec, kind, rng)
        if is_found(copy, seed, copied, remarks):
            found[kind] += 1
        else:
            missed.append(f"{kind} in {seed.name} ({codec.name}): {where}")
    results: dict[str, Any] = {
        "faults": options.faults,
        "found": dict(sorted(found.items())),
        "missed": missed,
        "said_of_files_without_a_fault": false_alarms,
    }
    options.results.write_text(json.dumps(results, indent=1) + "\n")
    print(json.dumps(results, indent=1))
    raise SystemExit(bool(missed or false_alarms))


def is_found(copy: VideoCopy, seed: Path, copied: Any, before: list[str]) -> bool:
    """Whether the proof refuses the file, calls it inexact, or says something of it that it did not say before."""
    try:
        proof, remarks = copy.prove_file(seed, seed, copied)
    except UnreadableVideo:
        return True
    return not proof.exact or set(remarks) > set(before)


def plant(target: Path, codec: Codec, kind: str, rng: random.Random) -> str:
    """Writes the file again with one fault; what else was in it (sound) is copied, so that nothing else is missed."""
    frames = list(read_frames(target))
    shown = Shown(torch.stack([frame.pixels for frame in frames]), [frame.seconds for frame in frames])
    shown, where = FAULTS[kind](shown, rng)
    partial = target.with_name(f"faulty{target.suffix}")
    with av.open(str(target)) as source, av.open(str(partial), "w") as out:
        height, width = shown.pixels.shape[2:]
        video = out.add_stream(codec.encoder, rate=25, options=codec.options(height, width))
        assert isinstance(video, VideoStream)
        video.height, video.width = height, width
        video.pix_fmt = codec.stored_as(height, width)
        tick = TICK if target.suffix == ".mp4" else Fraction(1, 1000)
        video.codec_context.time_base = video.time_base = tick
        others = {one.index: out.add_stream_from_template(one) for one in source.streams if one.type == "audio"}
        for pixels, seconds in zip(shown.pixels, shown.seconds, strict=True):
            frame = VideoFrame.from_ndarray(pixels.permute(1, 2, 0).contiguous().numpy(), format="rgb24")
            frame.pts, frame.time_base = round(seconds / tick), tick
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        for packet in source.demux([source.streams[index] for index in others]):
            if packet.dts is not None and packet.stream.index in others:
                packet.stream = others[packet.stream.index]
                out.mux(packet)
    partial.replace(target)
    return where


def one_value(shown: Shown, rng: random.Random) -> tuple[Shown, str]:
    place = tuple(rng.randrange(size) for size in shown.pixels.shape)
    shown.pixels[place] ^= 1
    return shown, f"value {place}"


def one_time(shown: Shown, rng: random.Random) -> tuple[Shown, str]:
    number = rng.randrange(1, len(shown.seconds) - 1)
    early, late = shown.seconds[number - 1], shown.seconds[number + 1]
    moved = early + (late - early) * Fraction(rng.choice((1, 2, 3, 7, 8, 9)), 10)
    if abs(moved - shown.seconds[number]) < Fraction(2, 1000):
        moved += Fraction(2, 1000)
    return Shown(shown.pixels, [*shown.seconds[:number], moved, *shown.seconds[number + 1 :]]), f"frame {number}"


def dropped(shown: Shown, rng: random.Random) -> tuple[Shown, str]:
    number = rng.randrange(len(shown.seconds))
    kept = [index for index in range(len(shown.seconds)) if index != number]
    return Shown(shown.pixels[kept], [shown.seconds[index] for index in kept]), f"frame {number}"


def doubled(shown: Shown, rng: random.Random) -> tuple[Shown, str]:
    number = rng.randrange(len(shown.seconds) - 1)
    between = (shown.seconds[number] + shown.seconds[number + 1]) / 2
    order = [*range(number + 1), number, *range(number + 1, len(shown.seconds))]
    seconds = [*shown.seconds[: number + 1], between, *shown.seconds[number + 1 :]]
    return Shown(shown.pixels[order], seconds), f"frame {number}"


def exchanged(shown: Shown, rng: random.Random) -> tuple[Shown, str]:
    number = rng.randrange(len(shown.seconds) - 1)
    order = [*range(number), number + 1, number, *range(number + 2, len(shown.seconds))]
    return Shown(shown.pixels[order], shown.seconds), f"frames {number} and {number + 1}"


FAULTS: dict[str, Callable[[Shown, random.Random], tuple[Shown, str]]] = {
    "value": one_value,
    "time": one_time,
    "dropped": dropped,
    "doubled": doubled,
    "exchanged": exchanged,
}


if __name__ == "__main__":
    main()
