"""Tests of a network on random clips: what an attack on it relies on."""

import resource
import sys
import time
from collections.abc import Iterator
from typing import Literal

import torch
from torch import Tensor

from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.classifiers.configured_input import configuration_differences
from lsap_cli.classifiers.weights import error_text
from lsap_cli.errors import LsapError
from lsap_cli.results.documents import ModelFinding
from lsap_cli.results.event_words import pace_text
from lsap_cli.results.events import NoteEvent, WarningEvent
from lsap_cli.runs import Run

Verdict = Literal["PASS", "WARN", "FAIL"]
CLIPS = 2
ROUNDING = 1e-2  # by which the sums of probabilities may be off
TIMED = 4  # batches
LONGEST_TIMED = 5.0  # seconds, after which no further batch is timed


def note_queries(classifier: Classifier, run: Run) -> None:
    """Says how much a black box was asked in all, where it counts that."""
    text = getattr(classifier.network, "queries_note", "")
    if text:
        run.event(NoteEvent(message=text))


def network_findings(classifier: Classifier, device: torch.device, seed: int) -> Iterator[ModelFinding]:
    """Tests on random clips: they need no video. Later ones are left out when an earlier one fails."""
    shape = (CLIPS, classifier.frames, 3, *classifier.geometry.size)
    clips = _smooth_clips(shape, seed).to(device)
    try:
        logits, gradient = _gradient(classifier, clips)
    except LsapError as error:
        yield _finding("FAIL", "output", str(error))
        return
    except Exception as error:  # its backward pass can raise anything; its words are the finding
        text = f"the network failed where its gradient was taken: {type(error).__name__}: {error_text(error)}"
        yield _finding("FAIL", "output", text)
        return
    yield from _configuration(classifier)
    finite = bool(logits.isfinite().all())
    yield _finding(
        "PASS" if finite else "FAIL",
        "output",
        f"{tuple(logits.shape)} for {CLIPS} clips, {'finite' if finite else 'not finite'}",
    )
    yield (
        _gradient_finding(gradient)
        if classifier.gives_gradients
        else _finding(
            "WARN", "gradient", "there is none, only scores: defend judges it, --attack u3d and random-search attack it"
        )
    )
    yield _determinism(classifier, clips, logits)
    yield _output_kind(classifier, logits)
    yield _sensitivity(classifier, logits, "channel order", "with red and blue exchanged", clips.flip(2))
    yield _sensitivity(classifier, logits, "scale", "with pixels 255 times smaller", clips / 255)
    yield _finding("PASS", "range", f"black to white reaches the network as {describe_range(classifier)}")
    yield _float_path(classifier, seed)
    yield _speed(classifier, clips)


def warn_of_wrong_card(classifier: Classifier, device: torch.device, seed: int, run: Run) -> None:
    """Warns where the network's output is not of the declared kind, or its configuration names another input.

    Args:
        classifier: on its device.
        device: of the classifier.
        seed: of the random clips that it is tried on.
        run: gets the warning.
    """
    shape = (CLIPS, classifier.frames, 3, *classifier.geometry.size)
    with torch.inference_mode():
        logits = classifier.score(_smooth_clips(shape, seed).to(device))
    for finding in (_output_kind(classifier, logits), *_configuration(classifier)):
        if finding.verdict != "PASS":
            run.event(WarningEvent(message=f"{classifier.name}: {finding.figure}"))


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
    scores = logits[:, 1] if classifier.gives.one_output else logits.max(1).values  # the other one is a constant 0
    (gradient,) = torch.autograd.grad(scores.sum(), leaf)
    return logits.detach(), gradient


def _gradient_finding(gradient: Tensor) -> ModelFinding:
    if not bool(gradient.isfinite().all()):
        return _finding("FAIL", "gradient", "holds values that are not finite: an attack cannot follow it")
    per_frame = gradient.abs().amax((0, 2, 3, 4))
    silent = int((per_frame == 0).sum())
    if silent == len(per_frame):
        return _finding(
            "FAIL", "gradient", "is zero everywhere: the output does not depend on the pixels, or the path is cut"
        )
    share = float((gradient != 0).float().mean())
    figure = f"mean |gradient| {float(gradient.abs().mean()):.2e}, {share:.0%} of pixels reach the output"
    return _finding(
        "WARN" if silent else "PASS", "gradient", figure + (f"; {silent} frames have none" if silent else "")
    )


