"""Reasons to believe a defense's figures, or not: each check is PASS or WARN with the figure behind it.

After the checklist of Carlini et al., "On Evaluating Adversarial Robustness", 2019, and the flags of AutoAttack.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from lsap_cli.adaptive.judging.defense_evidence import DefenseEvidence
from lsap_cli.results.ladders import Check
from lsap_cli.results.rates import Rate, rate_of
from lsap_cli.results.rows import Row

SLACK = 0.05  # share of videos that two attackers may differ by and still count as equally strong
OWN_CHANGES = 0.5  # share of clean predictions that a defense may change by itself
ROUNDING = 1e-3  # by which a defense may leave [0, 1]


class Finding(NamedTuple):
    """What a check comes to."""

    passed: bool
    name: str
    figure: str
    sentence: str


def as_check(subject: str, finding: Finding) -> Check:
    """A finding about a defense or detector, as it is in results.json."""
    return Check(
        defense=subject,
        name=finding.name,
        status="PASS" if finding.passed else "WARN",
        figure=finding.figure,
        sentence=finding.sentence,
    )


def defense_checks(evidence: DefenseEvidence) -> list[Check]:
    """All checks that the evidence allows."""
    return [as_check(evidence.defense, finding) for check in DEFENSE_CHECKS for finding in check(evidence)]


def disjoint_check(fit: int, evaluated: int, shared: Sequence[str]) -> Check:
    """Law 5: whether videos that are judged were learned from."""
    finding = Finding(
        not shared,
        "fit and evaluation videos are disjoint",
        f"{len(shared)} of {evaluated} videos are among the {fit} that were learned from",
        "By content and by recording; a pattern fits the videos that it has seen.",
    )
    return as_check("all", finding)


def _output(evidence: DefenseEvidence) -> Iterator[Finding]:
    probe = evidence.probe
    if probe is None:
        return
    inside = probe.low >= -ROUNDING and probe.high <= 1 + ROUNDING
    yield Finding(
        inside and probe.shape_kept,
        "the defense gives a video",
        f"values from {probe.low:.3g} to {probe.high:.3g}"
        + ("" if probe.shape_kept else ", frames of another number or size, or not finite"),
        "Its frames must be as many and as large as before, with values in [0, 1]: outside of that range the model sees "
        "something that it was not made for, and what looks like robustness is damage.",
    )


def _clean(evidence: DefenseEvidence) -> Iterator[Finding]:
    accuracy = evidence.clean.attacked_accuracy
    if accuracy:
        yield Finding(
            accuracy.low > 1 / evidence.classes,
            "clean videos are still recognized",
            f"clean accuracy {accuracy}, chance {1 / evidence.classes:.3f}",
            "Accuracy at chance means random labels: then no attack can do harm, and nothing is robust.",
        )
    changed = evidence.clean.fooling_rate
    if changed:
        yield Finding(
            changed.value < OWN_CHANGES,
            "the defense keeps most predictions",
            f"by itself it changes {changed} of them",
            "A defense that changes most predictions by itself makes fooling rates meaningless; read its net rates.",
        )


def _gradient(evidence: DefenseEvidence) -> Iterator[Finding]:
    probe = evidence.probe
    if probe is None:
        return
    yield Finding(
        probe.without_gradient == 0,
        "no zero gradients",
        f"{probe.without_gradient} of {probe.batches} batches without any gradient",
        "Where no gradient comes through, gradient attackers learn nothing and their rungs say nothing.",
    )
    yield Finding(
        probe.along > probe.by_chance,
        "the gradient points somewhere",
        f"a step of half the budget along it lowers the margin by {probe.along:.2f} logits, a random one by "
        f"{probe.by_chance:.2f}",
        "A gradient no better than random signs is masked or wrong.",
    )


def _noise(evidence: DefenseEvidence) -> Iterator[Finding]:
    best = _strongest([*evidence.iterative, *evidence.transfer])
    if best is None or evidence.noise is None:
        return
    ours, noise = _harm(best), _harm(evidence.noise)
    yield Finding(
        ours.low > noise.high,
        "noise does far less",
        f"the best attacker: {ours} of videos, noise of the same size: {noise}",
        "Where the intervals meet, the attack is not shown to be more than noise: more steps, more fit videos or more "
        "test videos are needed before the defense can be called robust.",
    )


def _single_step(evidence: DefenseEvidence) -> Iterator[Finding]:
    best = _strongest(evidence.iterative)
    if best is None or evidence.single_step is None:
        return
    yield Finding(
        _not_weaker(best, evidence.single_step),
        "iterative beats a single step",
        _against(best, "one step", evidence.single_step),
        "A single step that does more shows that the iterative attackers are stuck.",
    )


def _white_box(evidence: DefenseEvidence) -> Iterator[Finding]:
    best = _strongest([*evidence.iterative, *(row for _, row in evidence.expectations)])
    if best is None:
        return
    if evidence.search is not None:
        yield Finding(
            _not_weaker(best, evidence.search),
            "white-box beats gradient-free",
            _against(best, "random search", evidence.search),
            "A search without gradients that does more shows that the gradient is masked.",
        )
    transfer = _strongest(evidence.transfer)
    if transfer is not None:
        yield Finding(
            _not_weaker(best, transfer),
            "white-box beats transfer",
            _against(best, "without knowledge", transfer),
            "An attack that does not know the defense and does more shows that the adaptive ones are too weak.",
        )


def _converged(evidence: DefenseEvidence) -> Iterator[Finding]:
    if evidence.base is not None and evidence.doubled is not None:
        yield Finding(
            _not_weaker(evidence.base, evidence.doubled),
            "doubling the steps changes nothing",
            _against(evidence.base, "twice the steps", evidence.doubled),
            "If more steps do more harm, the attack had not converged: give more --steps.",
        )
    if len(evidence.expectations) > 1:
        (few, fewer), (many, more) = evidence.expectations[-2:]
        yield Finding(
            _not_weaker(fewer, more),
            "more expectation samples change nothing",
            f"{few} draws: {_harm(fewer)}, {many} draws: {_harm(more)}",
            "If more draws do more harm, the expectation over the defense is too coarse: give more --learning-draws.",
        )


def _budget(evidence: DefenseEvidence) -> Iterator[Finding]:
    if len(evidence.curve) < 2:
        return
    shares = [_harm(row) for _, row in evidence.curve]
    shown = ", ".join(
        f"{epsilon}: {share.count}/{share.of}" for (epsilon, _), share in zip(evidence.curve, shares, strict=True)
    )
    rises = all(after.value >= before.value - slack(after) for before, after in pairwise(shares))
    yield Finding(
        rises and shares[-1].value > shares[0].value - slack(shares[0]),
        "success rises with epsilon",
        shown,
        "An attack that does less with a larger budget is stuck.",
    )
    left = rate_of(shares[-1].of - shares[-1].count, shares[-1].of)
    assert left is not None
    yield Finding(
        left.low <= 1 / evidence.classes,
        "a large epsilon reaches chance",
        f"at {evidence.curve[-1][0]} {left} are left, chance is {1 / evidence.classes:.3f}",
        "With a budget that hides the video nothing can be recognized; accuracy above chance means that the attack fails, "
        "not that the defense holds.",
    )


DEFENSE_CHECKS: tuple[Callable[[DefenseEvidence], Iterator[Finding]], ...] = (
    _output,
    _clean,
    _gradient,
    _budget,
    _single_step,
    _white_box,
    _noise,
    _converged,
)


def _harm(row: Row) -> Rate:
    """The share of videos with a wrong prediction; without labels, the share of changed predictions."""
    accuracy = row.attacked_accuracy
    harm = rate_of(accuracy.of - accuracy.count, accuracy.of) if accuracy else row.fooling_rate
    assert harm is not None
    return harm


def _strongest(rows: Sequence[Row]) -> Row | None:
    return max(rows, key=lambda row: _harm(row).value, default=None)


def slack(rate: Rate) -> float:
    """What counts as equal: 5 % of videos, or one video."""
    return max(SLACK, 1 / rate.of) + 1e-9


def _not_weaker(first: Row, second: Row) -> bool:
    ours, theirs = _harm(first), _harm(second)
    return ours.value >= theirs.value - slack(ours)


def _against(first: Row, name: str, second: Row) -> str:
    return f"{first.attack}: {_harm(first)}, {name}: {_harm(second)}"
