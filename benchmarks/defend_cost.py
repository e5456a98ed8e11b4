"""What the matrix of `lsap defend` costs beyond its network forwards and its transforms run bare, in one run.

    python benchmarks/defend_cost.py --model model.toml --videos videos/ [--most-videos 8]

One network x 12 defenses (and none) x 3 samplers x (clean, noise, perturbed). Each video is judged as `defend` does it,
and right before or after that, in turn, its transforms and its network forwards are run bare: on the same frames and
clips, decoded, perturbed, resized and turned into numbers beforehand. The first video warms up and is not counted.
`ratio` is the matrix by the sum of the bare parts, on the wall and in processor time (all threads); `matrix` is the
split that `defend` reports. A random defense is drawn once.
"""

import argparse
import json
import platform
import resource
from pathlib import Path

import torch
from msgspec import to_builtins
from torch import Tensor

from defenses import Clip, Defense
from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.classifiers.devices import choose_device
from lsap_cli.classifiers.resolve import load_classifier
from lsap_cli.datasets.base import Video
from lsap_cli.datasets.listing import list_videos
from lsap_cli.evaluation.cost import Cost
from lsap_cli.evaluation.frames import FLOAT_SHARE, defended_levels, split_indices
from lsap_cli.evaluation.matrix import EvaluationMatrix
from lsap_cli.evaluation.matrix_judge import MatrixJudge
from lsap_cli.evaluation.protocol import EvaluationProtocol
from lsap_cli.evaluation.sources import AddedPerturbation, Unperturbed
from lsap_cli.learning.problems import learned_delta_size
from lsap_cli.runs.memory import keep_memory
from lsap_cli.specs import build_defense, build_samplers
from lsap_cli.video.memory_limit import frames_at_once
from lsap_cli.video.reading import FrameReader
from perturbations import Budget, Perturbation, parse_binding, parse_epsilon
from perturbations.controls import noise_like

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
    protocol, matrix = make_protocol(classifier), make_matrix(classifier)
    judge, bare = MatrixJudge(protocol, matrix), Cost()
    for number, video in enumerate(videos):
        if number == 1:  # the first one has warmed up
            judge, bare = MatrixJudge(protocol, matrix), Cost()
        if number % 2:
            run_bare(protocol, matrix, video, bare)
        judge.predict(video)
        if number % 2 == 0:
            run_bare(protocol, matrix, video, bare)
    cost = judge.measurements.cost
    kinds = {"wall": (cost.seconds, bare.seconds)}
    kinds["processor"] = (cost.processor_seconds, bare.processor_seconds)
    return {
        "model": classifier.name,
        "device": str(protocol.device),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "platform": platform.platform(),
        "videos": len(videos) - 1,
        "defenses": DEFENSES,
        "samplers": SAMPLERS,
        "attacks": list(matrix.sources),
        "bare": {"seconds": bare.seconds, "processor_seconds": bare.processor_seconds},
        "matrix": to_builtins(cost.result()),
        "ratio": {
            kind: whole["all"] / (parts["transform"] + parts["network"]) for kind, (whole, parts) in kinds.items()
        },
    }


def make_protocol(classifier: Classifier) -> EvaluationProtocol:
    """All samplers, as `defend` classifies."""
    samplers = build_samplers(SAMPLERS)
    return EvaluationProtocol(classifier, samplers, classifier.views, 0, classifier.mean.device, CLIPS)


def make_matrix(classifier: Classifier) -> EvaluationMatrix:
    """All defenses; the pattern is noise, which costs what any pattern does."""
    height, width = learned_delta_size(classifier.geometry)
    empty = Perturbation(
        torch.zeros(4, 3, height, width), parse_binding("cyclic:4"), Budget("linf", parse_epsilon("8/255"))
    )
    noise, pattern = (AddedPerturbation(noise_like(empty, seed)) for seed in (0, 1))
    defenses = {"none": None} | {spec: build_defense(spec) for spec in DEFENSES}
    return EvaluationMatrix({"none": Unperturbed(), "noise": noise, "r": pattern}, defenses)


def run_bare(protocol: EvaluationProtocol, matrix: EvaluationMatrix, video: Video, bare: Cost) -> None:
    """Every transform and every network forward of one video, and nothing else, on the clock."""
    reader = FrameReader(video.media)
    count = len(reader.times)
    chosen = list(protocol.all_clip_indices(video, reader.times).values())
    sampled = torch.cat([indices.flatten() for indices in chosen]).unique()
    defenses = {
        spec: None if one is None else protocol.drawn(one, spec, video) for spec, one in matrix.defenses.items()
    }
    at_once = frames_at_once(reader.height, reader.width)
    geometry = protocol.classifier.geometry
    for source in matrix.sources.values():
        for defense in defenses.values():
            shrunk = []
            for part, needed in split_indices(sampled, list(defenses.values()), count, at_once):
                native = source.change(reader.frames(needed), needed, count)
                for piece, _ in split_indices(part, [defense], count, at_once // FLOAT_SHARE):
                    shrunk.append(geometry.shrink(defended(defense, Clip(native, needed, count), piece, bare)))
            frames = geometry.crop(torch.cat(shrunk))
            clips = torch.cat([frames[torch.searchsorted(sampled, indices)] for indices in chosen])
            for some in clips.split(protocol.batch):
                ready = some.to(protocol.device).float() / 255
                with torch.inference_mode(), bare.of("network"):
                    protocol.classifier.score(ready).cpu()


def defended(defense: Defense | None, clip: Clip, sampled: Tensor, bare: Cost) -> Tensor:
    """8-bit levels behind a defense; only the defense itself is on the clock."""
    if defense is None:
        return defended_levels(None, clip, sampled)
    with bare.of("transform"):
        return defended_levels(defense, clip, sampled)


if __name__ == "__main__":
    main()
