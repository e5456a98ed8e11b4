"""How figures spread: over seeds, over models, over samplers."""

from collections.abc import Mapping

from msgspec import field

from lsap_cli.results.base import Result
from lsap_cli.results.rates import Estimate, Rate
from lsap_cli.results.rows import Row


class RateOverSeeds(Result, frozen=True, kw_only=True):
    """A rate of several perturbations that differ in their seed.

    Attributes:
        rates: by perturbation.
        mean: over perturbations.
        standard_deviation: over perturbations (n - 1).
        over_videos: the mean with the bootstrap's interval over recordings.
    """

    rates: dict[str, Rate | None] = field(default_factory=dict)
    mean: float
    standard_deviation: float | None = None
    over_videos: Estimate | None = None


class SeedSpread(Result, frozen=True, kw_only=True):
    """The spread over perturbations of different seeds, apart from the spread over videos.

    Attributes:
        defense: `none`, or the spec.
        sampler: the spec.
        accuracy: null without labels.
        fooling_rate: predictions that changed.
        success_rate: null without a target.
    """

    defense: str
    sampler: str
    accuracy: RateOverSeeds | None = None
    fooling_rate: RateOverSeeds | None = None
    success_rate: RateOverSeeds | None = None


class SamplerRange(Result, frozen=True, kw_only=True):
    """One attack's rates over videos with several samplers, which stand beside each other.

    Clips of one video are not independent, so counts of several samplers are never added up.

    Attributes:
        worst: spec of the sampler with the lowest rate.
        lowest: its rate.
        best: spec of the sampler with the highest rate.
        highest: its rate.
    """

    worst: str
    lowest: Rate
    best: str
    highest: Rate

    @classmethod
    def of_rates(cls, rates: Mapping[str, Rate | None]) -> "SamplerRange | None":
        """The range of rates by sampler; None where there is no rate. Of equal ones, the first."""
        known = {spec: rate for spec, rate in rates.items() if rate is not None}
        if not known:
            return None
        worst = min(known, key=lambda spec: known[spec].value)
        best = max(known, key=lambda spec: known[spec].value)
        return cls(worst=worst, lowest=known[worst], best=best, highest=known[best])

    def __str__(self) -> str:
        """Both ends in words, `0.46 (0.23–0.71) with uniform to 0.62 (0.36–0.82) with random`."""
        lowest = f"{self.lowest.value:.2f} ({self.lowest.interval})"
        if self.worst == self.best:
            return f"{lowest} with {self.worst}"
        return f"{lowest} with {self.worst} to {self.highest.value:.2f} ({self.highest.interval}) with {self.best}"


class GeneratedSeeds(Result, frozen=True, kw_only=True):
    """The rates of the perturbations that one `generate` learned with different seeds.

    Attributes:
        rates: by seed; over videos, with the sampler that gives the lowest rate.
        mean: over seeds; null where there is no rate.
        standard_deviation: over seeds (n - 1); null for one.
    """

    rates: dict[str, Rate | None] = field(default_factory=dict)
    mean: float | None = None
    standard_deviation: float | None = None


class TransferCell(Result, frozen=True, kw_only=True):
    """A perturbation learned on one model, judged on another.

    Attributes:
        learned_on: a model's spec, the perturbation's name, `noise` or `none`.
        tested_on: a model's spec.
        row: what came of it.
    """

    learned_on: str
    tested_on: str
    row: Row


class TransferMatrix(Result, frozen=True, kw_only=True):
    """Perturbations learned on several models, each judged on all.

    Attributes:
        models: names by spec.
        cells: one for each pair.
    """

    models: dict[str, str] = field(default_factory=dict)
    cells: tuple[TransferCell, ...] = ()


class SamplerTransfer(Result, frozen=True, kw_only=True):
    """A perturbation that was learned through some samplers, judged through all.

    Attributes:
        attack: its name.
        fit: samplers that it was learned through.
        rates: by sampler.
        gap: best rate over fitted samplers minus worst over the others; null without others.
    """

    attack: str
    fit: tuple[str, ...] = ()
    rates: dict[str, Rate] = field(default_factory=dict)
    gap: float | None = None
