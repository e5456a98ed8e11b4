"""The ladder of a detector: attackers that make the bare model wrong and keep the detector's score below its threshold.

A0  learned without knowledge of the detector
A2  with the gradients of the margin and of the detector's score: at a low and at a high tolerance of flagged videos
A4  as A2, within what the detector declares not to see
A5  without gradients

With a defense before the model as well, the ladder is one of the pair: attackers make the defended model wrong, and the
detector, which sees the video as it comes, does not flag it.

Carlini and Wagner, AISec 2017; Tramer et al., NeurIPS 2020; Bryniarski et al., 2021.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from defenses.detectors import Detector
from lsap_cli.adaptive.planning.attackers import Attacker, null_space_attackers, warm_started
from lsap_cli.adaptive.planning.defense_ladders import SEARCH_STEPS, DefenseLadderPlan, LadderSettings
from lsap_cli.adaptive.planning.rungs import PlannedRung, learned_rung, transfer_rung
from lsap_cli.results.records import NO_DEFENSE
from perturbations import Binding
from perturbations.attacks.base import CONFIDENCE
from perturbations.attacks.lsap import Lsap
from perturbations.attacks.search import RandomSearch

DETECTOR_DESCRIPTIONS = {
    "A0": "learned without knowledge of the detector",
    "A2": "learned with the gradient of the margin and, while a video is flagged, that of the detector's score",
    "A4": "as A2, within what the detector declares not to see",
    "A5": "learned without gradients: a flagged video costs as much as a clip that is won",
}
LOW_TOLERANCE, HIGH_TOLERANCE = 0.2, 0.6  # shares of flagged fit videos; see `Attacker.tolerated_share`
MISSING_RUNGS = {
    "A1": "a score has no identity whose gradient could stand in for its own",
    "A3": "it gives a video one score: nothing is drawn anew",
}


class SharedNullSpace(NamedTuple):
    """What a defense and a detector both declare to let through."""

    passes_constant_in_time: bool
    passes_low_frequencies: bool


@dataclass(frozen=True)
class DetectorLadderPlan:
    """All attacks of one detector, or of a defense and a detector.

    Attributes:
        spec: of the detector, as it was given.
        detector: built.
        rungs: in order.
        defense: the spec of the defense before the model.
        missing: rungs that it does not have, and why.
    """

    spec: str
    detector: Detector
    rungs: tuple[PlannedRung, ...]
    defense: str = NO_DEFENSE
    missing: Mapping[str, str] = field(default_factory=lambda: MISSING_RUNGS)

    @property
    def name(self) -> str:
        """The detector, or the pair."""
        return self.spec if self.defense == NO_DEFENSE else f"{self.defense} + {self.spec}"

    @property
    def attackers(self) -> list[Attacker]:
        """Those that learn in the run, in order."""
        return [one.attacker for one in self.rungs if one.attacker is not None]


def plan_detector_ladder(
    spec: str, detector: Detector, transferred: Sequence[str], settings: LadderSettings
) -> DetectorLadderPlan:
    """The attacks of one detector.

    Args:
        spec: of the detector, as it was given.
        detector: built.
        transferred: names of attacks that were learned without knowledge of it.
        settings: of all attackers.
    """
    given, condition = settings.given, f"below {spec}"
    # Plain steps, because the constraint keeps running means of its own; the margin is the only other term.
    method = Lsap(update="pgd", enough=CONFIDENCE, excite=0, loosen=1)
    base = Attacker(
        f"A2 cautious ({condition})", method, None, given.budget, given.binding, settings.steps,
        detector=detector, tolerated_share=LOW_TOLERANCE,
    )  # fmt: skip
    tolerant = replace(base, name=f"A2 bold ({condition})", tolerated_share=HIGH_TOLERANCE)
    search = replace(
        base, name=f"A5 random search ({condition})", attack=RandomSearch(), steps=SEARCH_STEPS * settings.steps
    )
    rungs = [transfer_rung(name) for name in transferred]
    rungs += [learned_rung("A2", one) for one in (base, tolerant, warm_started(base, given, condition))]
    rungs += [learned_rung("A4", one) for one in _unseen_patterns(base, detector, condition)]
    rungs.append(learned_rung("A5", search, "search"))
    return DetectorLadderPlan(spec, detector, tuple(rungs))


def plan_pair_ladder(
    defended: DefenseLadderPlan, detected: DetectorLadderPlan, transferred: Sequence[str], settings: LadderSettings
) -> DetectorLadderPlan:
    """The attacks of a defense and a detector at once.

    A0 is what was learned for less: without knowledge of either, through the defense alone, below the detector alone.

    Args:
        defended: the ladder of the defense.
        detected: the ladder of the detector.
        transferred: names of attacks that were learned without knowledge of either.
        settings: of all attackers.
    """
    condition = f"{defended.spec}, below {detected.spec}"
    base = replace(
        detected.attackers[0], name=f"A2 cautious ({condition})", defense=defended.base.defense,
        draws=min(settings.draws, default=1) if _is_random(defended) else 1,
    )  # fmt: skip
    tolerant = replace(base, name=f"A2 bold ({condition})", tolerated_share=HIGH_TOLERANCE)
    warm = warm_started(base, settings.given, condition)
    search = replace(
        base, name=f"A5 random search ({condition})", attack=RandomSearch(), steps=SEARCH_STEPS * settings.steps
    )
    within = _shared_null_space(base, defended, detected, condition)
    rungs = [transfer_rung(name) for name in (*transferred, defended.base.name, detected.attackers[0].name)]
    rungs += [learned_rung("A2", one) for one in (base, tolerant, warm)]
    rungs += [learned_rung("A4", one) for one in within]
    rungs.append(learned_rung("A5", search, "search"))
    missing = dict(MISSING_RUNGS) if within else {**MISSING_RUNGS, "A4": "both let nothing through that they declare"}
    return DetectorLadderPlan(detected.spec, detected.detector, tuple(rungs), defended.spec, missing)


def _is_random(defended: DefenseLadderPlan) -> bool:
    return defended.defense is not None and not defended.defense.deterministic


def _shared_null_space(
    base: Attacker, defended: DefenseLadderPlan, detected: DetectorLadderPlan, condition: str
) -> list[Attacker]:
    """Attackers within what both the defense and the detector declare to let through."""
    defense, detector = defended.defense, detected.detector
    assert defense is not None
    shared = SharedNullSpace(
        defense.passes_constant_in_time and detector.passes_constant_in_time,
        defense.passes_low_frequencies and detector.passes_low_frequencies,
    )
    if not (shared.passes_constant_in_time or shared.passes_low_frequencies):
        return []
    return null_space_attackers(base, shared, condition)


def detectors_by_attack(ladders: Sequence[DetectorLadderPlan]) -> dict[str, list[str]]:
    """The specs of the detectors that each attack is shown to: those on whose ladders it is."""
    specs: dict[str, list[str]] = {}
    for ladder in ladders:
        for one in ladder.rungs:
            specs.setdefault(one.attack, []).append(ladder.spec)
    return specs


def _unseen_patterns(base: Attacker, detector: Detector, condition: str) -> list[Attacker]:
    """As for a defense, and the detector's blind period."""
    attackers = null_space_attackers(base, detector, condition)
    if detector.blind_period is not None:
        cycle = Binding("cyclic", detector.blind_period)
        name = f"A4 period of {detector.blind_period} frames ({condition})"
        attackers.append(replace(base, name=name, binding=cycle))
    return attackers
