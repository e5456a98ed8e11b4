"""`lsap models check`: load a classifier and test what an attack on it relies on."""

import resource
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.datasets.base import Video
from lsap_cli.datasets.selection import Skipped, skip, videos_of_run
from lsap_cli.datasets.store import FrameStore
from lsap_cli.errors import LsapError
from lsap_cli.evaluation.rates import rate
from lsap_cli.runs import Run
from lsap_cli.video.reading import UnreadableVideo

Verdict = Literal["PASS", "WARN", "FAIL"]
CLIPS = 2
TIMED = 4


@dataclass(frozen=True)
class Finding:
    """One test: its verdict, and the figure behind it."""

    verdict: Verdict
    test: str
    figure: str


def findings(classifier: Classifier, device: torch.device, seed: int) -> Iterator[Finding]:
    """Tests on random clips: they need no video. Later ones are left out when an earlier one fails."""
    shape = (CLIPS, classifier.frames, 3, *classifier.geometry.size)
    clips = _smooth_clips(shape, seed).to(device)
    try:
        logits, gradient = _gradient(classifier, clips)
    except LsapError as error:
        yield Finding("FAIL", "output", str(error))
        return
    except Exception as error:  # a stranger's network can raise anything; its words are the finding
        yield Finding(
            "FAIL", "output", f"the network failed on clips of shape {shape}: {type(error).__name__}: {error}"
        )
        return
    finite = bool(logits.isfinite().all())
    yield Finding(
        "PASS" if finite else "FAIL",
        "output",
        f"{tuple(logits.shape)} for {CLIPS} clips, {'finite' if finite else 'not finite'}",
    )
    yield _gradient_finding(gradient)
    yield _determinism(classifier, clips, logits)
    yield _probabilities(classifier, logits)
    yield _sensitivity(classifier, logits, "channel order", "with red and blue exchanged", clips.flip(2))
    yield _sensitivity(classifier, logits, "scale", "with pixels 255 times smaller", clips / 255)
    yield _speed(classifier, clips)


def accuracy(classifier: Classifier, videos: list[Video], device: torch.device, run: Run) -> dict[str, Any]:
    """Top-1 and top-5 on labelled videos with the classifier's own protocol."""
    hits: list[tuple[bool, bool]] = []
    skipped: Skipped = []
    swapped_hits: list[bool] = []
    generator = torch.Generator().manual_seed(0)
    with FrameStore(classifier.geometry.shrink, 2**30, max(1, torch.get_num_threads())) as store:
        for video, stored in store.load(videos):
            if isinstance(stored, UnreadableVideo):
                skip(run, skipped, video, stored)
                continue
            run.event("video", path=video.name)
            if not video.labels:
                continue
            indices = classifier.sampler.choose(stored.times, classifier.frames, classifier.views, generator)
            clips = (
                torch.stack([classifier.geometry.crop(stored.clip(view)) for view in indices]).to(device).float() / 255
            )
            best = _ranked(classifier, clips)
            hits.append((best[0] in video.labels, bool(set(best[:5]) & set(video.labels))))
            swapped_hits.append(_ranked(classifier, clips.flip(2))[0] in video.labels)
    return {
        "top1": rate([first for first, _ in hits]),
        "top5": rate([any_of_five for _, any_of_five in hits]),
        "top1_red_and_blue_exchanged": rate(swapped_hits),
        "protocol": protocol(classifier),
        "skipped": skipped,
    }


def protocol(classifier: Classifier) -> str:
    """How videos become clips, in words."""
    views = "1 clip" if classifier.views == 1 else f"{classifier.views} clips, probabilities averaged"
    geometry = classifier.geometry
    return (
        f"{classifier.frames} frames by {classifier.sampler_spec}, {views}; "
        f"resize {geometry.resize}, center crop {geometry.size[0]} x {geometry.size[1]}"
    )


def description(classifier: Classifier) -> dict[str, Any]:
    """What a classifier is, for `lsap models show`."""
    expects, geometry = classifier.expects, classifier.geometry
    return {
        "name": classifier.name,
        "takes": f"{expects.layout} {expects.channels}, {expects.frames} frames of {geometry.size[0]} x {geometry.size[1]}, scale {expects.scale:g}",
        "mean": list(map(str, expects.mean)),
        "std": list(map(str, expects.std)),
        "protocol": protocol(classifier),
        "gives": classifier.gives.kind + (f" in {classifier.gives.pick}" if classifier.gives.pick else ""),
        "parameters": f"{sum(parameter.numel() for parameter in classifier.network.parameters()):,}",
        "source": ", ".join(f"{key} {value}" for key, value in classifier.source.items()),
        "classes": classifier.labels,
    }


