"""What is still to come in a run, in clips that pass through the network: what its one bar is made of."""

from collections.abc import Sequence

from lsap_cli.adaptive.learning.learner import CLIPS
from lsap_cli.adaptive.per_video.attack import MOST_STEPS, clips_of_a_step
from lsap_cli.adaptive.planning.plan import AdaptivePlan
from lsap_cli.adaptive.racing.race_attackers import planned_races
from lsap_cli.adaptive.racing.rounds import most_steps
from lsap_cli.evaluation.matrix import EvaluationMatrix
from lsap_cli.jobs.defend_settings import DefendSettings
from lsap_cli.jobs.defend_task import DefendTask
from lsap_cli.results.events import ExpectedStage, PlanEvent
from lsap_cli.runs.whole_progress import ATTACKERS, PASSES_OF_A_STEP
from lsap_cli.training.harden_settings import HardenSettings
from lsap_cli.training.labeled_videos import LabeledVideos
from lsap_cli.training.settings import TrainingOptions

EVALUATING, DETECTING, PER_VIDEO = "evaluating", "detecting", "a pattern for each video (P)"
CORRUPTING, CERTIFYING = "corrupting", "certifying"
TRAINING, MEASURING = "training", "measuring on the held-out videos"
JUDGED_OF_A_RACE = 2  # attackers that are judged behind a defense, of those that raced
CORRUPTIONS = 76  # 15 kinds at 5 severities, and none


def defend_plan(task: DefendTask, plan: AdaptivePlan, settings: DefendSettings, matrix: EvaluationMatrix) -> PlanEvent:
    """What follows in `defend`.

    Args:
        task: of the run.
        plan: which attackers learn.
        settings: of the command.
        matrix: that is judged; before attackers have learned, without them.
    """
    learning = _attackers(plan, settings)
    judged = ExpectedStage(stage=EVALUATING, clips=_judged_clips(task, matrix) + _attackers_judged(task, plan))
    return PlanEvent(stages=(*learning, judged, *_after_judging(task, plan, settings)))


def judging_plan(task: DefendTask, plan: AdaptivePlan, settings: DefendSettings, matrix: EvaluationMatrix) -> PlanEvent:
    """What follows once attackers have learned, with those that are judged in the matrix."""
    judged = ExpectedStage(stage=EVALUATING, clips=_judged_clips(task, matrix))
    return PlanEvent(stages=(judged, *_after_judging(task, plan, settings)))


def training_plan(
    settings: TrainingOptions, steps: int | None, seconds: float | None, after: Sequence[ExpectedStage]
) -> PlanEvent:
    """What follows in `train` and `harden` when training begins.

    Args:
        settings: of the command.
        steps: updates; None: no limit.
        seconds: that training may take; None: no limit.
        after: what follows it.
    """
    clips = PASSES_OF_A_STEP * settings.batch * (steps or 0)
    return PlanEvent(stages=(ExpectedStage(stage=TRAINING, clips=clips, seconds=seconds), *after))


def after_training(videos: LabeledVideos, views: int) -> tuple[ExpectedStage, ...]:
    """What follows training in `train`."""
    return (ExpectedStage(stage=MEASURING, clips=float(len(videos.held_out) * views)),)


def judging_of_hardening(
    settings: HardenSettings, attackers: int, draws: int, videos: LabeledVideos, views: int
) -> tuple[ExpectedStage, ...]:
    """What follows training in `harden`: attackers of each network, and their judging.

    Args:
        settings: of the command.
        attackers: of each of the two networks.
        draws: of the defense, in a step of an attacker.
        videos: of the command.
        views: clips of a video.
    """
    learned = PASSES_OF_A_STEP * settings.attack_steps * CLIPS * draws
    conditions = (1 + (settings.defense is not None)) + (attackers + 2 if settings.judge else 0)
    stages: list[ExpectedStage] = []
    for number, side in enumerate(("before", "after")):
        first = number * attackers + 1
        if settings.judge:
            stages += [
                ExpectedStage(stage=f"learning {one} of {2 * attackers}:", clips=learned)
                for one in range(first, first + attackers)
            ]
        clips = float(len(videos.held_out) * views * conditions)
        stages.append(ExpectedStage(stage=f"judging the network {side} hardening", clips=clips))
    return tuple(stages)


def _attackers(plan: AdaptivePlan, settings: DefendSettings) -> list[ExpectedStage]:
    if not plan.attackers:
        return []
    steps = {one.name: one.steps for one in plan.attackers}
    if settings.ladder == "fast":
        for race in planned_races(plan):
            steps |= most_steps(race.attackers)
    clips = PASSES_OF_A_STEP * CLIPS * sum(steps[one.name] * one.draws for one in plan.attackers)
    return [ExpectedStage(stage=ATTACKERS, clips=clips, seconds=settings.time_budget)]


def _judged_clips(task: DefendTask, matrix: EvaluationMatrix) -> float:
    protocol = task.evaluation.protocol
    conditions = sum(
        protocol.draws if matrix.is_random(spec) else 1
        for source in matrix.sources
        for spec in matrix.defenses_of(source)
    )
    return float(len(task.videos) * protocol.views * len(protocol.samplers) * conditions)


def _attackers_judged(task: DefendTask, plan: AdaptivePlan) -> float:
    """Those of each ladder that are judged, which is not known before they have learned."""
    protocol = task.evaluation.protocol
    attackers = min(len(plan.attackers), JUDGED_OF_A_RACE * max(1, len(plan.defense_ladders)))
    return float(len(task.videos) * protocol.views * len(protocol.samplers) * attackers)


def _after_judging(task: DefendTask, plan: AdaptivePlan, settings: DefendSettings) -> list[ExpectedStage]:
    clips = float(len(task.videos) * task.evaluation.protocol.views)
    stages = []
    if task.detectors:
        stages.append(ExpectedStage(stage=DETECTING, clips=clips * (len(task.sources) + len(plan.with_detectors))))
    bases = [ladder.base for ladder in plan.defense_ladders if ladder.has_per_video]
    if bases:
        a_step = sum(clips_of_a_step(1, one.defense) for one in bases)
        stages.append(ExpectedStage(stage=PER_VIDEO, clips=PASSES_OF_A_STEP * MOST_STEPS * clips * a_step))
    if settings.corruptions:
        stages.append(ExpectedStage(stage=CORRUPTING, clips=clips * CORRUPTIONS))
    if task.smoothings:
        copies = sum(one.samples for one in task.smoothings.values())
        stages.append(ExpectedStage(stage=CERTIFYING, clips=clips * copies))
    return stages
