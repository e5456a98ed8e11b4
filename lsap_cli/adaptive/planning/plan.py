"""All attacks that a `defend` run learns, in order: ladders of defenses and of detectors, then budget curves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

from defenses import Defense
from defenses.detectors import Detector
from lsap_cli.adaptive.planning.attackers import Attacker, bare_model_attacker
from lsap_cli.adaptive.planning.defense_ladders import (
    DefenseLadderPlan,
    LadderSettings,
    defenses_by_attack,
    plan_defense_ladder,
    undefended,
)
from lsap_cli.adaptive.planning.detector_ladders import DetectorLadderPlan, plan_detector_ladder, plan_pair_ladder
from lsap_cli.results.records import NO_DEFENSE
from perturbations import Budget, Perturbation

LARGE = 8  # times epsilon: a budget at which every defense should fail, for the checks


@dataclass(frozen=True)
class GivenAttack:
    """The perturbation that is evaluated, and its noise control, as attacks.

    Attributes:
        name: in the rows.
        perturbation: whose budget and binding adaptive attackers get.
        noise: name of the noise control in the rows.
    """

    name: str
    perturbation: Perturbation
    noise: str


@dataclass(frozen=True)
class AdaptiveRequest:
    """What a run asks of adaptive attackers.

    Attributes:
        given: the perturbation that is evaluated.
        steps: of learning, for each attacker.
        ladders: whether every defense and detector gets its ladder.
        epsilons: of the budget curve.
        draws: of random defenses, for each clip of a step; rising.
        pairs: whether each defense with each detector gets a ladder, too.
    """

    given: GivenAttack
    steps: int
    ladders: bool = True
    epsilons: tuple[Fraction, ...] = ()
    draws: tuple[int, ...] = ()
    pairs: bool = False

    @property
    def ladder_settings(self) -> LadderSettings:
        return LadderSettings(self.given.perturbation, self.steps, self.draws)


@dataclass(frozen=True)
class BudgetNoise:
    """Noise of a budget of its own, drawn in the run."""

    name: str
    budget: Budget


@dataclass(frozen=True)
class PlannedBudget:
    """One point of a budget curve: an attack of a defense, and the noise beside it."""

    budget: Budget
    spec: str
    attack: str
    noise: str
    knows_defense: bool


@dataclass(frozen=True)
class AdaptivePlan:
    """All attacks of a run.

    Attributes:
        given: the perturbation that is evaluated; None where nothing is learned.
        defense_ladders: one a defense, the first being that of no defense; empty where none was asked for.
        detector_ladders: one a detector; empty likewise.
        pair_ladders: one for each defense with each detector; empty likewise.
        curve: the points of all budget curves.
        curve_attacks: noise controls and attackers of the curve that are on no ladder, in order.
        defense_subsets: specs of defenses by attack, for attacks that are judged behind some of them only.
    """

    given: GivenAttack | None = None
    defense_ladders: tuple[DefenseLadderPlan, ...] = ()
    detector_ladders: tuple[DetectorLadderPlan, ...] = ()
    pair_ladders: tuple[DetectorLadderPlan, ...] = ()
    curve: tuple[PlannedBudget, ...] = ()
    curve_attacks: tuple[Attacker | BudgetNoise, ...] = ()
    defense_subsets: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def learning_order(self) -> list[Attacker | BudgetNoise]:
        """Everything that is learned or drawn in the run."""
        of_defenses = [one for ladder in self.defense_ladders for one in ladder.attackers]
        of_detectors = [one for ladder in self.with_detectors for one in ladder.attackers]
        return [*of_defenses, *of_detectors, *self.curve_attacks]

    @property
    def with_detectors(self) -> tuple[DetectorLadderPlan, ...]:
        """The ladders that have a detector: of detectors, then of pairs."""
        return self.detector_ladders + self.pair_ladders

    @property
    def attackers(self) -> list[Attacker]:
        """All that learn in the run, in order."""
        return [one for one in self.learning_order if isinstance(one, Attacker)]

    def rung(self, attack: str, spec: str) -> str | None:
        """The rung that an attack is on the ladder of a defense; None: it is on none."""
        for ladder in self.defense_ladders:
            if ladder.spec == spec:
                return next((one.rung for one in ladder.rungs if one.attack == attack), None)
        return None

    def attacks_within(self, budget: Budget, spec: str) -> list[str]:
        """Names of a defense's attacks with no larger budget: the given one, its ladder's and its curve's."""
        names: list[str] = []
        if self.given is not None and self.given.perturbation.budget.epsilon <= budget.epsilon:
            names = [one.attack for ladder in self.defense_ladders if ladder.spec == spec for one in ladder.rungs]
            names = names or [self.given.name]
        points = [one for one in self.curve if one.spec == spec and one.budget.epsilon <= budget.epsilon]
        return list(dict.fromkeys([*names, *(one.attack for one in points)]))

    @property
    def undefended_base(self) -> Attacker | None:
        """The attacker that learns against the bare model; None without ladders."""
        return undefended(self.defense_ladders).base if self.defense_ladders else None


