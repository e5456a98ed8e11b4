"""How much a learning step costs beyond the network's own forward and backward, side by side in one run.

    python benchmarks/step_overhead.py --model model.toml --videos videos/ [--batch 4] [--steps 30] [--attack lsap]

Each round times one whole step (draw, path, add, round, score, loss, gradient, update) and one bare forward and
backward of the same batch, in turn; the figures are medians over the rounds. `waiting` is the part of a step in which
the network waits for its batch. Peak memory is measured in two more processes, one for each kind of step.
"""

import argparse
import json
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch

from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.classifiers.looking import LookingClassifier
from lsap_cli.classifiers.resolve import load_classifier
from lsap_cli.datasets.listing import list_videos
from lsap_cli.datasets.store import FrameStore, StoredVideo
from lsap_cli.jobs.batches import BatchSource
from lsap_cli.jobs.generating.task import FITTED
from lsap_cli.jobs.shared import build_samplers, choose_device
from lsap_cli.specs import build
from perturbations import Budget, parse_binding, parse_epsilon
from perturbations.attacks import ATTACKS
from perturbations.augment import Augmentation
from perturbations.learn import State, learn
from perturbations.objectives import Untargeted
from perturbations.problem import Batch, Problem

WARM_SHARE = 5  # one round in this many is for warming up


def main() -> None:
    options = arguments()
    if options.only:
        measure(options)
        return
    result = measure(options)
    peaks = {kind: peak_memory(kind) for kind in ("step", "bare")}
    result |= {f"peak_{kind}_mb": round(peak) for kind, peak in peaks.items()}
    print(json.dumps(result, indent=1))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--videos", type=Path, required=True)
    parser.add_argument("--attack", default="lsap")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--most-videos", type=int, default=16)
    parser.add_argument("--only", choices=["step", "bare"], help=argparse.SUPPRESS)
    return parser.parse_args()


def measure(options: argparse.Namespace) -> dict[str, object]:
    device = choose_device(options.device)
    classifier = load_classifier(options.model).to(device)
    with FrameStore(classifier.geometry.shrink, 2**31, torch.get_num_threads()) as store:
        videos = list_videos(options.videos, classifier.labels).videos[: options.most_videos]
        stored = [one for _, one in store.load(videos) if isinstance(one, StoredVideo)]
        store_bytes = store.cost.memory_bytes
        attack = build(options.attack, ATTACKS, "attack")
        binding, budget = parse_binding(attack.binding), Budget("linf", parse_epsilon("8/255"))
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
        waited: list[float] = []

        def draw(step: int) -> Batch:
            start = now(device)
            batch = source.draw(step)
            waited.append(now(device) - start)
            return batch

        shape = (binding.period, 3, *classifier.geometry.size)
        problem = Problem(
            network=LookingClassifier(classifier), draw=draw, objective=Untargeted(), budget=budget, binding=binding,
            shape=shape, frames=classifier.frames, classes=len(classifier.labels), device=device,
        )  # fmt: skip
        state = State(torch.zeros(shape, device=device))
        steps = learn(problem, attack, state, lambda now: now.steps / 10**6)
        whole: list[float] = []
        bare: list[float] = []
        for number in range(options.steps):
            if options.only != "bare":
                whole.append(timed(lambda: next(steps), device))
            if options.only != "step":
                frames = source.draw(number).frames.requires_grad_()
                bare.append(timed(partial(forward_and_backward, classifier, frames), device))
    if options.only:
        peak = (
            torch.cuda.max_memory_allocated()
            if device.type == "cuda"
            else 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        )
        print(peak)
        return {}
    warm = options.steps // WARM_SHARE
    step, network = statistics.median(whole[warm:]), statistics.median(bare[warm:])
    pairs = [one / other for one, other in zip(whole[warm:], bare[warm:], strict=True)]
    return {
        "model": classifier.name,
        "attack": options.attack,
        "device": str(device) if device.type == "cpu" else torch.cuda.get_device_name(device),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "platform": platform.platform(),
        "batch": options.batch,
        "step_seconds": round(step, 4),
        "bare_seconds": round(network, 4),
        "ratio": round(step / network, 3),
        "ratio_of_pairs_quartiles": [round(one, 3) for one in statistics.quantiles(pairs, n=4)],
        "waiting_share": round(statistics.median(waited[warm:]) / step, 4),
        "rounds": options.steps - warm,
        "frame_store_mb": round(store_bytes / 2**20),
    }


def peak_memory(kind: str) -> float:
    """Megabytes of a process that does only steps of this kind."""
    made = subprocess.run([sys.executable, *sys.argv, "--only", kind], check=True, capture_output=True, text=True)
    return int(made.stdout.split()[-1]) / 2**20


def forward_and_backward(classifier: Classifier, frames: torch.Tensor) -> None:
    torch.autograd.grad(classifier.score(frames).logsumexp(1).sum(), frames)


def now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def timed(work: Callable[[], object], device: torch.device) -> float:
    start = now(device)
    work()
    return now(device) - start


if __name__ == "__main__":
    main()
