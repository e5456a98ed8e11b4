"""Where a perturbation's effect goes: the rates of the verification, stage by stage."""

from collections.abc import Iterable, Mapping, Sequence

from lsap_cli.evaluation.records import hits_target
from lsap_cli.results.rates import Rate, rate_of
from lsap_cli.results.records import NO_DEFENSE, Record
from lsap_cli.results.spread import SamplerRange
from lsap_cli.results.way_stages import CODEC, IN_FILE, WayStage


def way_stages(
    before: Mapping[str, Mapping[str, Rate | None]],
    records: Sequence[Record],
    samplers: Iterable[str],
    target: int | None,
) -> tuple[WayStage, ...]:
    """The stages in their order; those without a rate are left out.

    Args:
        before: of the stages before the file, the rates by sampler.
        records: of the perturbation, undefended and behind `CODEC`.
        samplers: that rates are taken of.
        target: class of a targeted attack, whose success is counted; None: changed predictions are.
    """
    specs = tuple(samplers)
    stages = dict(before)
    for stage, defense in ((IN_FILE, NO_DEFENSE), (CODEC, CODEC)):
        here = [record for record in records if record.defense == defense]
        stages[stage] = {spec: _rate([one for one in here if one.sampler == spec], target) for spec in specs}
    ranges = {stage: SamplerRange.of_rates(rates) for stage, rates in stages.items()}
    return tuple(WayStage(stage=stage, rates=one) for stage, one in ranges.items() if one is not None)


def _rate(records: Sequence[Record], target: int | None) -> Rate | None:
    outcomes = [one.changed if target is None else hits_target(one, target) for one in records]
    known = [one for one in outcomes if one is not None]
    return rate_of(sum(known), len(known))