def _determinism(classifier: Classifier, clips: Tensor, logits: Tensor) -> ModelFinding:
    with torch.no_grad():
        difference = float((classifier.score(clips) - logits).abs().max())
    verdict: Verdict = "PASS" if difference < 1e-4 else "WARN"
    return _finding(verdict, "determinism", f"the same clips twice differ by {difference:.1e} in logits")


def _output_kind(classifier: Classifier, logits: Tensor) -> ModelFinding:
    """Whether the output is what the card declares: logits or probabilities."""
    if classifier.gives.kind == "logit":
        numbers = logits[:, 1]
        return _finding(
            "PASS", "logit", f"one number a clip, from {float(numbers.min()):.2f} to {float(numbers.max()):.2f}"
        )
    if classifier.gives.kind != "logits":
        sums = logits.exp().sum(1)
        off = float((sums - 1).abs().max())
        if off < ROUNDING:
            return _finding("PASS", "probabilities", f"rows sum to 1 within {off:.1e}")
        other = "logit" if classifier.gives.one_output else "logits"
        figure = f'rows are off 1 by {off:.1e}: these are no probabilities; write kind = "{other}" in [output]'
        return _finding("WARN", "probabilities", figure)
    if bool((logits >= 0).all()) and float((logits.sum(1) - 1).abs().max()) < ROUNDING / 10:
        figure = 'rows are positive and sum to 1: these are probabilities; write kind = "probabilities" in [output]'
        return _finding("WARN", "logits", figure)
    return _finding("PASS", "logits", f"from {float(logits.min()):.2f} to {float(logits.max()):.2f}, no probabilities")


def _configuration(classifier: Classifier) -> Iterator[ModelFinding]:
    """Whether the card's clips are those of the network's own configuration; nothing where it has none."""
    differences = configuration_differences(classifier.network, classifier.frames, classifier.geometry.size)
    if differences:
        yield _finding("WARN", "configuration", f"{'; '.join(differences)}: check frames and size in [input]")
    elif differences is not None:
        yield _finding("PASS", "configuration", "the network's own names the same frames and size")


def _sensitivity(classifier: Classifier, logits: Tensor, test: str, how: str, changed: Tensor) -> ModelFinding:
    """A network that does not notice a wrong channel order or scale hides a mistake in its card."""
    with torch.no_grad():
        moved = float((classifier.score(changed) - logits).abs().max())
    spread = float(logits.std(1).mean())
    share = moved / spread if spread else 0.0
    return _finding("PASS" if share > 0.05 else "WARN", test, f"{how}, logits move by {share:.2f} of their spread")


def describe_range(classifier: Classifier) -> str:
    """What reaches the network for black and for white pixels, channel by channel."""
    expects = classifier.expects
    ends = [
        [(level * expects.scale - mean) / std for mean, std in zip(expects.mean, expects.std, strict=False)]
        for level in (0, 1)
    ]
    spans = dict.fromkeys(f"{black:.3g} to {white:.3g}" for black, white in zip(*ends, strict=True))
    return ", ".join(spans)


def _float_path(classifier: Classifier, seed: int) -> ModelFinding:
    """By how much the resize of floats, which attacks follow, differs from that of bytes, which is judged."""
    geometry = classifier.geometry
    height, width = (2 * side + 1 for side in geometry.size)
    frames = (_smooth_clips((1, 2, 3, height, width), seed)[0] * 255).round().byte()
    levels = geometry.crop(geometry.shrink(frames)).float() / 255
    off = (geometry.crop(geometry.shrink(frames.float() / 255)) - levels).abs() * 255
    figure = f"of floats, which attacks follow, is up to {float(off.max()):.2f} levels off that of bytes"
    return _finding("PASS" if float(off.max()) <= 1 else "WARN", "resize", f"{figure} (mean {float(off.mean()):.2f})")


def _speed(classifier: Classifier, clips: Tensor) -> ModelFinding:
    start, done = time.perf_counter(), 0
    while done < TIMED and (done == 0 or time.perf_counter() - start < LONGEST_TIMED):
        _gradient(classifier, clips)
        done += 1
        if clips.is_cuda:
            torch.cuda.synchronize()
    pace = done * CLIPS / (time.perf_counter() - start)
    if clips.is_cuda:
        memory = torch.cuda.max_memory_allocated() / 2**20
    else:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        memory = peak / 2**20 if sys.platform == "darwin" else peak / 2**10
    way = "forward and backward" if classifier.gives_gradients else "forward"
    return _finding("PASS", "speed", f"{pace_text(pace)} {way}, peak memory {memory:.0f} MB")


def _finding(verdict: Verdict, test: str, figure: str) -> ModelFinding:
    return ModelFinding(verdict=verdict, test=test, figure=figure)
