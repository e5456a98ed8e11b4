"""Reasons to believe a defense's figures, or not: each check is PASS or WARN with the figure behind it.

After the checklist of Carlini et al., "On Evaluating Adversarial Robustness", 2019, and the flags of AutoAttack.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, TypedDict

from lsap_cli.evaluation.rates import Rate, rate_of

SLACK = 0.05  # share of videos that two attackers may differ by and still count as equally strong
OWN_CHANGES = 0.5  # share of clean predictions that a defense may change by itself
ROUNDING = 1e-3  # by which a defense may leave [0, 1]

Row = Mapping[str, Any]


class Check(TypedDict):
    """One finding."""

    defense: str
    name: str
    status: str
    figure: str
    sentence: str


@dataclass(frozen=True)
class Evidence:
    """What is known of one defense, with one sampler.

    Attributes:
        defense: its spec.
        classes: of the classifier.
        clean: the row without an attack.
        noise: the row of the noise control; None where there was none.
        transfer: rows of attacks that do not know the defense (A0).
        iterative: rows of the attackers who use a gradient (A1 to A4).
        single_step: row of a single step; None where there was none.
        base: row of the attacker whose companions single step and doubled are.
        doubled: row of twice its steps.
        search: row of the attacker without a gradient (A5).
        expectations: rows by rising number of draws (A3).
        curve: (epsilon, row) by rising epsilon.
        without_gradient: batches in which no gradient came through, of `batches`; None where no gradient was tried.
        batches: that were tried.
        along: logits by which a step along the gradient lowers the margin.
        by_chance: the same for a step along random signs.
        low: smallest value that the defense gave.
        high: largest.
        shape_kept: whether it kept number and size of frames, and gave finite numbers.
    """

    defense: str
    classes: int
    clean: Row
    noise: Row | None = None
    transfer: Sequence[Row] = ()
    iterative: Sequence[Row] = ()
    single_step: Row | None = None
    base: Row | None = None
    doubled: Row | None = None
    search: Row | None = None
    expectations: Sequence[tuple[int, Row]] = ()
    curve: Sequence[tuple[str, Row]] = field(default_factory=tuple)
    without_gradient: int | None = None
    batches: int = 0
    along: float = 0.0
    by_chance: float = 0.0
    low: float = 0.0
    high: float = 1.0
    shape_kept: bool = True


def checks(evidence: Evidence) -> list[Check]:
    """All checks that the evidence allows."""
    return [
        {"defense": evidence.defense, "name": name, "status": "PASS" if good else "WARN", "figure": figure,
         "sentence": sentence}
        for check in CHECKS
        for good, name, figure, sentence in check(evidence)
    ]  # fmt: skip


def disjoint(fit: int, evaluated: int, shared: Sequence[str]) -> Check:
    """Law 5: whether videos that are judged were learned from."""
    return {
        "defense": "all",
        "name": "fit and evaluation videos are disjoint",
        "status": "WARN" if shared else "PASS",
        "figure": f"{len(shared)} of {evaluated} videos are among the {fit} that were learned from",
        "sentence": "By content and by recording; a pattern fits the videos that it has seen.",
    }


def detector_checks(
    detector: str, blind: Sequence[Row], gradient: Sequence[Row], search: Sequence[Row], noise: Sequence[Row]
) -> list[Check]:
    """Whether the attackers who know a detector can be believed; every row has an `evasion_rate`.

    Args:
        detector: its spec.
        blind: attacks that do not know it.
        gradient: attackers who use its gradient.
        search: attackers who use none.
        noise: the noise control.
    """
    groups = {
        "without knowledge": blind,
        "by gradient": gradient,
        "random search": search,
        "noise of the same size": noise,
    }
    best = {
        name: max((row["evasion_rate"] for row in rows), key=lambda one: float(one["value"]))
        for name, rows in groups.items()
        if rows
    }
    if len(best) < len(groups):
        return []
    own, noisy = best["by gradient"], best["noise of the same size"]
    shown = {name: f"wrong and not flagged: {_written(own)}, {name}: {_written(one)}" for name, one in best.items()}
    found = [
        (
            own["value"] >= best[name]["value"] - _slack(own),
            title,
            shown[name],
            sentence,
        )
        for name, title, sentence in (
            ("without knowledge", "knowing the detector helps",
             "An attack that does not know the detector and wins more shows that the adaptive ones are too weak: give more --steps."),
            ("random search", "white-box beats gradient-free",
             "A search without gradients that wins more shows that the detector's gradient leads nowhere."),
        )
    ]  # fmt: skip
    found.append(
        (
            own["low"] > noisy["high"],
            "noise does far less",
            shown["noise of the same size"],
            "Where the intervals meet, the attack is not shown to be more than noise beside this detector.",
        )
    )
    return [
        {
            "defense": detector,
            "name": name,
            "status": "PASS" if good else "WARN",
            "figure": figure,
            "sentence": sentence,
        }
        for good, name, figure, sentence in found
    ]


Finding = tuple[bool, str, str, str]  # whether it is good, name, figure, sentence


def _output(evidence: Evidence) -> Iterator[Finding]:
    inside = evidence.low >= -ROUNDING and evidence.high <= 1 + ROUNDING
    yield (
        inside and evidence.shape_kept,
        "the defense gives a video",
        f"values from {evidence.low:.3g} to {evidence.high:.3g}"
        + ("" if evidence.shape_kept else ", frames of another number or size, or not finite"),
        "Its frames must be as many and as large as before, with values in [0, 1]: outside of that range the model sees "
        "something that it was not made for, and what looks like robustness is damage.",
    )


def _clean(evidence: Evidence) -> Iterator[Finding]:
    accuracy = evidence.clean["attacked_accuracy"]
    if accuracy:
        yield (
            accuracy["low"] > 1 / evidence.classes,
            "clean videos are still recognized",
            f"clean accuracy {_written(accuracy)}, chance {1 / evidence.classes:.3f}",
            "Accuracy at chance means random labels: then no attack can do harm, and nothing is robust.",
        )
    changed = evidence.clean["fooling_rate"]
    if changed:
        yield (
            changed["value"] < OWN_CHANGES,
            "the defense keeps most predictions",
            f"by itself it changes {_written(changed)} of them",
            "A defense that changes most predictions by itself makes fooling rates meaningless; read its net rates.",
        )


def _gradient(evidence: Evidence) -> Iterator[Finding]:
    if evidence.without_gradient is None:
        return
    yield (
        evidence.without_gradient == 0,
        "no zero gradients",
        f"{evidence.without_gradient} of {evidence.batches} batches without any gradient",
        "Where no gradient comes through, gradient attackers are blind and their rungs say nothing.",
    )
    yield (
        evidence.along > evidence.by_chance,
        "the gradient points somewhere",
        f"a step of half the budget along it lowers the margin by {evidence.along:.2f} logits, a random one by "
        f"{evidence.by_chance:.2f}",
        "A gradient no better than random signs is masked or wrong.",
    )


def _noise(evidence: Evidence) -> Iterator[Finding]:
    best = _strongest([*evidence.iterative, *evidence.transfer])
    if best is None or evidence.noise is None:
        return
    ours, noise = _harm(best), _harm(evidence.noise)
    yield (
        ours["low"] > noise["high"],
        "noise does far less",
        f"the best attacker: {_written(ours)} of videos, noise of the same size: {_written(noise)}",
        "Where the intervals meet, the attack is not shown to be more than noise: more steps, more fit videos or more "
        "test videos are needed before the defense can be called robust.",
    )


def _iterative(evidence: Evidence) -> Iterator[Finding]:
    best = _strongest(evidence.iterative)
    if best is None or evidence.single_step is None:
        return
    yield (
        _not_weaker(best, evidence.single_step),
        "iterative beats a single step",
        _against(best, "one step", evidence.single_step),
        "A single step that does more shows that the iterative attackers are stuck.",
    )


def _white_box(evidence: Evidence) -> Iterator[Finding]:
    best = _strongest([*evidence.iterative, *(row for _, row in evidence.expectations)])
    if best is None:
        return
    if evidence.search is not None:
        yield (
            _not_weaker(best, evidence.search),
            "white-box beats gradient-free",
            _against(best, "random search", evidence.search),
            "A search without gradients that does more shows that the gradient is masked.",
        )
    blind = _strongest(evidence.transfer)
    if blind is not None:
        yield (
            _not_weaker(best, blind),
            "white-box beats transfer",
            _against(best, "without knowledge", blind),
            "An attack that does not know the defense and does more shows that the adaptive ones are too weak.",
        )


def _converged(evidence: Evidence) -> Iterator[Finding]:
    if evidence.base is not None and evidence.doubled is not None:
        yield (
            _not_weaker(evidence.base, evidence.doubled),
            "doubling the steps changes nothing",
            _against(evidence.base, "twice the steps", evidence.doubled),
            "If more steps do more harm, the attack had not converged: give more --steps.",
        )
    if len(evidence.expectations) > 1:
        (few, fewer), (many, more) = evidence.expectations[-2:]
        yield (
            _not_weaker(fewer, more),
            "more expectation samples change nothing",
            f"{few} draws: {_written(_harm(fewer))}, {many} draws: {_written(_harm(more))}",
            "If more draws do more harm, the expectation over the defense is too coarse: give more --learning-draws.",
        )


def _budget(evidence: Evidence) -> Iterator[Finding]:
    if len(evidence.curve) < 2:
        return
    shares = [_harm(row) for _, row in evidence.curve]
    shown = ", ".join(
        f"{epsilon}: {share['count']}/{share['of']}" for (epsilon, _), share in zip(evidence.curve, shares, strict=True)
    )
    rises = all(after["value"] >= before["value"] - _slack(after) for before, after in pairwise(shares))
    yield (
        rises and shares[-1]["value"] > shares[0]["value"] - _slack(shares[0]),
        "success rises with epsilon",
        shown,
        "An attack that does less with a larger budget is stuck.",
    )
    left = rate_of(shares[-1]["of"] - shares[-1]["count"], shares[-1]["of"])
    assert left is not None
    yield (
        left["low"] <= 1 / evidence.classes,
        "a large epsilon reaches chance",
        f"at {evidence.curve[-1][0]} {_written(left)} are left, chance is {1 / evidence.classes:.3f}",
        "With a budget that hides the video nothing can be recognized; accuracy above chance means that the attack fails, "
        "not that the defense holds.",
    )


CHECKS = (_output, _clean, _gradient, _budget, _iterative, _white_box, _noise, _converged)


def _harm(row: Row) -> Rate:
    """The share of videos that are seen wrongly; without labels, the share of changed predictions."""
    accuracy = row["attacked_accuracy"]
    harm = rate_of(accuracy["of"] - accuracy["count"], accuracy["of"]) if accuracy else row["fooling_rate"]
    assert harm is not None
    return harm


def _strongest(rows: Sequence[Row]) -> Row | None:
    return max(rows, key=lambda row: _harm(row)["value"], default=None)


def _slack(rate: Rate) -> float:
    """What counts as equal: 5 % of videos, or one video."""
    return max(SLACK, 1 / rate["of"]) + 1e-9


def _not_weaker(first: Row, second: Row) -> bool:
    ours, theirs = _harm(first), _harm(second)
    return ours["value"] >= theirs["value"] - _slack(ours)


def _against(first: Row, name: str, second: Row) -> str:
    return f"{first['attack']}: {_written(_harm(first))}, {name}: {_written(_harm(second))}"


def _written(rate: Rate) -> str:
    return f"{rate['value']:.2f} ({rate['count']}/{rate['of']}, {rate['low']:.2f}–{rate['high']:.2f})"
