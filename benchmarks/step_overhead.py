"""How much a learning step costs beyond the network's own forward and backward, side by side in one run.

    python benchmarks/step_overhead.py --model model.toml --videos videos/ [--batch 4] [--steps 30] [--attack lsap]

Each round times one whole step (draw, path, add, round, score, loss, gradient, update) and one bare forward and
backward of the same batch, in turn; the figures are medians over the rounds, and the ratio of the means, to which rarer
work (a weighing of gradients every 100 steps) belongs. `waiting` is the part of a step in which
the network waits for its batch. Peak memory is measured in two more processes, one for each kind of step.
"""

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.classifiers.devices import choose_device
from lsap_cli.classifiers.instrumented import InstrumentedClassifier
from lsap_cli.classifiers.resolve import load_classifier
from lsap_cli.datasets.listing import list_videos
from lsap_cli.datasets.store import FrameStore, StoredVideo
from lsap_cli.learning.batch_planning import BatchSettings
from lsap_cli.learning.batches import BatchSource
from lsap_cli.learning.problems import learned_delta_size, make_problem
from lsap_cli.learning.settings import FITTED_SAMPLERS
from lsap_cli.runs import Run
from lsap_cli.runs.memory import keep_memory
from lsap_cli.specs import build_attack, build_samplers
from perturbations import Budget, parse_binding, parse_epsilon
from perturbations.attacks import Attack
from perturbations.augment import Augmentation
from perturbations.learn import learn
from perturbations.objectives import Untargeted
from perturbations.problem import Batch
from perturbations.state import State

BUDGET = Budget("linf", parse_epsilon("8/255"))
WARM_SHARE = 5  # one round in this many is for warming up


def main() -> None:
    options = arguments()
    keep_memory()
    result = measure(options)
    if options.only:
        print(result["peak"])
        return
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
    parser.add_argument("--run", type=Path, default=Path(tempfile.gettempdir()) / f"lsap-step-overhead-{os.getpid()}")
    parser.add_argument("--only", choices=["step", "bare"], help=argparse.SUPPRESS)
    return parser.parse_args()


def measure(options: argparse.Namespace) -> dict[str, object]:
    """Takes steps of both kinds, or of the one that is asked for; gives the figures."""
    device = choose_device(options.device)
    classifier = load_classifier(options.model).to(device)
    whole: list[float] = []
    bare: list[float] = []
    waited: list[float] = []
    with FrameStore(classifier.geometry.shrink, 2**31, torch.get_num_threads()) as store:
        videos = list_videos(options.videos, classifier.labels).videos[: options.most_videos]
        stored = [one for _, one in store.load(videos) if isinstance(one, StoredVideo)]
        store_bytes = store.cost.memory_bytes
        attack = build_attack(options.attack)
        settings = batch_settings(classifier, stored, attack, options.batch, device)

        def draw(step: int) -> Batch:
            start = now(device)
            batch = source.draw(step)
            waited.append(now(device) - start)
            return batch

        with Run(options.run, "benchmark", {}, []) as run, BatchSource(settings) as source:
            network = InstrumentedClassifier(classifier)
            problem = make_problem(source, network, Untargeted(), BUDGET, options.batch, run)
            state = State(problem.zeros())
            steps = learn(replace(problem, draw=draw), attack, state, lambda now: now.steps / 10**6)
            for number in range(options.steps):
                if options.only != "bare":
                    whole.append(timed(lambda: next(steps), device))
                if options.only != "step":
                    frames = source.draw(number).frames.requires_grad_()
                    bare.append(timed(partial(forward_and_backward, classifier, frames), device))
    if options.only:
        return {"peak": peak_so_far(device)}
    warm = options.steps // WARM_SHARE
    about = {
        "model": classifier.name,
        "attack": options.attack,
        "device": str(device) if device.type == "cpu" else torch.cuda.get_device_name(device),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "platform": platform.platform(),
        "batch": options.batch,
        "frame_store_mb": round(store_bytes / 2**20),
    }
    return about | figures(whole[warm:], bare[warm:], waited[warm:])


def batch_settings(
    classifier: Classifier, videos: list[StoredVideo], attack: Attack, clips: int, device: torch.device
) -> BatchSettings:
    """As `lsap generate` draws them by default."""
    return BatchSettings(
        videos=videos,
        clean_predictions=torch.zeros(len(videos), 2, dtype=torch.long),
        samplers=list(build_samplers((classifier.sampler_spec, *FITTED_SAMPLERS)).values()),
        frames=classifier.frames,
        geometry=classifier.geometry,
        binding=parse_binding(attack.binding),
        delta_size=learned_delta_size(classifier.geometry),
        resize=attack.resize,
        budget=BUDGET,
        augmentation=Augmentation(),
        clips=clips,
        seed=0,
        device=device,
    )


def figures(whole: list[float], bare: list[float], waited: list[float]) -> dict[str, object]:
    """Of seconds, in the order of the rounds."""
    step, network = statistics.median(whole), statistics.median(bare)
    pairs = [one / other for one, other in zip(whole, bare, strict=True)]
    return {
        "step_seconds": round(step, 4),
        "bare_seconds": round(network, 4),
        "ratio": round(step / network, 3),
        "ratio_of_means": round(statistics.mean(whole) / statistics.mean(bare), 3),
        "ratio_of_pairs_quartiles": [round(one, 3) for one in statistics.quantiles(pairs, n=4)],
        "waiting_share": round(statistics.median(waited) / step, 4),
        "rounds": len(whole),
    }


def peak_so_far(device: torch.device) -> int:
    """Bytes: of the GPU where there is one, else of the process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated()
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


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
