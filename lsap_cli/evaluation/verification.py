"""What `generate` ends with: perturbations judged on verification videos at their own size, beside controls."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import mean, stdev
from typing import Any

from defenses import Defense
from lsap_cli.datasets.base import Video
from lsap_cli.datasets.selection import skip
from lsap_cli.evaluation.matrix import EvaluationMatrix, MatrixJudge, judge_all
from lsap_cli.evaluation.protocol import Evaluation
from lsap_cli.evaluation.rates import Rate, mcnemar, rate_of
from lsap_cli.evaluation.rows import NO_ATTACK, NO_DEFENSE, Record, make_records, make_rows
from lsap_cli.evaluation.sources import AddedPerturbation, PerturbationSource, Unperturbed
from lsap_cli.video.reading import UnreadableVideo
from perturbations import Perturbation
from perturbations.controls import CONTROLS

DOMINANT_SHARE = 0.9  # of fooled clips that get one label
FEWEST_FOOLED = 5
SIGNIFICANCE = 0.05  # of perturbed against noise


@dataclass(frozen=True)
class Verification:
    """Rows for perturbations, and how many videos they are of."""

    rows: list[dict[str, Any]]
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
                records += make_records(video, outcome)
    return records


def make_verification(
    records: Sequence[Record], labels: Sequence[str], target: int | None, source: int | None
) -> Verification:
    """The records with their rows.

    Args:
        records: of all videos.
        labels: the classes.
        target: class of a targeted attack.
        source: class that a discriminative attack is about.
    """
    rows = make_rows(records, labels, target, source)
    return Verification(rows, list(records), len({record.video for record in records}))


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


def seed_rates(rows: Sequence[dict[str, Any]], names: Mapping[int, str], targeted: bool) -> dict[str, Any]:
    """Rates of perturbations that differ in their seed alone, and their spread.

    Args:
        rows: of the verification.
        names: of the perturbations in the rows, by seed.
        targeted: whether success is counted, not fooling.
    """
    key = "success_rate" if targeted else "fooling_rate"
    rates = {str(seed): pooled(rows, name, key) for seed, name in names.items()}
    values = [rate["value"] for rate in rates.values() if rate]
    return {
        "rates": rates,
        "mean": mean(values) if values else None,
        "standard_deviation": stdev(values) if len(values) > 1 else None,
    }


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
    changed, by_noise = _changed(verification, attack), _changed(verification, "noise")
    if changed and len(changed) == len(by_noise):
        p = mcnemar(by_noise, changed)
        if sum(changed) <= sum(by_noise) or p is None or p > SIGNIFICANCE:
            rate, noise_rate = pooled(verification.rows, attack), pooled(verification.rows, "noise")
            assert rate is not None
            assert noise_rate is not None
            yield (
                f"no better than noise: {rate['count']} of {rate['of']} clips are fooled, by random noise of the same size "
                f"{noise_rate['count']}"
            )


def _changed(verification: Verification, attack: str) -> list[bool]:
    undefended = [one for one in verification.records if (one.attack, one.defense) == (attack, NO_DEFENSE)]
    ordered = sorted(undefended, key=lambda one: (one.video, one.sampler))
    return [one.prediction != one.clean_prediction for one in ordered]


def _dominant_label(verification: Verification, attack: str) -> tuple[str, int, int] | None:
    """The label that most fooled clips get through some sampler: (label, fooled clips with it, fooled clips)."""
    rows = [
        row["dominant_label"]
        for row in verification.rows
        if (row["attack"], row["defense"]) == (attack, NO_DEFENSE) and row["dominant_label"]
    ]
    if not rows:
        return None
    first = max(rows, key=lambda one: int(one["share"]["count"]))
    same = [one["share"] for one in rows if one["label"] == first["label"]]
    return first["label"], sum(one["count"] for one in same), sum(one["share"]["of"] for one in rows)
