"""The rules of a race as pure functions: how long rounds are, who goes on, who stops and why.

Successive halving (Jamieson and Talwalkar, AISTATS 2016), by thirds: all attackers take a short first round, the best
third a longer second one, and the best one the last. Decisions depend on what attackers won on the verification videos
and on nothing else, so a run can be repeated and resumed.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from lsap_cli.adaptive.learning.attacker_files import FinishedRound
from lsap_cli.adaptive.planning.attackers import Attacker
from lsap_cli.results.rates import rate_of
from perturbations.attacks.lsap import Lsap

FIRST_PART, SECOND_PART, LAST_PART = 1 / 15, 1 / 5, 2 / 3  # of an attacker's steps, that the rounds end at
KEPT = 1 / 3  # of the attackers of the first round, that take the second
LATER_BEGIN = 0.4  # of a round's progress, at which one begins that does not begin at zeros: with smaller steps
SETTLED = 0.02  # part of the loss (or of one logit) by which it must have fallen to count as an improvement


class RoundEnds(NamedTuple):
    """The numbers of steps that an attacker's rounds end at."""

    first: int
    second: int
    last: int


def round_ends(attacker: Attacker) -> RoundEnds:
    """How long the rounds of an attacker are. One that draws a defense n times a clip takes an n-th of the steps."""
    steps = attacker.steps / attacker.draws
    first = max(1, round(FIRST_PART * steps))
    second = max(first, min(attacker.steps, round(SECOND_PART * steps)))
    return RoundEnds(first, second, max(second, min(attacker.steps, round(LAST_PART * steps))))


def most_steps(attackers: Sequence[Attacker]) -> dict[str, int]:
    """The most steps of each attacker, by name, if the most expensive ones always go on."""
    ends = {one.name: round_ends(one) for one in attackers}
    order = sorted(attackers, key=lambda one: -one.draws * ends[one.name].last)
    kept = {one.name for one in order[: kept_of(len(order))]}
    most = {name: each.second if name in kept else each.first for name, each in ends.items()}
    if order:
        most[order[0].name] = ends[order[0].name].last
    return most


def kept_of(attackers: int) -> int:
    """How many of a first round's attackers take the second."""
    return max(1, math.ceil(KEPT * attackers)) if attackers else 0


def by_cost(attackers: Sequence[Attacker]) -> list[Attacker]:
    """The order of a first round: cheap attackers first, those that begin where others are after these."""
    return sorted(attackers, key=lambda one: (one.draws, one.steps > attackers[0].steps))


def round_strength(verified: FinishedRound) -> tuple[int, float]:
    """The order of attackers: by clips that are won, then by the loss; larger is stronger."""
    return sum(verified.won), -verified.loss


def improves(later: FinishedRound, before: FinishedRound) -> bool:
    """Whether an attacker did more after a round than before it."""
    fallen = before.loss - later.loss
    return sum(later.won) > sum(before.won) or (
        sum(later.won) == sum(before.won) and fallen > SETTLED * max(1.0, abs(before.loss))
    )


def reaches_below(verified: FinishedRound, best: FinishedRound, videos: int) -> bool:
    """Whether the 95 % interval of what an attacker leaves reaches down to what the best one leaves.

    Clips of one video are not independent: the interval is that of as many outcomes as there are videos.

    Args:
        verified: of the attacker.
        best: of the best one.
        videos: that the clips are of; at least one.
    """
    left = rate_of(math.floor(videos * _share_left(verified) + 1e-9), videos)
    assert left is not None
    return left.low <= _share_left(best) + 1e-9


def is_floor(verified: FinishedRound) -> bool:
    """Whether nothing is left to win."""
    return all(verified.won)


def can_start(attacker: Attacker) -> bool:
    """Whether an attacker can begin at a perturbation of another: it learns delta itself, by gradients."""
    return isinstance(attacker.attack, Lsap) and not attacker.low_frequency and not attacker.striped


def _share_left(verified: FinishedRound) -> float:
    return 1 - sum(verified.won) / len(verified.won)