def check(classifier: Classifier, videos: Path | None, device: torch.device, seed: int, run: Run) -> dict[str, Any]:
    """All findings, and with videos the accuracy: a JSON document."""
    run.event("stage", name="testing the network")
    found = list(findings(classifier, device, seed))
    document: dict[str, Any] = {
        "schema": "lsap.check/1",
        "model": classifier.name,
        "findings": [asdict(one) for one in found],
    }
    if videos is not None and all(one.verdict != "FAIL" for one in found):
        listing = videos_of_run(videos, classifier, run).videos
        run.event("stage", name="classifying", videos=len(listing))
        document["accuracy"] = accuracy(classifier, listing, device, run)
        exchanged, own = document["accuracy"]["top1_red_and_blue_exchanged"], document["accuracy"]["top1"]
        if own is not None and exchanged["count"] > own["count"]:
            found.append(
                Finding(
                    "WARN",
                    "channel order",
                    f"{exchanged['count']} of {own['of']} right with red and blue exchanged, {own['count']} as the card says",
                )
            )
            document["findings"] = [asdict(one) for one in found]
    run.write_json("results.json", document)
    return document


def _smooth_clips(shape: tuple[int, ...], seed: int) -> Tensor:
    """Random clips with some structure: noise at an eighth of the size, enlarged; values in [0, 1]."""
    generator = torch.Generator().manual_seed(seed)
    batch, frames, channels, height, width = shape
    small = torch.rand(batch * frames, channels, -(-height // 8), -(-width // 8), generator=generator)
    large = torch.nn.functional.interpolate(small, size=(height, width), mode="bilinear", align_corners=False)
    return large.clamp(0, 1).view(batch, frames, channels, height, width)


def _gradient(classifier: Classifier, clips: Tensor) -> tuple[Tensor, Tensor]:
    leaf = clips.clone().requires_grad_()
    logits = classifier.score(leaf)
    if not logits.requires_grad:
        return logits, torch.zeros_like(clips)
    (gradient,) = torch.autograd.grad(logits.max(1).values.sum(), leaf)
    return logits.detach(), gradient


def _gradient_finding(gradient: Tensor) -> Finding:
    if not bool(gradient.isfinite().all()):
        return Finding("FAIL", "gradient", "holds values that are not finite: an attack cannot follow it")
    per_frame = gradient.abs().amax((0, 2, 3, 4))
    silent = int((per_frame == 0).sum())
    if silent == len(per_frame):
        return Finding(
            "FAIL", "gradient", "is zero everywhere: the output does not depend on the pixels, or the path is cut"
        )
    share = float((gradient != 0).float().mean())
    figure = f"mean |gradient| {float(gradient.abs().mean()):.2e}, {share:.0%} of pixels reach the output"
    return Finding(
        "WARN" if silent else "PASS", "gradient", figure + (f"; {silent} frames have none" if silent else "")
    )


def _determinism(classifier: Classifier, clips: Tensor, logits: Tensor) -> Finding:
    with torch.no_grad():
        difference = float((classifier.score(clips) - logits).abs().max())
    verdict: Verdict = "PASS" if difference < 1e-4 else "WARN"
    return Finding(verdict, "determinism", f"the same clips twice differ by {difference:.1e} in logits")


def _probabilities(classifier: Classifier, logits: Tensor) -> Finding:
    if classifier.gives.kind == "probabilities":
        sums = logits.exp().sum(1)
        off = float((sums - 1).abs().max())
        return Finding("PASS" if off < 1e-2 else "WARN", "probabilities", f"rows sum to 1 within {off:.1e}")
    looks_like = bool((logits >= 0).all()) and float((logits.sum(1) - 1).abs().max()) < 1e-3
    if looks_like:
        return Finding(
            "WARN",
            "logits",
            'rows are positive and sum to 1: these are probabilities; write kind = "probabilities" in [output]',
        )
    return Finding("PASS", "logits", f"from {float(logits.min()):.2f} to {float(logits.max()):.2f}, no probabilities")


def _sensitivity(classifier: Classifier, logits: Tensor, test: str, how: str, changed: Tensor) -> Finding:
    """A network that does not notice a wrong channel order or scale hides a mistake in its card."""
    with torch.no_grad():
        moved = float((classifier.score(changed) - logits).abs().max())
    spread = float(logits.std(1).mean())
    share = moved / spread if spread else 0.0
    return Finding("PASS" if share > 0.05 else "WARN", test, f"{how}, logits move by {share:.2f} of their spread")


def _speed(classifier: Classifier, clips: Tensor) -> Finding:
    start = time.perf_counter()
    for _ in range(TIMED):
        _gradient(classifier, clips)
    if clips.is_cuda:
        torch.cuda.synchronize()
    pace = TIMED * CLIPS / (time.perf_counter() - start)
    if clips.is_cuda:
        memory = torch.cuda.max_memory_allocated() / 2**20
    else:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        memory = peak / 2**20 if sys.platform == "darwin" else peak / 2**10
    return Finding("PASS", "speed", f"{pace:.1f} clips/s forward and backward, peak memory {memory:.0f} MB")


def _ranked(classifier: Classifier, clips: Tensor) -> list[int]:
    """Classes of one video, best first, by the mean of its views' probabilities."""
    with torch.inference_mode():
        order: list[int] = classifier.score(clips).softmax(1).mean(0).argsort(descending=True).tolist()
    return order
