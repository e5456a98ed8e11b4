"""The sampler matrix: perturbations that were learned through some samplers, judged through all."""

from collections.abc import Iterable, Sequence

from lsap_cli.results.records import NO_DEFENSE
from lsap_cli.results.rows import Row
from lsap_cli.results.spread import SamplerTransfer


def sampler_transfer(rows: Sequence[Row], attack: str, fitted: Iterable[str], targeted: bool) -> SamplerTransfer:
    """One perturbation's rates with each sampler, undefended.

    Args:
        rows: of the evaluation.
        attack: the perturbation's name in them.
        fitted: specs of the samplers that it was learned through.
        targeted: whether success rates are taken, not fooling rates.
    """
    specs = tuple(fitted)
    rates = {
        row.sampler: rate
        for row in rows
        if (row.attack, row.defense) == (attack, NO_DEFENSE)
        and (rate := row.success_rate if targeted else row.fooling_rate)
    }
    through = [rate.value for spec, rate in rates.items() if spec in specs]
    held_out = [rate.value for spec, rate in rates.items() if spec not in specs]
    gap = max(through) - min(held_out) if through and held_out else None
    return SamplerTransfer(attack=attack, fit=specs, rates=rates, gap=gap)
