"""Rung P beside the strongest universal attack of a ladder."""

from collections.abc import Sequence

from lsap_cli.adaptive.judging.comparisons import AttackOutcomes, outcomes_by_attack, strongest
from lsap_cli.adaptive.planning.defense_ladders import DefenseLadderPlan
from lsap_cli.results.per_video import PerVideoAttack, PerVideoBound, PerVideoVerdict
from lsap_cli.results.rates import rate
from lsap_cli.results.records import Record


def per_video_bounds(
    ladder: DefenseLadderPlan, records: Sequence[Record], attacks: Sequence[PerVideoAttack]
) -> tuple[PerVideoBound, ...]:
    """One bound a sampler; none where the defense has no rung P.

    Args:
        ladder: of the defense.
        records: of universal attacks.
        attacks: of rung P, over all defenses.
    """
    own = [record for one in attacks for record in one.records if record.defense == ladder.spec]
    samplers = dict.fromkeys(record.sampler for record in own)
    return tuple(_bound(ladder, sampler, records, own, attacks) for sampler in samplers)


def per_video_outcomes(attacks: Sequence[PerVideoAttack], spec: str, sampler: str) -> AttackOutcomes | None:
    """The outcomes of rung P behind one defense with one sampler; None where there are none."""
    found = outcomes_by_attack([record for one in attacks for record in one.records], spec, sampler)
    return next(iter(found.values()), None)


def strongest_universal(ladder: DefenseLadderPlan, records: Sequence[Record], sampler: str) -> AttackOutcomes | None:
    """The judged attack of a ladder that harms most videos."""
    judged = outcomes_by_attack(records, ladder.spec, sampler)
    return strongest([judged[one.attack] for one in ladder.rungs if one.attack in judged])


def _bound(
    ladder: DefenseLadderPlan,
    sampler: str,
    records: Sequence[Record],
    own: Sequence[Record],
    attacks: Sequence[PerVideoAttack],
) -> PerVideoBound:
    cell = [record for record in own if record.sampler == sampler]
    outcomes, universal = (
        per_video_outcomes(attacks, ladder.spec, sampler),
        strongest_universal(ladder, records, sampler),
    )
    assert outcomes is not None
    assert universal is not None  # the given perturbation is judged behind every defense
    verdict: PerVideoVerdict = "alike"
    if outcomes.beats(universal):
        verdict = "falls"
    elif universal.beats(outcomes):
        verdict = "masked"
    return PerVideoBound(
        sampler=sampler,
        attack=cell[0].attack,
        videos=len(cell),
        accuracy=rate([bool(one.correct) for one in cell if one.correct is not None]),
        fooling_rate=rate([one.changed for one in cell]),
        steps=sum(one.steps.get(ladder.spec, 0) for one in attacks),
        seconds=round(sum(one.seconds.get(ladder.spec, 0.0) for one in attacks), 2),
        universal=universal.attack,
        compared=outcomes.compared_with(universal),
        verdict=verdict,
    )
