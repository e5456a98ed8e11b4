"""Certificates of randomized smoothing, video by video: in all pixels, and in the few dimensions of a flicker."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch
from torch import Tensor

from defenses.certify import AllPixels, Certificate, Flicker, Smoothing, Space
from lsap_cli.datasets.listing import Video
from lsap_cli.evaluation.protocol import Judge
from lsap_cli.evaluation.rates import rate
from lsap_cli.runs import Run
from lsap_cli.video.reading import read_footage, read_some_frames
from perturbations.seeds import seeded

FIRST = 100  # noisy copies that choose the label


@dataclass(frozen=True)
class Certified:
    """One video's certificate."""

    video: str
    labels: tuple[int, ...]
    certificate: Certificate

    @property
    def right(self) -> bool:
        return self.certificate.label in self.labels


def certify(
    judge: Judge, videos: Sequence[Video], sigma: float, samples: int, slots: int, epsilon: float, run: Run
) -> list[dict[str, Any]]:
    """What randomized smoothing promises for clean videos, with the first sampler's first clip.

    Args:
        judge: classifier and samplers.
        videos: that were judged.
        sigma: of the noise, along each coordinate, in pixel units.
        samples: noisy copies of a clip.
        slots: of the flicker.
        epsilon: linf budget that the certificates are held against.
        run: its folder gets certificates.jsonl.

    Returns:
        One entry a space: rates over labelled videos (all, without labels), and whether it is vacuous at this budget.
    """
    spaces: dict[str, tuple[str, Space]] = {
        "all pixels": ("any pattern", AllPixels()),
        f"flicker:{slots}": (f"any flicker (one color offset for each of {slots} slots)", Flicker(slots)),
    }
    run.event("stage", name="certifying", videos=len(videos) * len(spaces))
    found = []
    with (run.folder / "certificates.jsonl").open("w", encoding="utf-8") as lines:
        for name, (against, space) in spaces.items():
            smoothing = Smoothing(sigma, space, FIRST, samples, batch=judge.batch)
            certified = []
            for one in _certify(judge, videos, smoothing, name, epsilon):
                certified.append(one)
                lines.write(json.dumps(_line(one, name, judge.classifier.labels)) + "\n")
                run.event("video", path=one.video)
            found.append(_summary(certified, smoothing, name, against, epsilon))
    return found


def _certify(
    judge: Judge, videos: Sequence[Video], smoothing: Smoothing, name: str, epsilon: float
) -> Iterator[Certified]:
    sampler = next(iter(judge.samplers.values()))

    def classify(clips: Tensor) -> Tensor:
        with torch.inference_mode():
            return judge.classifier.score(clips.to(judge.device)).argmax(1)

    for video in videos:
        footage = read_footage(video.path)
        indices = judge.choose(video, sampler, footage.times)[0]
        wanted = indices.unique()
        geometry = judge.classifier.geometry
        small = geometry.crop(geometry.shrink(read_some_frames(video.path, wanted)))
        clip = small[torch.searchsorted(wanted, indices)].float() / 255
        generator = seeded(judge.seed, "certificate", name, video.name)
        yield Certified(video.name, video.labels, smoothing.certify(classify, clip, epsilon, generator))


def _line(one: Certified, space: str, names: Sequence[str]) -> dict[str, Any]:
    label = one.certificate.label
    return {
        "video": one.video,
        "space": space,
        "prediction": None if label is None else names[label],
        "correct": one.right if one.labels else None,
        "radius": one.certificate.radius,
        "needed": one.certificate.needed,
        "lower": one.certificate.lower,
        "covers_budget": one.certificate.covers,
    }


def _summary(
    certified: Sequence[Certified], smoothing: Smoothing, name: str, against: str, epsilon: float
) -> dict[str, Any]:
    labelled = [one for one in certified if one.labels]
    counted = labelled or certified
    needed = max(one.certificate.needed for one in certified)
    largest = max(0.0, smoothing.largest_radius())
    vacuous = largest < needed
    covered = [one.certificate.covers and (one.right or not labelled) for one in counted]
    levels = round(epsilon * 255, 2)
    if vacuous:
        sentence = (
            f"Vacuous at this budget: {against} of {levels:g}/255 can have an l2 norm of {needed:.2f}, and with "
            f"{smoothing.samples} samples no more than {largest:.2f} can be certified, whatever the model."
        )
    else:
        right = " and right" if labelled else ""
        sentence = (
            f"Against {against} of {levels:g}/255 the smoothed model is certain{right} for {sum(covered)} of {len(counted)} "
            f"videos (radius {needed:.3f} needed, at most {largest:.3f} possible)."
        )
    return {
        "space": name,
        "sigma": smoothing.sigma,
        "samples": smoothing.samples,
        "alpha": smoothing.alpha,
        "epsilon": epsilon,
        "needed_radius": needed,
        "largest_possible_radius": largest,
        "median_radius": median(one.certificate.radius for one in certified),
        "vacuous": vacuous,
        "accuracy": rate([one.right for one in labelled]),
        "abstained": rate([one.certificate.label is None for one in counted]),
        "certified_at_budget": rate(covered),
        "sentence": sentence,
    }
