"""Reasons not to believe a perturbation's figures yet, each with the figure behind it."""

from collections.abc import Iterator

from lsap_cli.evaluation.rates import mcnemar
from lsap_cli.evaluation.rows import NO_DEFENSE, Record
from lsap_cli.learning.schedule import Watch
from lsap_cli.learning.verification import Verification, pooled

SWALLOWED = 0.9  # share of fooled clips with one label
FEWEST_FOOLED = 5
CLEARLY = 0.05  # significance of perturbed against noise


def doubts(verification: Verification, attack: str, watch: Watch, targeted: bool) -> Iterator[str]:
    """Sentences for the user.

    Args:
        verification: with rows of `attack` and of the noise control.
        attack: name in the rows.
        watch: of its learning.
        targeted: then one label for all is what was asked for.
    """
    if watch.still_falling:
        before, last = watch.losses[-2:]
        yield (
            f"not converged: over the last part of the run the verification loss still fell from {before:.2f} to {last:.2f} "
            "logits, so more steps would change the result"
        )
    ours, noise = _changed(verification, attack), _changed(verification, "noise")
    share = _largest_share(verification, attack)
    if share is not None and not targeted:
        label, count, of = share
        if of >= FEWEST_FOOLED and count >= SWALLOWED * of:
            yield (
                f"one label, {label}, is what {count} of {of} fooled clips get: a detector of that label finds them, and "
                "videos that show it are not fooled"
            )
    if ours and len(ours) == len(noise):
        p = mcnemar(noise, ours)
        if sum(ours) <= sum(noise) or p is None or p > CLEARLY:
            rate, noise_rate = pooled(verification.rows, attack), pooled(verification.rows, "noise")
            assert rate is not None
            assert noise_rate is not None
            yield (
                f"no better than noise: {rate['count']} of {rate['of']} clips are fooled, by random noise of the same size "
                f"{noise_rate['count']}"
            )


def _of(verification: Verification, attack: str) -> list[Record]:
    return [one for one in verification.records if (one.attack, one.defense) == (attack, NO_DEFENSE)]


def _changed(verification: Verification, attack: str) -> list[bool]:
    ordered = sorted(_of(verification, attack), key=lambda one: (one.video, one.sampler))
    return [one.prediction != one.clean_prediction for one in ordered]


def _largest_share(verification: Verification, attack: str) -> tuple[str, int, int] | None:
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
