"""What `generate` ends with: rates on verification videos, at their own size, beside controls, for every sampler."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor

from defenses import Defense
from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.datasets.base import Video
from lsap_cli.datasets.selection import Skipped, skip
from lsap_cli.evaluation.matrix import EvaluationMatrix, MatrixJudge, judge_all
from lsap_cli.evaluation.protocol import EvaluationProtocol
from lsap_cli.evaluation.rates import Rate, rate_of
from lsap_cli.evaluation.rows import NO_ATTACK, NO_DEFENSE, Record, make_records, make_rows
from lsap_cli.evaluation.sources import AddedPerturbation, PerturbationSource, Unperturbed
from lsap_cli.runs import Run
from lsap_cli.video.reading import UnreadableVideo
from perturbations import Perturbation
from perturbations.controls import CONTROLS
from perturbations.samplers import Sampler
from perturbations.seeds import seeded

PERTURBED = "perturbed"


@dataclass(frozen=True)
class Drawn:
    """A random draw of another sampler, so that one video can be verified on several of its clips."""

    sampler: Sampler
    number: int

    def choose(self, times: Tensor, frames: int, views: int, generator: Generator) -> Tensor:
        drawing = seeded("drawn", self.number)
        return torch.stack([self.sampler.draw(times, frames, drawing) for _ in range(views)])

    def draw(self, times: Tensor, frames: int, generator: Generator) -> Tensor:
        return self.sampler.draw(times, frames, generator)


@dataclass(frozen=True)
class Verification:
    """Rows for perturbations, and how many videos they are of."""

    rows: list[dict[str, Any]]
    records: list[Record]
    videos: int


def verify(
    classifier: Classifier,
    perturbations: Mapping[str, Perturbation],
    videos: Sequence[Video],
    samplers: Mapping[str, Sampler],
    defenses: Mapping[str, Defense],
    seed: int,
    device: torch.device,
    batch: int,
    target: int | None,
    source: int | None,
    controls: Sequence[str],
    skipped: Skipped,
    run: Run,
) -> Verification:
    """Judges perturbations, and controls of the first one, on videos that they were not fitted on.

    Args:
        classifier: on its device.
        perturbations: by name; all of one binding.
        videos: verification videos.
        samplers: by spec.
        defenses: that learning looked through, beside none.
        seed: of samplers that draw, and of controls.
        device: where clips are classified.
        batch: clips at a time.
        target: class of a targeted attack.
        source: class that a discriminative attack is about.
        controls: names of controls to judge beside the perturbations.
        skipped: gets videos that cannot be read any more.
        run: is told of them.
    """
    first = next(iter(perturbations.values()))
    sources: dict[str, PerturbationSource] = {NO_ATTACK: Unperturbed()}
    sources |= {name: AddedPerturbation(make(first, seed)) for name, make in CONTROLS.items() if name in controls}
    sources |= {name: AddedPerturbation(one) for name, one in perturbations.items()}
    together = [dict(samplers)]
    if not first.binding.fits_a_video:
        run.event("warning", message=f"binding {first.binding} is for comparison only: no video can carry it")
        together = [{spec: sampler} for spec, sampler in samplers.items()]  # slots are counted in each clip by itself
    records: list[Record] = []
    for some in together:
        protocol = EvaluationProtocol(classifier, some, 1, seed, device, batch)
        judge = MatrixJudge(protocol, EvaluationMatrix(sources, {NO_DEFENSE: None, **defenses}))
        for video, outcome in judge_all(judge, videos):
            if isinstance(outcome, UnreadableVideo):
                skip(run, skipped, video, outcome)
            else:
                records += make_records(video, outcome)
    rows = make_rows(records, classifier.labels, target, source)
    return Verification(rows, records, len({record.video for record in records}))


def sampler_row(rows: Sequence[dict[str, Any]], attack: str, fitted: Sequence[str], targeted: bool) -> dict[str, Any]:
    """One row of the sampler matrix: a perturbation that was fitted through some samplers, judged through all.

    Returns:
        `fit`: specs; `rates`: by evaluation sampler; `gap`: the best rate over fitted samplers minus the worst over the
        others (None without others).
    """
    key = "success_rate" if targeted else "fooling_rate"
    rates: dict[str, Rate] = {
        row["sampler"]: row[key] for row in rows if (row["attack"], row["defense"]) == (attack, NO_DEFENSE) and row[key]
    }
    seen = [rate["value"] for spec, rate in rates.items() if spec in fitted]
    unseen = [rate["value"] for spec, rate in rates.items() if spec not in fitted]
    gap = max(seen) - min(unseen) if seen and unseen else None
    return {"attack": attack, "fit": list(fitted), "rates": rates, "gap": gap}


def pooled(rows: Sequence[dict[str, Any]], attack: str, key: str = "fooling_rate") -> Rate | None:
    """One attack's rate over all samplers, without a defense: clips counted together."""
    rates = [row[key] for row in rows if (row["attack"], row["defense"]) == (attack, NO_DEFENSE) and row[key]]
    return rate_of(sum(rate["count"] for rate in rates), sum(rate["of"] for rate in rates))
