"""Small things that several jobs need: the device, the samplers, videos with their hashes."""

import difflib
from collections.abc import Sequence
from pathlib import Path

import torch

from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.datasets.listing import Listing, Video, list_videos, slug
from lsap_cli.errors import LsapError
from lsap_cli.runs import Run
from lsap_cli.specs import build
from perturbations.samplers import SAMPLERS, Sampler

Skipped = list[dict[str, str]]


def choose_device(text: str) -> torch.device:
    """`auto`, `cpu`, `cuda` or `cuda:N` as a device that is there.

    Raises:
        LsapError: if it is not.
    """
    if text == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if text == "cpu":
        return torch.device("cpu")
    kind, _, number = text.partition(":")
    if kind != "cuda" or (number and not number.isdigit()):
        raise LsapError(f"--device {text} is unknown; use auto, cpu, cuda or cuda:N")
    if not torch.cuda.is_available():
        raise LsapError(f"--device {text}: torch finds no CUDA device here; use --device cpu")
    if int(number or 0) >= torch.cuda.device_count():
        raise LsapError(f"--device {text}: there are {torch.cuda.device_count()} CUDA devices, numbered from 0")
    return torch.device(text)


def build_samplers(specs: Sequence[str]) -> dict[str, Sampler]:
    """Samplers by their spec as it was written, in order; equal ones once."""
    samplers: dict[str, Sampler] = {}
    for spec in specs:
        sampler = build(spec, SAMPLERS, "sampler")
        if sampler not in samplers.values():
            samplers[spec] = sampler
    return samplers


def listed(source: Path, classifier: Classifier, run: Run) -> Listing:
    """The videos of a set; remarks on it become warnings."""
    listing = list_videos(source, classifier.labels)
    for remark in listing.remarks:
        run.event("warning", message=remark)
    return listing


def skip(run: Run, skipped: Skipped, video: Video, reason: object) -> None:
    """Names a video that is left out, and why."""
    skipped.append({"path": video.name, "reason": str(reason)})
    run.event("skipped", path=video.name, file=str(video.path), reason=str(reason))


def class_number(text: str, classifier: Classifier, flag: str) -> int:
    """The class that a label names, by its name or its slug.

    Raises:
        LsapError: if there is none.
    """
    numbers = {slug(label): number for number, label in enumerate(classifier.labels)}
    if slug(text) in numbers:
        return numbers[slug(text)]
    close = difflib.get_close_matches(slug(text), numbers, n=3, cutoff=0.4)
    hint = f"; did you mean {', '.join(classifier.labels[numbers[name]] for name in close)}?" if close else ""
    raise LsapError(f"{flag} '{text}' is no label of {classifier.name}{hint or '; see lsap models show'}")
