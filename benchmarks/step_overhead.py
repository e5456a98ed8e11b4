"""How much a learning step costs beyond the network's own forward and backward, side by side in one run.

    python benchmarks/step_overhead.py --model model.toml --videos videos/ [--batch 4] [--steps 30]

Each round times one whole step (draw, path, add, round, score, loss, gradient, update) and one bare forward and
backward of the same batch, in turn; the figures are medians over the rounds.
"""

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch

from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.classifiers.resolve import load_classifier
from lsap_cli.datasets.listing import list_videos
from lsap_cli.datasets.store import FrameStore, StoredVideo
from lsap_cli.jobs.batches import BatchSource
from lsap_cli.jobs.generate import FITTED
from lsap_cli.jobs.shared import build_samplers, choose_device
from perturbations import Budget, parse_binding, parse_epsilon
from perturbations.augment import Augmentation
from perturbations.learn import State, learn
from perturbations.objectives import Untargeted
from perturbations.updates import MomentumSign


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--videos", type=Path, required=True)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    device = choose_device(options.device)
    classifier = load_classifier(options.model).to(device)
    with FrameStore(classifier.geometry.shrink, 2**31, torch.get_num_threads()) as store:
        videos = list_videos(options.videos, classifier.labels).videos
        stored = [one for _, one in store.load(videos) if isinstance(one, StoredVideo)]
        binding = parse_binding("cyclic:4")
        source = BatchSource(
            videos=stored,
            clean_predictions=torch.zeros(len(stored), 2, dtype=torch.long),
            samplers=list(build_samplers((classifier.sampler_spec, *FITTED)).values()),
            frames=classifier.frames,
            geometry=classifier.geometry,
            binding=binding,
            delta_size=classifier.geometry.size,
            augmentation=Augmentation(),
            clips=options.batch,
            seed=0,
            device=device,
        )
        state = State(torch.zeros(4, 3, *classifier.geometry.size, device=device))
        budget = Budget("linf", parse_epsilon("8/255"))
        steps = learn(
            classifier.score, source.draw, Untargeted(), MomentumSign(), budget, state, lambda now: now.steps / 10**6
        )
        whole: list[float] = []
        bare: list[float] = []
        for number in range(options.steps):
            whole.append(timed(lambda: next(steps), device))
            frames = source.draw(number).frames.requires_grad_()
            bare.append(timed(partial(forward_and_backward, classifier, frames), device))
    warm = options.steps // 5
    result = {
        "model": classifier.name,
        "device": str(device) if device.type == "cpu" else torch.cuda.get_device_name(device),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "platform": platform.platform(),
        "batch": options.batch,
        "step_seconds": round(statistics.median(whole[warm:]), 4),
        "bare_seconds": round(statistics.median(bare[warm:]), 4),
        "ratio": round(statistics.median(whole[warm:]) / statistics.median(bare[warm:]), 3),
        "rounds": options.steps - warm,
    }
    print(json.dumps(result, indent=1))


def forward_and_backward(classifier: Classifier, frames: torch.Tensor) -> None:
    torch.autograd.grad(classifier.score(frames).logsumexp(1).sum(), frames)


def timed(work: Callable[[], object], device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    start = time.perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
