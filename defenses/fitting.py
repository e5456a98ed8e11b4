"""The part of a defense that must be fitted on a set of videos: which it is, and a copy with it fitted."""

from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor

from defenses.base import Defense
from defenses.chain import Chain
from defenses.corpus import CorpusDefense
from defenses.straight_through import StraightThrough
from lsap_common import require_kind


def fittable_part(defense: Defense) -> CorpusDefense | None:
    """The part that must be fitted first: the defense itself or a chain's first member; None if there is none."""
    require_kind("the defense is", defense, Defense, "give an object such as DEFENSES['jpeg']()")
    if isinstance(defense, StraightThrough):
        return fittable_part(defense.defense)
    first = defense.members[0] if isinstance(defense, Chain) else defense
    return first if isinstance(first, CorpusDefense) else None


def fit_defense(defense: Defense, evidence: Sequence[Tensor]) -> Defense:
    """The defense with its `fittable_part` fitted on the evidence of videos.

    Raises:
        ValueError: if it is no defense, or there is evidence of fewer than two videos.
    """
    if isinstance(defense, StraightThrough):
        return replace(defense, defense=fit_defense(defense.defense, evidence))
    part = fittable_part(defense)
    if part is None:
        return defense
    fitted = part.fitted(evidence)
    return replace(defense, members=(fitted, *defense.members[1:])) if isinstance(defense, Chain) else fitted
