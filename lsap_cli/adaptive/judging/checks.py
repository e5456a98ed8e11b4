"""Reasons to believe a defense's figures, or not: each check is PASS or WARN with the figure behind it.

After the checklist of Carlini et al., "On Evaluating Adversarial Robustness", 2019, and the flags of AutoAttack. A
check that says that one attack beats another passes only where the difference is shown on the same videos (McNemar's
exact test); where both harm all videos there is nothing to compare, and no such check.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from lsap_cli.adaptive.judging.attacks_on_defense import AttacksOnDefense
from lsap_cli.adaptive.judging.comparisons import AttackOutcomes, strongest
from lsap_cli.results.ladders import Check
from lsap_cli.results.rates import rate_of

OWN_CHANGES = 0.5  # share of clean predictions that a defense may change by itself
ROUNDING = 1e-3  # by which a defense may leave [0, 1]


class Finding(NamedTuple):
    """The outcome of a check."""

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


def defense_checks(attacks: AttacksOnDefense) -> list[Check]:
    """All checks that the attacks allow."""
    return [as_check(attacks.defense, finding) for check in DEFENSE_CHECKS for finding in check(attacks)]


def disjoint_check(fit: int, evaluated: int, shared: Sequence[str]) -> Check:
    """Law 5: whether videos that are judged were learned from."""
    finding = Finding(
        not shared,
        "fit and evaluation videos are disjoint",
        f"{len(shared)} of {evaluated} videos are among the {fit} that were learned from",
        "By content and by recording; a pattern over-fits the videos that it was learned from.",
    )
    return as_check("all", finding)


def beats(own: AttackOutcomes | None, other: AttackOutcomes | None, name: str, sentence: str) -> Iterator[Finding]:
    """Whether one attack is shown to do more than another; nothing where both harm all videos, or one is missing."""
    if own is None or other is None or (own.harms_all and other.harms_all):
        return
    yield Finding(own.beats(other), name, own.against(other), sentence)


def does_harm(learned: Sequence[AttackOutcomes], nothing: AttackOutcomes) -> Iterator[Finding]:
    """Whether what was learned in the run, from zeros, does anything by itself.

    Args:
        learned: attackers of the run that do not start from the given perturbation.
        nothing: outcomes without an attack.
    """
    own = strongest(learned)
    if own is None:
        return
    yield Finding(
        own.beats(nothing),
        "the attackers of this run do harm",
        own.against(nothing),
        "Where attackers that start from nothing do no harm, the ladder shows what the given perturbation does, not "
        "what the defense withstands: give more --steps or more fit videos.",
    )


def _output(attacks: AttacksOnDefense) -> Iterator[Finding]:
    probe = attacks.probe
    if probe is None:
        return
    inside = probe.low >= -ROUNDING and probe.high <= 1 + ROUNDING
    yield Finding(
        inside and probe.shape_kept,
        "the defense gives a video",
        f"values from {probe.low:.3g} to {probe.high:.3g}"
        + ("" if probe.shape_kept else ", frames of another number or size, or not finite"),
        "Its frames must be as many and as large as before, with values in [0, 1]: outside of that range the model "
        "sees something that it was not made for, and what looks like robustness is damage.",
    )


def _clean(attacks: AttacksOnDefense) -> Iterator[Finding]:
    accuracy = attacks.clean.attacked_accuracy
    if accuracy:
        yield Finding(
            accuracy.low > 1 / attacks.classes,
            "clean videos are still recognized",
            f"clean accuracy {accuracy}, chance {1 / attacks.classes:.3f}",
            "Accuracy at chance means random labels: then no attack can do harm, and nothing is robust.",
        )
    changed = attacks.clean.fooling_rate
    if changed:
        yield Finding(
            changed.value < OWN_CHANGES,
            "the defense keeps most predictions",
            f"by itself it changes {changed} of them",
            "A defense that changes most predictions by itself makes fooling rates meaningless; read its net rates.",
        )


def _gradient(attacks: AttacksOnDefense) -> Iterator[Finding]:
    probe = attacks.probe
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


def _learning(attacks: AttacksOnDefense) -> Iterator[Finding]:
    return does_harm(attacks.learned, attacks.no_attack)


def _single_step(attacks: AttacksOnDefense) -> Iterator[Finding]:
    return beats(
        strongest(attacks.iterative),
        attacks.single_step,
        "iterative beats a single step",
        "Where that is not shown, iterating brought nothing: the attackers are stuck, or had too few --steps.",
    )


def _white_box(attacks: AttacksOnDefense) -> Iterator[Finding]:
    best = strongest([*attacks.iterative, *(attack for _, attack in attacks.expectations)])
    yield from beats(
        best,
        attacks.search,
        "white-box beats gradient-free",
        "Where a search without gradients does as much, the gradient may be masked.",
    )
    yield from beats(
        best,
        strongest(attacks.transfer),
        "white-box beats transfer",
        "Where an attack that does not know the defense does as much, the adaptive ones are not shown to use what they "
        "know: give more --steps or more fit videos.",
    )


def _per_video(attacks: AttacksOnDefense) -> Iterator[Finding]:
    own, universal = attacks.per_video, attacks.universal
    if own is None or universal is None:
        return
    own = own.renamed("a pattern of its own for each video (P)")
    yield Finding(
        not universal.beats(own),
        "one pattern for all does no more than one for each",
        own.against(universal),
        "A pattern for one video can be any universal one. Where a universal attacker does more, the gradient of "
        "single videos is masked, or P had too few steps: what it leaves is then no upper bound.",
    )


def _noise(attacks: AttacksOnDefense) -> Iterator[Finding]:
    best = strongest([*attacks.iterative, *attacks.transfer])
    if best is None or attacks.noise is None:
        return
    yield Finding(
        best.rate.low > attacks.noise.rate.high,
        "noise does far less",
        f"the best attacker: {best.rate} of videos, noise: {attacks.noise.rate}",
        "Where the intervals meet, the attack is not shown to be more than noise: more steps, more fit videos or more "
        "test videos are needed before the defense can be called robust.",
    )


def _converged(attacks: AttacksOnDefense) -> Iterator[Finding]:
    if attacks.base is not None and attacks.doubled is not None:
        yield _no_gain(
            attacks,
            attacks.base,
            attacks.doubled,
            "doubling the steps changes nothing",
            "If more steps do more harm, the attack had not converged: give more --steps. An attack that does no harm "
            "by itself shows nothing.",
        )
    if len(attacks.expectations) > 1:
        (few, fewer), (many, more) = attacks.expectations[-2:]
        yield _no_gain(
            attacks,
            fewer.renamed(f"{few} draws"),
            more.renamed(f"{many} draws"),
            "more expectation samples change nothing",
            "If more draws do more harm, the expectation over the defense is too coarse: give more --learning-draws. "
            "An attack that does no harm by itself shows nothing.",
        )


def _no_gain(
    attacks: AttacksOnDefense, own: AttackOutcomes, longer: AttackOutcomes, name: str, sentence: str
) -> Finding:
    """Passes where an attack does harm, and twice its effort does no more."""
    return Finding(
        own.beats(attacks.no_attack) and not own.is_weaker_than(longer),
        name,
        f"{own.attack}: {own.rate}, {longer.attack}: {longer.rate}, no attack: {attacks.no_attack.rate}",
        sentence,
    )


def _budget(attacks: AttacksOnDefense) -> Iterator[Finding]:
    if len(attacks.curve) < 2:
        return
    points = [attack for _, attack in attacks.curve]
    first, last = points[0], points[-1]
    if not first.harms_all:
        yield Finding(
            last.beats(first) and not any(after.is_weaker_than(before) for before, after in pairwise(points)),
            "success rises with epsilon",
            f"{first.attack} at "
            + ", ".join(f"{epsilon}: {one.rate.count}/{one.rate.of}" for epsilon, one in attacks.curve)
            + f" {last.test_against(first)}",
            "Of one attacker, learned anew at each epsilon. One that does no more with a larger budget is stuck.",
        )
    left = rate_of(last.rate.of - last.rate.count, last.rate.of)
    assert left is not None
    yield Finding(
        left.low <= 1 / attacks.classes,
        "a large epsilon reaches chance",
        f"at {attacks.curve[-1][0]} {left} are left, chance is {1 / attacks.classes:.3f}",
        "With a budget that hides the video nothing can be recognized; accuracy above chance means that the attack "
        "fails, not that the defense holds.",
    )


DEFENSE_CHECKS: tuple[Callable[[AttacksOnDefense], Iterator[Finding]], ...] = (
    _output,
    _clean,
    _gradient,
    _learning,
    _budget,
    _single_step,
    _white_box,
    _per_video,
    _noise,
    _converged,
)