def plan_adaptive(
    request: AdaptiveRequest, defenses: Mapping[str, Defense | None], detectors: Mapping[str, Detector]
) -> AdaptivePlan:
    """The attacks of a run.

    Args:
        request: what is asked.
        defenses: by spec; the first being none.
        detectors: by spec.
    """
    if not request.ladders:
        return _with_curve(
            AdaptivePlan(request.given),
            request,
            [(bare_model_attacker(request.given.perturbation, request.steps), tuple(defenses))],
        )
    defense_ladders = _defense_ladders(request, defenses)
    base = undefended(defense_ladders).base
    detector_ladders = tuple(
        plan_detector_ladder(spec, detector, [request.given.name, base.name], request.ladder_settings)
        for spec, detector in detectors.items()
    )
    defense_subsets = {
        attack: specs for attack, specs in defenses_by_attack(defense_ladders).items() if attack != request.given.name
    }
    # Attackers of a detector are judged on the bare model, with the detector beside it.
    defense_subsets |= {one.name: [NO_DEFENSE] for ladder in detector_ladders for one in ladder.attackers}
    pair_ladders = _pair_ladders(request, defense_ladders, detector_ladders)
    for pair in pair_ladders:
        for one in pair.rungs:
            if one.attack != request.given.name:
                defense_subsets[one.attack] = list(dict.fromkeys([*defense_subsets.get(one.attack, ()), pair.defense]))
    plan = AdaptivePlan(request.given, defense_ladders, detector_ladders, pair_ladders, defense_subsets=defense_subsets)
    first, *others = sorted(defense_ladders, key=lambda ladder: ladder.spec != NO_DEFENSE)
    return _with_curve(plan, request, [(ladder.base, (ladder.spec,)) for ladder in (first, *others)])


def _defense_ladders(request: AdaptiveRequest, defenses: Mapping[str, Defense | None]) -> tuple[DefenseLadderPlan, ...]:
    """One a defense. What is learned against the bare model is also on rung A0 of every defense."""
    ladders: list[DefenseLadderPlan] = []
    transferred = [request.given.name]
    for spec, defense in defenses.items():
        ladder = plan_defense_ladder(spec, defense, transferred, request.ladder_settings)
        if defense is None:
            transferred = [request.given.name, ladder.base.name]
        ladders.append(ladder)
    return tuple(ladders)


def _pair_ladders(
    request: AdaptiveRequest,
    defense_ladders: Sequence[DefenseLadderPlan],
    detector_ladders: Sequence[DetectorLadderPlan],
) -> tuple[DetectorLadderPlan, ...]:
    """One for each defense with each detector."""
    if not request.pairs:
        return ()
    transferred = [request.given.name, undefended(defense_ladders).base.name]
    return tuple(
        plan_pair_ladder(defended, detected, transferred, request.ladder_settings)
        for defended in defense_ladders
        for detected in detector_ladders
        if defended.defense is not None
    )


def _with_curve(
    plan: AdaptivePlan, request: AdaptiveRequest, bases: Sequence[tuple[Attacker, tuple[str, ...]]]
) -> AdaptivePlan:
    """The plan with the budget curves: through each defense where attackers know it, else against the bare model.

    Args:
        plan: without curves.
        request: what is asked.
        bases: attackers whose budget is varied, each with the specs behind which it is judged.
    """
    given = request.given.perturbation
    on_ladders = {one.name for one in plan.attackers}
    defense_subsets = dict(plan.defense_subsets)
    points: list[PlannedBudget] = []
    attacks: list[Attacker | BudgetNoise] = []
    for budget in _budgets(request):
        noise = request.given.noise
        if budget != given.budget:
            noise = f"noise {budget.epsilon_text}"
            attacks.append(BudgetNoise(noise, budget))
        for base, specs in bases:
            attacker = base
            if budget != given.budget or base.name not in on_ladders:
                condition = base.name[base.name.index("(") :]
                attacker = replace(base, budget=budget, name=f"epsilon {budget.epsilon_text} {condition}")
                attacks.append(attacker)
                if request.ladders:
                    defense_subsets[attacker.name] = list(specs)
            knows = base.defense is not None
            points += [PlannedBudget(budget, spec, attacker.name, noise, knows) for spec in specs]
    return replace(plan, curve=tuple(points), curve_attacks=tuple(attacks), defense_subsets=defense_subsets)


def _budgets(request: AdaptiveRequest) -> list[Budget]:
    """Of the curve; where there are ladders, their budget and a large one for the checks, too."""
    budget = request.given.perturbation.budget
    epsilons = set(request.epsilons)
    if request.ladders:
        epsilons |= {budget.epsilon, min(Fraction(1), LARGE * budget.epsilon)}
    return [Budget(budget.norm, epsilon) for epsilon in sorted(epsilons)]
