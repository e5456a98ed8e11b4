"""An attack against the noise control of equal budget: the one definition of "more than noise"."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from lsap_cli.results.base import Count, Result
from lsap_cli.results.rates import Rate, is_shown, p_words

Outcome = Literal["changed", "target"]


class NoiseComparison(Result, frozen=True, kw_only=True):
    """An attack and the noise control on the same videos, without a defense: a paired test over videos.

    A video counts for the side that reaches the outcome with more samplers; with one sampler this is McNemar's test.

    Attributes:
        attack: as in the rows.
        outcome: `changed`: the prediction is not the clean one; `target`: it is the target, without the videos that
            `success_rate` leaves out.
        samplers: through how many each video was judged.
        gained: videos that the attack wins with more samplers than noise does.
        lost: videos that noise wins with more samplers.
        of: videos that were judged under both.
        p: exact two-sided p of the sign test over videos that differ; null where none does.
        adjusted_p: the same, corrected for the attacks of the run that are compared with noise (Holm, 1979).
    """

    attack: str
    outcome: Outcome = "changed"
    samplers: Count = 1
    gained: Count
    lost: Count
    of: Count
    p: float | None = None
    adjusted_p: float | None = None

    @property
    def is_more(self) -> bool:
        """Whether the attack is shown to do more than noise."""
        return self.gained > self.lost and is_shown(self.adjusted_p)

    def __str__(self) -> str:
        won = "alone" if self.samplers == 1 else f"through more of {self.samplers} samplers"
        be = "is" if self.gained == 1 else "are"
        alone = f"{self.gained} of {self.of} videos {be} won by it {won}"
        return f"{alone}, {self.lost} by noise, {p_words(self.adjusted_p)}"


@dataclass(frozen=True)
class NoiseFinding:
    """Whether an attack does more than noise.

    Attributes:
        outcome: `more`: shown; `no more`: noise does as much; `open`: the videos do not decide it; `no control`: noise
            was not judged.
        test: that decides it; None in files of earlier versions, where intervals do, and without a control.
    """

    outcome: Literal["more", "no more", "open", "no control"]
    test: NoiseComparison | None = None

    @property
    def beside_rates(self) -> str:
        """The test's p, in a few words; empty without a test."""
        return f"paired with noise: {p_words(self.test.adjusted_p)}" if self.test else ""

    @property
    def sentence(self) -> str:
        """What is concluded, and from what; empty without a control."""
        if self.outcome == "no control":
            return ""
        if self.test is None:
            return {
                "more": "This run has no paired test against noise; the two intervals lie apart.",
                "no more": "So the perturbation did no more than noise.",
                "open": "This run has no paired test against noise, and the two intervals overlap.",
            }[self.outcome]
        return {
            "more": f"That is more than noise: {self.test}.",
            "no more": f"So the perturbation did no more than noise: {self.test}.",
            "open": f"Whether that is more than noise these videos do not decide: {self.test}. More would.",
        }[self.outcome]


def noise_finding(
    comparisons: Iterable[NoiseComparison], attack: str, outcome: Outcome, rate: Rate, noise: Rate | None
) -> NoiseFinding:
    """What the paired test of one attack says; where a file of an earlier version has none, what its intervals say.

    Args:
        comparisons: of the results.
        attack: which, as in the rows.
        outcome: which.
        rate: of the attack, as it is shown.
        noise: of the control beside it; None: there is none.
    """
    test = next((one for one in comparisons if (one.attack, one.outcome) == (attack, outcome)), None)
    if test is not None:
        return NoiseFinding("more" if test.is_more else "no more" if test.gained <= test.lost else "open", test)
    if noise is None:
        return NoiseFinding("no control")
    if rate.value <= noise.value:
        return NoiseFinding("no more")
    return NoiseFinding("open" if rate.overlaps(noise) else "more")
