"""All attackers of a `defend` run: who learns what before videos are judged, and what the rows then say of them."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import torch

from defenses import Defense
from defenses.detectors import Detector
from lsap_cli.adaptive.attackers import Attacker, Probe, School, load_fit_videos
from lsap_cli.adaptive.checks import Check, Evidence, checks, disjoint
from lsap_cli.adaptive.evasion import Evasion, plan_evasion
from lsap_cli.adaptive.ladders import Ladder, knowing, ladder_results, plan_ladder, undefended
from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.datasets.base import Video
from lsap_cli.datasets.selection import Skipped
from lsap_cli.datasets.store import FrameStore
from lsap_cli.evaluation.rows import NO_ATTACK, NO_DEFENSE, Record
from lsap_cli.learning.task import FITTED
from lsap_cli.runs import Run
from lsap_cli.specs import build_samplers
from perturbations import Budget, Perturbation
from perturbations.attacks.lsap import Lsap
from perturbations.controls import noise_like
from perturbations.objectives import Objective

LARGE = 8  # times epsilon: a budget at which nothing should hold, for the checks
MEMORY = 4 * 2**30  # bytes of frames; more goes to disk


@dataclass(frozen=True)
class Wanted:
    """What was asked for.

    Attributes:
        adaptive: whether every defense gets its ladder.
        epsilons: of the budget curve.
        steps: of learning, for each attacker.
        draws: of random defenses, for each clip of a step; rising.
        seed: of everything that is drawn.
        resume: whether an earlier part of the run may have learned some.
    """

    adaptive: bool
    epsilons: tuple[Fraction, ...]
    steps: int
    draws: tuple[int, ...]
    seed: int
    resume: bool


@dataclass(frozen=True)
class Point:
    """One point of a budget curve: an attack on a defense, and the noise beside it."""

    budget: Budget
    spec: str
    attack: str
    noise: str
    adaptive: bool


@dataclass
class Campaign:
    """What was learned.

    Attributes:
        attacks: by name.
        knows: the specs behind which an attack is judged, for those that are not judged behind all.
        ladders: one a defense, the first being that of no defense; empty where none was asked for.
        probes: of each ladder's gradient and defense, by spec.
        points: of the budget curve.
        evasions: the ladders of the detectors; empty where none was asked for.
    """

    attacks: dict[str, Perturbation] = field(default_factory=dict)
    knows: dict[str, list[str]] = field(default_factory=dict)
    ladders: list[Ladder] = field(default_factory=list)
    probes: dict[str, Probe] = field(default_factory=dict)
    points: list[Point] = field(default_factory=list)
    evasions: list[Evasion] = field(default_factory=list)

    @property
    def rungs(self) -> dict[tuple[str, str], str]:
        """Which rung a learned attack is on the ladder of a defense, by attack and spec."""
        return {(one.name, ladder.spec): one.rung for ladder in self.ladders for one in ladder.rungs}


def run_campaign(
    wanted: Wanted,
    fit: Sequence[Video],
    source: str,
    classifier: Classifier,
    given: Perturbation,
    name: str,
    noise: str,
    defenses: Mapping[str, Defense | None],
    detectors: Mapping[str, Detector],
    objective: Objective,
    skipped: Skipped,
    run: Run,
) -> Campaign:
    """Lets all attackers learn.

    Args:
        wanted: which.
        fit: videos to learn from.
        source: what the user called them.
        classifier: on its device.
        given: the perturbation whose budget and binding all have.
        name: its name as an attack.
        noise: the name of its noise control.
        defenses: by spec.
        detectors: by spec.
        objective: what attackers want.
        skipped: gets fit videos that cannot be read.
        run: is told what happens.
    """
    workers = max(1, min(torch.get_num_threads(), 8))
    with FrameStore(classifier.geometry.shrink, MEMORY, workers) as store:
        videos = load_fit_videos(store, fit, source, skipped, run)
        samplers = list(build_samplers((classifier.sampler_spec, *FITTED)).values())
        school = School(classifier, videos, samplers, objective, wanted.seed, run, wanted.resume)
        campaign = Campaign()
        if wanted.adaptive:
            points = {spec: school.operating_point(detector) for spec, detector in detectors.items()}
            _climb(campaign, school, wanted, given, name, defenses)
            for spec, detector in detectors.items():
                blind = [name, undefended(campaign.ladders).base.name]
                evasion = plan_evasion(spec, detector, points[spec], blind, given, wanted.steps)
                _evade(campaign, school, evasion)
        _vary(campaign, school, wanted, given, noise, defenses)
        return campaign


def plain_attacker(given: Perturbation, steps: int) -> Attacker:
    """Who learns against the bare model, with the budget and binding of a perturbation."""
    return Attacker("learned here (no defense)", Lsap(), None, given.budget, given.binding, steps)


def _climb(
    campaign: Campaign,
    school: School,
    wanted: Wanted,
    given: Perturbation,
    name: str,
    defenses: Mapping[str, Defense | None],
) -> None:
    """The ladders. What is learned against the bare model is also the A0 of every defense."""
    blind = [name]
    for spec, defense in defenses.items():
        ladder = plan_ladder(spec, defense, blind, given, wanted.steps, wanted.draws)
        if defense is None:
            blind = [name, ladder.base.name]
        campaign.probes[spec] = school.probe(ladder.base)
        for one in ladder.rungs:
            if one.attacker is not None:
                campaign.attacks[one.name] = school.learn(one.attacker)
        campaign.ladders.append(ladder)
    learned = knowing(campaign.ladders)
    campaign.knows |= {attack: specs for attack, specs in learned.items() if attack != name}


def _evade(campaign: Campaign, school: School, evasion: Evasion) -> None:
    """The ladder of a detector. Its attackers are judged on the bare model, with the detector beside it."""
    for one in evasion.rungs:
        if one.attacker is not None:
            campaign.attacks[one.name] = school.learn(one.attacker)
            campaign.knows[one.name] = [NO_DEFENSE]
    campaign.evasions.append(evasion)


def _vary(
    campaign: Campaign,
    school: School,
    wanted: Wanted,
    given: Perturbation,
    noise: str,
    defenses: Mapping[str, Defense | None],
) -> None:
    """The budget curves: through each defense where attackers know it, else against the bare model."""
    wished = set(wanted.epsilons)
    if wanted.adaptive:
        own = given.budget.epsilon
        wished |= {own, min(Fraction(1), LARGE * own)}
    budgets = [Budget(given.budget.norm, epsilon) for epsilon in sorted(wished)]
    for budget in budgets:
        control = noise
        if budget != given.budget:
            control = f"noise {budget.epsilon_text}"
            louder = Perturbation(torch.zeros_like(given.delta), given.binding, budget)
            campaign.attacks[control] = noise_like(louder, wanted.seed)
        for base, specs in _bases(campaign, wanted, given, defenses):
            attacker = base
            if budget != given.budget or base.name not in campaign.attacks:
                where = base.name[base.name.index("(") :]
                attacker = replace(base, budget=budget, name=f"epsilon {budget.epsilon_text} {where}")
                campaign.attacks[attacker.name] = school.learn(attacker)
                if wanted.adaptive:
                    campaign.knows[attacker.name] = specs
            campaign.points += [Point(budget, spec, attacker.name, control, base.defense is not None) for spec in specs]


def _bases(
    campaign: Campaign, wanted: Wanted, given: Perturbation, defenses: Mapping[str, Defense | None]
) -> Iterator[tuple[Attacker, list[str]]]:
    """Whose budgets are varied, and the specs that they are judged behind."""
    if not wanted.adaptive:
        yield plain_attacker(given, wanted.steps), list(defenses)
        return
    bare = undefended(campaign.ladders)
    yield bare.base, [bare.spec]
    for ladder in campaign.ladders:
        if ladder is not bare:
            yield ladder.base, [ladder.spec]


def campaign_results(
    campaign: Campaign,
    rows: Sequence[dict[str, Any]],
    records: Sequence[Record],
    noise: str,
    classes: int,
    fit: int,
    evaluated: int,
    shared: Collection[str],
) -> dict[str, Any]:
    """The ladder, the checks and the budget curve, for results.json.

    Args:
        campaign: what was learned.
        rows: of all attacks.
        records: likewise.
        noise: the name of the noise control.
        classes: of the classifier.
        fit: videos that were learned from.
        evaluated: videos that were judged.
        shared: names of judged videos that are among the fit videos.
    """
    found: list[Check] = [disjoint(fit, evaluated, sorted(shared))] if fit else []
    for ladder in campaign.ladders:
        found += checks(_evidence(campaign, ladder, rows, noise, classes))
    return {
        "ladder": ladder_results(campaign.ladders, rows, records),
        "checks": found,
        "budget_curve": [
            {
                "epsilon": point.budget.epsilon_text,
                "defense": point.spec,
                "attack": point.attack,
                "knows_defense": point.adaptive,
                "rows": [row for row in rows if (row["attack"], row["defense"]) == (point.attack, point.spec)],
                "noise": [row for row in rows if (row["attack"], row["defense"]) == (point.noise, point.spec)],
            }
            for point in campaign.points
        ],
    }


def _evidence(campaign: Campaign, ladder: Ladder, rows: Sequence[dict[str, Any]], noise: str, classes: int) -> Evidence:
    """What is known of one defense, with the first sampler."""
    sampler = rows[0]["sampler"]
    mine = {row["attack"]: row for row in rows if (row["defense"], row["sampler"]) == (ladder.spec, sampler)}

    def named(*roles: str) -> list[dict[str, Any]]:
        return [mine[name] for name in ladder.names(*roles)]

    def only(role: str) -> dict[str, Any] | None:
        return next(iter(named(role)), None)

    probe = campaign.probes[ladder.spec]
    return Evidence(
        defense=ladder.spec,
        classes=classes,
        clean=mine[NO_ATTACK],
        noise=mine.get(noise),
        transfer=named("transfer"),
        iterative=named("iterative", "doubled"),
        single_step=only("single-step"),
        base=mine[ladder.base.name],
        doubled=only("doubled"),
        search=only("search"),
        expectations=[
            (one.attacker.draws, mine[one.name])
            for one in ladder.rungs
            if one.role == "expectation" and one.attacker is not None
        ],
        curve=[
            (point.budget.epsilon_text, mine[point.attack]) for point in campaign.points if point.spec == ladder.spec
        ],
        without_gradient=probe.without_gradient,
        batches=probe.batches,
        along=probe.along,
        by_chance=probe.by_chance,
        low=probe.low,
        high=probe.high,
        shape_kept=probe.shape_kept,
    )
