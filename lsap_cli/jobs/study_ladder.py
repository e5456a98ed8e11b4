"""Cells with the ladder of a defense: attackers that know it learn on the other folds, as in `defend`."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from lsap_cli.adaptive.learning.fit_videos import LearningSetup
from lsap_cli.adaptive.learning.learn_attackers import LearnedAttacks, learn_attackers
from lsap_cli.adaptive.learning.learner import AttackerLearner
from lsap_cli.adaptive.planning.plan import AdaptivePlan, AdaptiveRequest, GivenAttack, plan_adaptive
from lsap_cli.adaptive.racing.race_attackers import race_attackers
from lsap_cli.adaptive.racing.verification import split_for_race
from lsap_cli.datasets.base import Video
from lsap_cli.errors import LsapError
from lsap_cli.evaluation.matrix import EvaluationMatrix
from lsap_cli.evaluation.matrix_judge import MatrixJudge
from lsap_cli.evaluation.noise_control import noise_control
from lsap_cli.evaluation.protocol import EvaluationProtocol, NoPrediction
from lsap_cli.evaluation.records import make_records
from lsap_cli.evaluation.sources import AddedPerturbation, PerturbationSource, Unperturbed
from lsap_cli.jobs.defend_settings import DefendSettings
from lsap_cli.jobs.study_judging import JudgedCell
from lsap_cli.jobs.study_outcomes import Goal, clip_elements, make_outcome
from lsap_cli.jobs.study_workshop import StudyWorkshop
from lsap_cli.learning.settings import FITTED_SAMPLERS
from lsap_cli.results.events import VideoEvent
from lsap_cli.results.records import NO_ATTACK, NO_DEFENSE, NOISE, PERTURBED
from lsap_cli.results.skipped import SkippedVideo
from lsap_cli.results.study import StudyOutcome
from lsap_cli.runs.worker_run import WorkerRun
from lsap_cli.specs import build_defense, build_samplers
from lsap_cli.study.axes import OWN
from lsap_cli.study.cells import PlannedCell
from lsap_cli.video.reading import UnreadableVideo
from perturbations import Perturbation
from perturbations.objectives import Targeted, Untargeted


def judge_ladder(shop: StudyWorkshop, cell: PlannedCell, given: Perturbation) -> JudgedCell:
    """Lets a defense's attackers learn, and judges each of them on the videos of the fold.

    Args:
        shop: of this process.
        cell: with a defense and a ladder.
        given: the perturbation of the cell, whose budget and binding attackers have.

    Raises:
        LsapError: if an attacker cannot learn.
    """
    network = shop.network(cell.point.victim)
    spec = cell.point.text("defense")
    defenses = {NO_DEFENSE: None} | ({} if spec == NO_DEFENSE else {spec: build_defense(spec)})
    goal = Goal.of(cell, network.classifier)
    draws = DefendSettings(videos="", model="").learning_draws
    request = AdaptiveRequest(GivenAttack(PERTURBED, given, NOISE), shop.setup.ladder_steps, draws=draws)
    plan = plan_adaptive(request, defenses, {})
    learned = _learn(shop, cell, plan, goal, given)
    sources: dict[str, PerturbationSource] = {
        NO_ATTACK: Unperturbed(),
        NOISE: noise_control(given, shop.setup.seed),
        PERTURBED: AddedPerturbation(given),
        **{name: AddedPerturbation(one) for name, one in learned.perturbations.items() if plan.rung(name, spec)},
    }
    subsets = {name: [spec] for name in sources if name != NO_ATTACK}
    text = cell.axes["judged_sampler"]
    samplers = build_samplers([network.classifier.sampler_spec if text == OWN else text])
    protocol = shop.protocol(cell.point.victim, samplers)
    judge = MatrixJudge(protocol, EvaluationMatrix(sources, defenses, subsets), readers=shop.readers)
    videos = [network.videos[one.name] for one in shop.setup.folds[cell.fold]]
    for video in videos:
        judge.observe(video)
    outcomes, skipped = [], []
    for video in videos:
        try:
            outcomes += list(_of_video(judge, protocol, video, plan, cell, goal))
        except (UnreadableVideo, NoPrediction) as error:
            skipped.append(SkippedVideo(path=video.name, reason=str(error)))
        shop.listener(VideoEvent(path=video.name))
    if not outcomes:
        raise LsapError(f"none of the {len(videos)} videos of the fold can be judged; {skipped[0].reason}", 1)
    return JudgedCell(tuple(outcomes), tuple(skipped), clip_elements(network.classifier))


def _learn(
    shop: StudyWorkshop, cell: PlannedCell, plan: AdaptivePlan, goal: Goal, given: Perturbation
) -> LearnedAttacks:
    """What the attackers learn; states are kept until the cell is done, so that a killed study goes on from them."""
    victim, setup = cell.point.victim, shop.setup
    classifier = shop.network(victim).classifier
    classifier.require_gradients("ladder", "judge its defense without")
    names = [one.name for number, fold in enumerate(setup.folds) if number != cell.fold for one in fold]
    usable, _ = shop.stored(victim, names)
    samplers = list(build_samplers((classifier.sampler_spec, *FITTED_SAMPLERS)).values())
    objective = Untargeted() if goal.target is None else Targeted(goal.target)
    learning = LearningSetup(classifier, usable, samplers, objective, int(cell.point.text("seed")))
    folder = ladder_folder(shop, cell)
    folder.mkdir(parents=True, exist_ok=True)
    learner = AttackerLearner(learning, WorkerRun(folder, lambda event: shop.listener(event)), resume=True)
    videos = split_for_race(learning) if cell.point.text("ladder") == "fast" else None
    if videos is None:
        return learn_attackers(plan, given, learner, None)
    return race_attackers(plan, given, learner, videos, None)


def ladder_folder(shop: StudyWorkshop, cell: PlannedCell) -> Path:
    """Where the attackers of a cell have come to."""
    return shop.store.state(cell.hash).with_suffix("")


def remove_ladder(shop: StudyWorkshop, cell: PlannedCell) -> None:
    """Removes the states of a cell that is done."""
    shutil.rmtree(ladder_folder(shop, cell), ignore_errors=True)


def _of_video(
    judge: MatrixJudge, protocol: EvaluationProtocol, video: Video, plan: AdaptivePlan, cell: PlannedCell, goal: Goal
) -> Iterator[StudyOutcome]:
    spec = cell.point.text("defense")
    for record in make_records(video, judge.predict(video), protocol.classifier.labels):
        if record.defense == spec:
            rung = plan.rung(record.attack, spec) if record.attack not in (NO_ATTACK, NOISE) else None
            yield make_outcome(record, record.attack, goal, None, rung or "")
