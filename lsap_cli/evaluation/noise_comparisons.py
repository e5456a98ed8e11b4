"""Attacks against the noise control, video by video."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence

from lsap_cli.evaluation.records import hits_target
from lsap_cli.results.noise_comparison import NoiseComparison, Outcome
from lsap_cli.results.rates import Paired, holm, paired
from lsap_cli.results.records import NO_DEFENSE, NOISE, Record


def noise_comparisons(
    records: Sequence[Record], attacks: Collection[str], target: int | None = None
) -> tuple[NoiseComparison, ...]:
    """Each attack against noise, without a defense; none where noise was not judged.

    Args:
        records: of all videos.
        attacks: that are compared; p is adjusted for as many as are judged.
        target: class number of a targeted attack: its successes are compared, too.
    """
    outcomes: tuple[Outcome, ...] = ("changed",) if target is None else ("changed", "target")
    bare = [one for one in records if one.defense == NO_DEFENSE and (one.attack == NOISE or one.attack in attacks)]
    samplers = len({one.sampler for one in bare})
    return tuple(one for outcome in outcomes for one in _comparisons(_wins(bare, outcome, target), outcome, samplers))


def _wins(records: Sequence[Record], outcome: Outcome, target: int | None) -> dict[str, Counter[str]]:
    """By attack, then video: through how many samplers the outcome was reached."""
    wins: dict[str, Counter[str]] = {}
    for one in records:
        reached = one.changed if outcome == "changed" or target is None else hits_target(one, target)
        if reached is not None:
            wins.setdefault(one.attack, Counter())[one.video] += reached
    return wins


def _comparisons(wins: Mapping[str, Counter[str]], outcome: Outcome, samplers: int) -> Iterator[NoiseComparison]:
    noise = wins.get(NOISE)
    if not noise:
        return
    tests = {attack: _sign_test(own, noise) for attack, own in wins.items() if attack != NOISE}
    adjusted = holm({attack: test.p for attack, test in tests.items()})
    for attack, test in tests.items():
        yield NoiseComparison(
            attack=attack, outcome=outcome, samplers=samplers, gained=test.gained, lost=test.lost, of=test.of,
            p=test.p, adjusted_p=adjusted[attack],
        )  # fmt: skip


def _sign_test(own: Counter[str], noise: Counter[str]) -> Paired:
    """Of videos that both have: those that the attack wins through more samplers, and through fewer."""
    excess = [own[video] - noise[video] for video in sorted(own.keys() & noise.keys())]
    return paired([difference < 0 for difference in excess], [difference > 0 for difference in excess])
