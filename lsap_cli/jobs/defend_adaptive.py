"""The adaptive attackers of a `defend` run: planned, learned, and judged with its detectors."""

from collections.abc import Sequence

from lsap_cli.adaptive.judging.adaptive_results import AdaptiveResults, adaptive_results
from lsap_cli.adaptive.judging.checks import disjoint_check
from lsap_cli.adaptive.judging.detector_ladders import AttacksOnDetectors
from lsap_cli.adaptive.judging.judged_attacks import JudgedAttacks
from lsap_cli.adaptive.learning.fit_videos import AttackedClassifier, FitVideos, learning_setup
from lsap_cli.adaptive.learning.learn_attackers import LearnedAttacks, learn_attackers
from lsap_cli.adaptive.learning.learner import AttackerLearner
from lsap_cli.adaptive.learning.spread_attackers import learn_on_cluster
from lsap_cli.adaptive.per_video.judge import PerVideoTask, attack_each_video
from lsap_cli.adaptive.planning.detector_ladders import detectors_by_attack
from lsap_cli.adaptive.planning.plan import AdaptivePlan, AdaptiveRequest, GivenAttack, plan_adaptive
from lsap_cli.adaptive.racing.race_attackers import race_attackers
from lsap_cli.adaptive.racing.verification import split_for_race
from lsap_cli.classifiers.instrumented import InstrumentedClassifier
from lsap_cli.datasets.base import Video
from lsap_cli.evaluation.detection import DetectionMatrix, Detections, detect
from lsap_cli.evaluation.judging import JudgedVideos
from lsap_cli.evaluation.sources import AddedPerturbation
from lsap_cli.jobs.defend_checks import epsilon_of
from lsap_cli.jobs.defend_settings import DefendSettings
from lsap_cli.jobs.defend_task import DefendTask
from lsap_cli.results.events import WarningEvent
from lsap_cli.results.ladders import Check
from lsap_cli.results.per_video import PerVideoAttack
from lsap_cli.results.records import NOISE
from lsap_cli.results.rows import Row
from perturbations.objectives import Objective, Targeted, Untargeted

RACE_HERE = (
    "--cluster: the attackers of --ladder fast race in the command's own process, since each round depends on the one "
    "before; --ladder full spreads them over the cluster"
)
NO_RACE = (
    "the fit videos are of one recording, so there is none to verify on: every attacker learns to its end, as with "
    "--ladder full"
)


def plan_attacks(task: DefendTask, settings: DefendSettings) -> AdaptivePlan:
    """The adaptive attackers that learn in this run."""
    if not settings.adaptive and not settings.epsilons:
        return AdaptivePlan()
    request = AdaptiveRequest(
        given_attack(task),
        settings.steps,
        settings.adaptive,
        tuple(epsilon_of(text) for text in settings.epsilons),
        tuple(sorted(set(settings.learning_draws))),
        pairs=bool(settings.defense),
    )
    return plan_adaptive(request, task.defenses, task.detectors)


def given_attack(task: DefendTask) -> GivenAttack:
    """The perturbation whose budget and binding attackers get."""
    assert task.perturbation is not None
    return GivenAttack(task.name, task.perturbation, NOISE)


def learn_planned(plan: AdaptivePlan, task: DefendTask, settings: DefendSettings) -> LearnedAttacks:
    """What the planned attackers learn from the fit videos."""
    if not plan.attackers:
        return LearnedAttacks()
    evaluation = task.evaluation
    objective = learning_objective(task)
    fit = FitVideos(task.fit, str(settings.fit), evaluation.skipped)
    with learning_setup(fit, task.classifier, objective, settings.seed, evaluation.run) as setup:
        learner = AttackerLearner(setup, evaluation.run, evaluation.resume)
        given, videos = given_attack(task).perturbation, None
        if settings.ladder == "fast":
            videos = split_for_race(setup)
            if videos is None:
                evaluation.run.event(WarningEvent(message=NO_RACE))
        if evaluation.spread is not None and videos is None:
            learn_on_cluster(plan, learner, evaluation.spread.session, settings.model)
        elif evaluation.spread is not None:
            evaluation.run.event(WarningEvent(message=RACE_HERE))
        if videos is None:
            return learn_attackers(plan, given, learner, settings.time_budget)
        return race_attackers(plan, given, learner, videos, settings.time_budget)


def learning_objective(task: DefendTask) -> Objective:
    """What the attackers of a run want."""
    return Untargeted() if task.target is None else Targeted(task.target)


def judge_adaptive(
    task: DefendTask,
    plan: AdaptivePlan,
    learned: LearnedAttacks,
    judged: JudgedVideos,
    detections: Detections,
    every_row: Sequence[Row],
) -> AdaptiveResults:
    """The ladders of defenses and detectors with their checks, and a pattern of its own for each judged video."""
    names = {record.video for record in judged.records}
    per_video = attack_videos(task, plan, [video for video in task.videos if video.name in names])
    attacks = JudgedAttacks(every_row, judged.records, NOISE, len(task.classifier.labels), per_video)
    sampler = task.evaluation.protocol.first_sampler
    evidence = AttacksOnDetectors(judged.records, detections.rows, detections.flagged, sampler, task.target, NOISE)
    return adaptive_results(plan, learned, attacks, evidence)


def attack_videos(task: DefendTask, plan: AdaptivePlan, videos: Sequence[Video]) -> list[PerVideoAttack]:
    """Rung P of every ladder that has one."""
    network = InstrumentedClassifier(task.classifier)
    attacked = AttackedClassifier(network, learning_objective(task), task.evaluation.protocol.seed)
    through = {ladder.spec: ladder.base.defense for ladder in plan.defense_ladders if ladder.has_per_video}
    return attack_each_video(task.evaluation, PerVideoTask(task.defenses, through, plan, attacked), videos)


def overlap_check(task: DefendTask) -> tuple[Check, ...]:
    """Law 5, where attackers of this run learn from videos."""
    if not task.fit:
        return ()
    return (disjoint_check(len(task.fit), len(task.videos), sorted(task.overlapping)),)


def detect_planned(
    task: DefendTask, plan: AdaptivePlan, learned: LearnedAttacks, videos: Sequence[Video]
) -> Detections:
    """Detector scores for the sources of the task and for adaptive attacks."""
    by_attack = detectors_by_attack(plan.with_detectors)
    detector_subsets = {name: specs for name, specs in by_attack.items() if name not in task.sources}
    sources = {
        **task.sources,
        **{
            name: AddedPerturbation(learned.perturbations[name])
            for name in detector_subsets
            if name in learned.perturbations
        },
    }
    return detect(task.evaluation, DetectionMatrix(task.detectors, sources, detector_subsets), videos)
