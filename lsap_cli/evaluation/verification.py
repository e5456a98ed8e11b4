"""What `generate` ends with: perturbations judged on verification videos at their own size, beside controls."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import mean, stdev

from defenses import Defense
from lsap_cli.datasets.base import Video
from lsap_cli.datasets.selection import skip
from lsap_cli.evaluation.matrix import EvaluationMatrix, MatrixJudge, judge_all
from lsap_cli.evaluation.protocol import Evaluation
from lsap_cli.evaluation.records import make_records
from lsap_cli.evaluation.rows import make_rows
from lsap_cli.evaluation.sources import AddedPerturbation, PerturbationSource, Unperturbed
from lsap_cli.results.rates import Rate, mcnemar, rate_of
from lsap_cli.results.records import NO_ATTACK, NO_DEFENSE, NOISE, Record
from lsap_cli.results.rows import Row
from lsap_cli.results.spread import GeneratedSeeds
from lsap_cli.video.reading import UnreadableVideo
from perturbations import Perturbation
from perturbations.controls import CONTROLS

DOMINANT_SHARE = 0.9  # of fooled clips that get one label
FEWEST_FOOLED = 5
SIGNIFICANCE = 0.05  # of perturbed against noise


@dataclass(frozen=True)
class Verification:
    """Rows for perturbations, and how many videos they are of."""

    rows: list[Row]
    records: list[Record]
    videos: int


def verify_perturbations(
    evaluation: Evaluation,
    perturbations: Mapping[str, Perturbation],
    defenses: Mapping[str, Defense],
    videos: Sequence[Video],
    controls: Sequence[str],
) -> list[Record]:
    """Judges perturbations, and controls of the first one, on videos that they were not fitted on.

    Args:
        evaluation: its protocol's seed is also that of the controls.
        perturbations: by name; all of one binding.
        defenses: that learning looked through, beside none.
        videos: verification videos.
        controls: names of controls to judge beside the perturbations.
    """
    first = next(iter(perturbations.values()))
    protocol, run = evaluation.protocol, evaluation.run
    added = {name: make(first, protocol.seed) for name, make in CONTROLS.items() if name in controls} | {
        **perturbations
    }
    sources: dict[str, PerturbationSource] = {NO_ATTACK: Unperturbed()}
    sources |= {name: AddedPerturbation(one) for name, one in added.items()}
    matrix = EvaluationMatrix(sources, {NO_DEFENSE: None, **defenses})
    sampler_sets = [protocol.samplers]
    if not first.binding.fits_a_video:
        run.event("warning", message=f"binding {first.binding} is for comparison only: no video can carry it")
        sampler_sets = [{spec: one} for spec, one in protocol.samplers.items()]  # slots are counted in each clip
    records: list[Record] = []
    for samplers in sampler_sets:
        for video, outcome in judge_all(MatrixJudge(replace(protocol, samplers=samplers), matrix), videos):
            if isinstance(outcome, UnreadableVideo):
                skip(run, evaluation.skipped, video, outcome)
            else:
                records += make_records(video, outcome, protocol.classifier.labels)
    return records


def make_verification(records: Sequence[Record], target: int | None, source: int | None) -> Verification:
    """The records with their rows.

    Args:
        records: of all videos.
        target: class of a targeted attack.
        source: class that a discriminative attack is about.
    """
    rows = make_rows(records, target, source)
    return Verification(rows, list(records), len({record.video for record in records}))


def pooled(rows: Sequence[Row], attack: str, targeted: bool = False) -> Rate | None:
    """One attack's rate over all samplers, without a defense: clips counted together.

    Args:
        rows: of the verification.
        attack: its name in the rows.
        targeted: whether success is counted, not fooling.
    """
    mine = [row for row in rows if (row.attack, row.defense) == (attack, NO_DEFENSE)]
    rates = [rate for row in mine if (rate := row.success_rate if targeted else row.fooling_rate)]
    return rate_of(sum(rate.count for rate in rates), sum(rate.of for rate in rates))


def seed_rates(rows: Sequence[Row], names: Mapping[int, str], targeted: bool) -> GeneratedSeeds:
    """Rates of perturbations that differ in their seed alone, and their spread.

    Args:
        rows: of the verification.
        names: of the perturbations in the rows, by seed.
        targeted: whether success is counted, not fooling.
    """
    rates = {str(seed): pooled(rows, name, targeted) for seed, name in names.items()}
    values = [rate.value for rate in rates.values() if rate]
    return GeneratedSeeds(
        rates=rates,
        mean=mean(values) if values else None,
        standard_deviation=stdev(values) if len(values) > 1 else None,
    )


def verification_warnings(verification: Verification, attack: str, targeted: bool) -> Iterator[str]:
    """Reasons not to believe a perturbation's figures yet, each with the figure behind it.

    Args:
        verification: with rows of `attack` and of the noise control.
        attack: name in the rows.
        targeted: then one label for all is what was asked for.
    """
    share = _dominant_label(verification, attack)
    if share is not None and not targeted:
        label, count, of = share
        if of >= FEWEST_FOOLED and count >= DOMINANT_SHARE * of:
            yield (
                f"one label, {label}, is what {count} of {of} fooled clips get: a detector of that label finds them, and "
                "videos that show it are not fooled"
            )
    changed, by_noise = _changed(verification, attack), _changed(verification, NOISE)
    if changed and len(changed) == len(by_noise):
        p = mcnemar(by_noise, changed)
        if sum(changed) <= sum(by_noise) or p is None or p > SIGNIFICANCE:
            rate, noise_rate = pooled(verification.rows, attack), pooled(verification.rows, NOISE)
            assert rate is not None
            assert noise_rate is not None
            yield (
                f"no better than noise: {rate.count} of {rate.of} clips are fooled, by random noise of the same size "
                f"{noise_rate.count}"
            )


def _changed(verification: Verification, attack: str) -> list[bool]:
    undefended = [one for one in verification.records if (one.attack, one.defense) == (attack, NO_DEFENSE)]
    ordered = sorted(undefended, key=lambda one: (one.video, one.sampler))
    return [one.changed for one in ordered]


def _dominant_label(verification: Verification, attack: str) -> tuple[str, int, int] | None:
    """The label that most fooled clips get through some sampler: (label, fooled clips with it, fooled clips)."""
    labels = [
        row.dominant_label
        for row in verification.rows
        if (row.attack, row.defense) == (attack, NO_DEFENSE) and row.dominant_label
    ]
    if not labels:
        return None
    first = max(labels, key=lambda one: one.share.count)
    same = [one.share for one in labels if one.label == first.label]
    return first.label, sum(one.count for one in same), sum(one.share.of for one in labels)
