"""What the matrix of `lsap defend` costs beyond its network forwards and its transforms run bare, side by side in one run.

    python benchmarks/defend_cost.py --model model.toml --videos videos/ [--most-videos 8]

One network x 12 defenses (and none) x 3 samplers x (clean, noise, perturbed). Each video is judged as `defend` does it, and
right before or after that, in turn, its transforms and its network forwards are run bare: on the same frames and clips,
decoded, perturbed, resized and turned into numbers beforehand. The first video warms up and is not counted. `ratio` is the
matrix by the sum of the bare parts, on the wall and in processor time (all threads); `matrix` is the split that `defend`
reports. A random defense is drawn once.
"""

import argparse
import json
import platform
import resource
from pathlib import Path

import torch
from torch import Tensor

from defenses import Clip, Defense
from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.classifiers.devices import choose_device
from lsap_cli.classifiers.resolve import load_classifier
from lsap_cli.datasets.base import Video
from lsap_cli.datasets.listing import list_videos
from lsap_cli.evaluation.cost import Cost
from lsap_cli.evaluation.protocol import FLOATS, Added, Clean, Judge, defended_bytes, parts
from lsap_cli.learning.batches import size_of_delta
from lsap_cli.runs.memory import keep_memory
from lsap_cli.specs import build_defense, build_samplers
from lsap_cli.video.reading import FrameReader
from perturbations import Budget, Perturbation, parse_binding, parse_epsilon
from perturbations.controls import noise_like
from perturbations.seeds import seeded

SAMPLERS = ("uniform", "dense:stride=2", "random")
DEFENSES = (
    "temporal-mean:window=3",
    "temporal-median:window=3",
    "temporal-gaussian",
    "temporal-resample:keep=2",
    "frame-rate:keep=2",
    "jpeg:quality=75",
    "h264",
    "bit-depth",
    "spatial-median",
    "spatial-gaussian",
    "spatial-resample:scale=0.5",
    "random-noise",
)
CLIPS = 8  # that go through the network at a time, as `defend` does


def main() -> None:
    options = arguments()
    kept = not options.returned and keep_memory()
    classifier = load_classifier(options.model).to(choose_device(options.device))
    videos = list_videos(options.videos, classifier.labels).videos[: options.most_videos + 1]
    found = measure(classifier, videos) | {
        "memory_kept": kept,
        "peak_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    print(json.dumps(found, indent=1))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--videos", type=Path, required=True)
    parser.add_argument("--most-videos", type=int, default=8, help="beside the one that warms up")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--returned", action="store_true", help="let the allocator return memory, as it does by itself")
    return parser.parse_args()


def measure(classifier: Classifier, videos: list[Video]) -> dict[str, object]:
    """The matrix and its bare parts, video by video in turn."""
    judge, bare = make_judge(classifier), Cost()
    for number, video in enumerate(videos):
        if number == 1:  # the first one has warmed up
            judge, bare = make_judge(classifier), Cost()
        if number % 2:
            run_bare(judge, video, bare)
        judge.predict(video)
        if number % 2 == 0:
            run_bare(judge, video, bare)
    kinds = {"wall": (judge.cost.seconds, bare.seconds)}
    kinds["processor"] = (judge.cost.processor_seconds, bare.processor_seconds)
    return {
        "model": classifier.name,
        "device": str(judge.device),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "platform": platform.platform(),
        "videos": len(videos) - 1,
        "defenses": DEFENSES,
        "samplers": SAMPLERS,
        "attacks": list(judge.attacks),
        "bare": {"seconds": bare.seconds, "processor_seconds": bare.processor_seconds},
        "matrix": judge.cost.as_json(),
        "ratio": {
            kind: whole["all"] / (parts["transform"] + parts["network"]) for kind, (whole, parts) in kinds.items()
        },
    }


def make_judge(classifier: Classifier) -> Judge:
    """The matrix; the pattern is noise, which costs what any pattern does."""
    height, width = size_of_delta(classifier.geometry)
    empty = Perturbation(
        torch.zeros(4, 3, height, width), parse_binding("cyclic:4"), Budget("linf", parse_epsilon("8/255"))
    )
    return Judge(
        classifier=classifier,
        samplers=build_samplers(SAMPLERS),
        defenses={"none": None} | {spec: build_defense(spec) for spec in DEFENSES},
        attacks={"none": Clean(), "noise": Added(noise_like(empty, 0)), "r": Added(noise_like(empty, 1))},
        views=classifier.views,
        seed=0,
        device=classifier.mean.device,
        batch=CLIPS,
    )


def run_bare(judge: Judge, video: Video, bare: Cost) -> None:
    """Every transform and every network forward of one video, and nothing else, on the clock."""
    reel = FrameReader(video.path)
    count = len(reel.times)
    chosen = [judge.choose(video, sampler, reel.times) for sampler in judge.samplers.values()]
    wanted = torch.cat([indices.flatten() for indices in chosen]).unique()
    defenses = {
        spec: None if one is None else one.draw(seeded(judge.seed, "draw", spec, video.name, 0))
        for spec, one in judge.defenses.items()
    }
    at_once = judge.frames_at_once(reel.height, reel.width)
    for attack in judge.attacks.values():
        for defense in defenses.values():
            shrunk = []
            for part, needed in parts(wanted, list(defenses.values()), count, at_once):
                native = attack.change(reel.frames(needed), needed, count)
                for piece, _ in parts(part, [defense], count, at_once // FLOATS):
                    made = defended(defense, native, needed, piece, count, bare)
                    shrunk.append(judge.classifier.geometry.shrink(made))
            frames = judge.classifier.geometry.crop(torch.cat(shrunk))
            clips = torch.cat([frames[torch.searchsorted(wanted, indices)] for indices in chosen])
            for some in clips.split(judge.batch):
                ready = some.to(judge.device).float() / 255
                with torch.inference_mode(), bare.of("network"):
                    judge.classifier.score(ready).cpu()


def defended(defense: Defense | None, native: Tensor, have: Tensor, wanted: Tensor, count: int, bare: Cost) -> Tensor:
    """Whole levels behind a defense; only the defense itself is on the clock."""
    if defense is None:
        return defended_bytes(None, native, have, wanted, count)
    rows = torch.searchsorted(have, defense.needs(wanted, count))
    ready = native[rows].float() / 255
    with bare.of("transform"):
        made = defense.defend(Clip(ready, have[rows], count), wanted)
    return (made * 255).round().to(torch.uint8)


if __name__ == "__main__":
    main()
