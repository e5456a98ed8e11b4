"""The ladder of a detector: attackers that make the bare model wrong and keep the detector's score below its threshold.

A0  learned without knowledge of the detector
A2  with the gradients of the margin and of the detector's score: at a low and at a high tolerance of flagged videos
A4  as A2, within what the detector declares not to see
A5  without gradients

Carlini and Wagner, AISec 2017; Tramer et al., NeurIPS 2020; Bryniarski et al., 2021.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from defenses.detectors import Detector
from lsap_cli.adaptive.planning.attackers import Attacker, null_space_attackers, warm_started
from lsap_cli.adaptive.planning.defense_ladders import SEARCH_STEPS, LadderSettings
from lsap_cli.adaptive.planning.rungs import PlannedRung, learned_rung, transfer_rung
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


@dataclass(frozen=True)
class DetectorLadderPlan:
    """All attacks of one detector.

    Attributes:
        spec: of the detector, as it was given.
        detector: built.
        rungs: in order.
    """

    spec: str
    detector: Detector
    rungs: tuple[PlannedRung, ...]

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
