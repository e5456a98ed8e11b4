"""Two attacks on the same videos: which one does more, and whether that is more than chance."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from lsap_cli.results.rates import Paired, Rate, paired, rate
from lsap_cli.results.records import Record

SIGNIFICANT = 0.05  # largest p at which a difference counts as shown
SLACK = 0.05  # share of videos that two attacks may differ by and still count as equally strong


@dataclass(frozen=True)
class AttackOutcomes:
    """One attack under one condition, video by video.

    Attributes:
        attack: its name.
        harmed: by video, whether the attack succeeded on it; at least one video.
    """

    attack: str
    harmed: Mapping[str, bool] = field(repr=False)

    @property
    def rate(self) -> Rate:
        """The share of harmed videos."""
        share = rate(list(self.harmed.values()))
        assert share is not None
        return share

    @property
    def harms_all(self) -> bool:
        """Whether nothing is left to win."""
        return all(self.harmed.values())

    def renamed(self, attack: str) -> "AttackOutcomes":
        """The same outcomes under another name."""
        return replace(self, attack=attack)

    def compared_with(self, other: "AttackOutcomes") -> Paired:
        """Videos that only this attack harms (`gained`), and that only the other harms (`lost`)."""
        videos = [video for video in self.harmed if video in other.harmed]
        return paired([other.harmed[one] for one in videos], [self.harmed[one] for one in videos])

    def beats(self, other: "AttackOutcomes") -> bool:
        """Whether this attack is shown to harm more videos; a tie or a difference by chance is not enough."""
        comparison = self.compared_with(other)
        return comparison.gained > comparison.lost and comparison.p is not None and comparison.p <= SIGNIFICANT

    def is_weaker_than(self, other: "AttackOutcomes") -> bool:
        """Whether the other attack harms more videos, by more than 5 % of them, or one."""
        return self.rate.value < other.rate.value - max(SLACK, 1 / self.rate.of) - 1e-9

    def against(self, other: "AttackOutcomes") -> str:
        """Both rates, and the test between them."""
        return f"{self.attack}: {self.rate}, {other.attack}: {other.rate} {self.test_against(other)}"

    def test_against(self, other: "AttackOutcomes") -> str:
        """The paired test alone: videos gained and lost, and p."""
        comparison = self.compared_with(other)
        test = "no video differs" if comparison.p is None else f"p {comparison.p:.2g}"
        return f"(+{comparison.gained}, -{comparison.lost} videos, {test})"


def outcomes_by_attack(records: Iterable[Record], defense: str, sampler: str) -> dict[str, AttackOutcomes]:
    """The outcomes of all attacks behind one defense with one sampler: wrong predictions; without labels, changed ones.

    Args:
        records: of all attacks.
        defense: its spec.
        sampler: its spec.
    """
    cells: dict[str, list[Record]] = {}
    for one in records:
        if (one.defense, one.sampler) == (defense, sampler):
            cells.setdefault(one.attack, []).append(one)
    return {attack: AttackOutcomes(attack, _harmed(cell)) for attack, cell in cells.items()}


def strongest(attacks: Sequence[AttackOutcomes]) -> AttackOutcomes | None:
    """The attack that harms most videos (ties: the first); None without attacks."""
    return max(attacks, key=lambda one: one.rate.value, default=None)


def _harmed(cell: Sequence[Record]) -> dict[str, bool]:
    labelled = {one.video: not one.correct for one in cell if one.correct is not None}
    return labelled or {one.video: one.changed for one in cell}
