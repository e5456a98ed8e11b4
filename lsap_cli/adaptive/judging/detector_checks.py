"""Checks of the attacks in a detector's ladder."""

from collections.abc import Iterator, Sequence

from lsap_cli.adaptive.judging.checks import Finding, as_check, beats, does_harm
from lsap_cli.adaptive.judging.comparisons import AttackOutcomes, strongest
from lsap_cli.adaptive.judging.detector_ladders import AttacksOnDetectors
from lsap_cli.adaptive.learning.learn_attackers import LearnedAttacks
from lsap_cli.adaptive.planning.detector_ladders import DetectorLadderPlan
from lsap_cli.adaptive.planning.rungs import PlannedRung
from lsap_cli.results.ladders import Check


def detector_checks(ladder: DetectorLadderPlan, learned: LearnedAttacks, attacks: AttacksOnDetectors) -> list[Check]:
    """The checks of a detector's ladder; none where no threshold could be found.

    Args:
        ladder: as planned.
        learned: where attackers began. Those that were not judged are compared with nothing.
        attacks: predictions and detections.
    """
    return [as_check(ladder.name, finding) for finding in _findings(ladder, learned, attacks)]


def _findings(ladder: DetectorLadderPlan, learned: LearnedAttacks, attacks: AttacksOnDetectors) -> Iterator[Finding]:
    wins = {one.attack: attacks.wins(ladder.spec, one.attack, ladder.defense) for one in ladder.rungs}
    won = {attack: outcomes for attack, outcomes in wins.items() if outcomes}
    noise = attacks.wins(ladder.spec, attacks.noise, ladder.defense)
    if not noise or not won:
        return

    def best(rungs: Sequence[PlannedRung], name: str) -> AttackOutcomes | None:
        own = strongest([AttackOutcomes(one.attack, won[one.attack]) for one in rungs if one.attack in won])
        return own and own.renamed(name)

    gradient = best([one for one in ladder.rungs if one.rung in ("A2", "A4")], "wrong and not flagged, by gradient")
    from_zeros = [
        AttackOutcomes(one.name, won[one.name])
        for one in ladder.attackers
        if one.name in won and one.start is None and learned.begins_at_zeros(one.name)
    ]
    yield from does_harm(from_zeros, AttackOutcomes("no attack", dict.fromkeys(noise, False)))
    yield from beats(
        gradient,
        best([one for one in ladder.rungs if one.rung == "A0"], "without knowledge"),
        "knowing the detector helps",
        "Where an attack that does not know the detector wins as much, the adaptive ones are not shown to use what "
        "they know: give more --steps or more fit videos.",
    )
    yield from beats(
        gradient,
        best([one for one in ladder.rungs if one.rung == "A5"], "random search"),
        "white-box beats gradient-free",
        "Where a search without gradients wins as much, the detector's gradient may lead nowhere.",
    )
    if gradient is not None:
        control = AttackOutcomes("noise", noise)
        yield Finding(
            gradient.rate.low > control.rate.high,
            "noise does far less",
            f"{gradient.attack}: {gradient.rate}, {control.attack}: {control.rate}",
            "Where the intervals meet, the attack is not shown to be more than noise beside this detector.",
        )
