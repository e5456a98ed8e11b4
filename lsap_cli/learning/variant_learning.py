"""Learning all variants of a `generate`, one after the other, within the time that is left."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import torch

from lsap_cli.errors import LsapError
from lsap_cli.learning.batches import BatchSource
from lsap_cli.learning.learning_loop import LearningLog, load_or_start_state, run_learning
from lsap_cli.learning.network_problems import problem_of_networks
from lsap_cli.learning.perturbation_output import learning_record
from lsap_cli.learning.process_group import ProcessGroup
from lsap_cli.learning.progress_verification import EnsembleVerification, ProgressVerification
from lsap_cli.learning.schedule import Schedule
from lsap_cli.learning.settings import GenerateSettings
from lsap_cli.learning.task import LearningTask
from lsap_cli.learning.time_budget import TimeBudget
from lsap_cli.learning.training_videos import TrainingVideos
from lsap_cli.learning.variants import (
    PERTURBED,
    LearnedDelta,
    LearnedVariant,
    LearningRun,
    LearningVariant,
    make_variants,
)
from lsap_cli.learning.verification_samplers import verification_samplers
from lsap_cli.results.events import ExpectedStage, PlanEvent, ResumedEvent, StageEvent, WarningEvent
from lsap_cli.results.way_stages import CODEC
from lsap_cli.runs.whole_progress import PASSES_OF_A_STEP
from perturbations import Perturbation
from perturbations.controls import CONTROLS
from perturbations.network import QueryCounter
from perturbations.problem import Problem
from perturbations.state import State

NATIVE_SIZE_MARGIN = 1.5 * 3.0  # times that decoding into the store took, for frames at their own size
VERIFICATION_MARGIN = 1.5  # times the expected duration of the final verification
WRITING_SECONDS = 1.0
CODING_MARGIN = 10.0  # times that decoding into the store took, for an H.264 encoder at a frame's own size
CODING_SHARE = 0.05  # of a time budget, that it may take
VERIFYING_SHARE = 0.2  # of a time budget, that the final verification may take
LEARNING_SHARE = 0.2  # of a time budget, that learning has at least, as far as so much is left
FEWEST_VERIFIED = 5  # videos, whatever that takes
VERIFYING = "verifying on the videos' own frames"


def learn_variants(learning: LearningRun, budget: TimeBudget, decode_seconds: float) -> Iterator[LearnedVariant]:
    """Learns one variant after the other.

    Args:
        learning: what they have in common.
        budget: of the whole command; what is left of it is divided among the variants.
        decode_seconds: that decoding all videos took.

    Raises:
        LsapError: if the attack refuses the problem, the time is over, or a saved state is damaged.
    """
    settings, task, run = learning.settings, learning.task, learning.run
    variants = make_variants(task, settings)
    schedule: Schedule | None = None

    def schedule_of(seconds_per_clip: float) -> Schedule:
        """Of all variants, from the pace of the first one's verification."""
        nonlocal schedule
        if schedule is None:
            final_seconds = _final_verification_seconds(learning, len(variants), decode_seconds, seconds_per_clip)
            schedule = _schedule(learning, budget, final_seconds, len(variants))
            run.event(_expected(learning, variants, schedule, final_seconds))
        return schedule

    for number, variant in enumerate(variants):
        log = LearningLog(run, state_path(run.folder, number), None if len(variants) == 1 else variant.name)
        name = _stage_of(variants, number)
        yield learned_variant(learning, variant, learn_variant(learning, variant, log, schedule_of, name))


def _stage_of(variants: Sequence[LearningVariant], number: int) -> str:
    """The name of the part of the run in which a variant is learned."""
    return "learning" if len(variants) == 1 else f"learning {variants[number].name} ({number + 1} of {len(variants)})"


def _expected(
    learning: LearningRun, variants: Sequence[LearningVariant], schedule: Schedule, final_seconds: float
) -> PlanEvent:
    """What is still to come: learning of each variant, and verification on each model."""
    settings, models = learning.settings, len(learning.networks)
    steps = schedule.steps or 0
    learned = [
        ExpectedStage(
            stage=_stage_of(variants, number), clips=PASSES_OF_A_STEP * steps * settings.batch * models,
            seconds=schedule.seconds,
        )
        for number in range(len(variants))
    ]  # fmt: skip
    verified = [
        ExpectedStage(
            stage=VERIFYING,
            clips=len(one.videos.verify)
            * _clips_of_a_verified_video(one.task, settings, len(variants), one.videos.same_video),
            seconds=None if settings.time_budget is None else final_seconds / models,
        )
        for one in learning.networks
    ]
    return PlanEvent(stages=(*learned, *verified))


def learn_variant(
    learning: LearningRun,
    variant: LearningVariant,
    log: LearningLog,
    schedule_of: Callable[[float], Schedule],
    stage: str,
) -> LearnedDelta:
    """Learns one variant, or goes on with it.

    Args:
        learning: what it has in common with others.
        variant: which one.
        log: where its events and its state go.
        schedule_of: from the seconds that the network takes for a clip to when learning ends.
        stage: the name of the part of the run.

    Raises:
        LsapError: if the attack refuses the problem, the time is over, or a saved state is damaged.
    """
    settings, task = learning.settings, learning.task
    with ExitStack() as stack:
        queries = QueryCounter()
        problem, sources = stack.enter_context(problem_of_networks(learning, variant, queries))
        verification = _progress_verification(learning, problem, sources)
        schedule = schedule_of(0.0 if verification is None else verification.seconds_per_clip)
        state = _starting_state(learning, problem, log.state_path)
        log.run.event(StageEvent(name=stage, steps=schedule.steps, seconds=schedule.seconds))
        try:
            diagnostics = run_learning(problem, task.attack, state, schedule, verification, log, queries)
        except ValueError as error:
            raise LsapError(f"--attack {settings.attack}: {error}") from None
        measured = variant.name == PERTURBED and measures_stages(task, settings)
        one_model = verification if isinstance(verification, ProgressVerification) else None
        stages = one_model.stage_rates(state.delta) if one_model is not None and measured else {}
    warnings = tuple(diagnostics.warnings())
    return LearnedDelta(
        state.delta.cpu(), state.steps, state.seconds, diagnostics.converged, warnings, state.queries, stages
    )


def learned_variant(learning: LearningRun, variant: LearningVariant, learned: LearnedDelta) -> LearnedVariant:
    """A variant's perturbation, with the record of its learning."""
    task, record = learning.task, learning_record(learning, variant, learned.steps)
    perturbation = Perturbation(learned.delta, task.binding, task.budget, record, task.resize)
    return LearnedVariant(variant, perturbation, learned)


def measures_stages(task: LearningTask, settings: GenerateSettings) -> bool:
    """Whether it is measured where the effect goes: where a file is the aim, and the effect is on one model."""
    return task.source is None and task.binding.fits_a_video and len(settings.models) == 1


def codec_stage(learning: LearningRun, decode_seconds: float) -> str | None:
    """The codec behind which the perturbation is judged, too; None: no file is the aim, or the time is too short."""
    budget = learning.settings.time_budget
    if not measures_stages(learning.task, learning.settings):
        return None
    affordable = budget is None or _coding_seconds(learning, decode_seconds) <= CODING_SHARE * budget
    return CODEC if affordable else None


def _progress_verification(
    learning: LearningRun, problem: Problem, sources: Sequence[BatchSource]
) -> ProgressVerification | EnsembleVerification | None:
    """In the first process only."""
    if not learning.group.is_first:
        return None
    settings = learning.settings
    by_model = {
        one.task.called: ProgressVerification(
            one.task.network,
            one.videos.verify,
            one.task.held_out,
            own,
            source.paths,
            settings.seed,
            settings.batch,
        )
        for one, own, source in zip(learning.networks, problem.networks, sources, strict=True)
    }
    return EnsembleVerification(by_model) if len(by_model) > 1 else by_model[learning.task.called]


def _final_verification_seconds(
    learning: LearningRun, variants: int, decode_seconds: float, seconds_per_clip: float
) -> float:
    """How long the verification after learning is expected to take, margins included."""
    task, videos = learning.task, learning.videos
    decoding = NATIVE_SIZE_MARGIN * _verified_share(learning) * decode_seconds
    if codec_stage(learning, decode_seconds) is not None:
        decoding += _coding_seconds(learning, decode_seconds)
    clips = len(videos.verify) * _clips_of_a_verified_video(task, learning.settings, variants, videos.same_video)
    return decoding + VERIFICATION_MARGIN * clips * seconds_per_clip + WRITING_SECONDS


def _coding_seconds(learning: LearningRun, decode_seconds: float) -> float:
    """How long a codec is expected to take for the verification videos."""
    return CODING_MARGIN * _verified_share(learning) * decode_seconds


def _verified_share(learning: LearningRun) -> float:
    videos = learning.videos
    return len(videos.verify) / (len(videos.fit) + len(videos.verify))


def affordable_verification(
    task: LearningTask, settings: GenerateSettings, videos: TrainingVideos, seconds_per_clip: float
) -> int:
    """How many videos a time budget leaves time to verify on: `FEWEST_VERIFIED`, or more within its share."""
    if settings.time_budget is None or videos.same_video:
        return len(videos.verify)
    variants = len(make_variants(task, settings))
    clips = _clips_of_a_verified_video(task, settings, variants, same_video=False)
    seconds = VERIFICATION_MARGIN * clips * seconds_per_clip
    return min(len(videos.verify), max(FEWEST_VERIFIED, int(VERIFYING_SHARE * settings.time_budget / seconds)))


def _clips_of_a_verified_video(task: LearningTask, settings: GenerateSettings, variants: int, same_video: bool) -> int:
    """Clips that the final verification classifies of each video."""
    sources = 1 + variants + (len(CONTROLS) if settings.controls else 1)
    samplers = len(verification_samplers(task, same_video))
    of_stages = (
        samplers + 2 * len(task.held_out) if measures_stages(task, settings) else 0
    )  # after a codec, and before a file
    return sources * (1 + len(task.through)) * samplers + of_stages


def _schedule(learning: LearningRun, budget: TimeBudget, final_seconds: float, variants: int) -> Schedule:
    """Steps as asked for; of a time budget, what is left after set-up and before the final verification.

    Several processes take what the first one, which alone verifies, has left.
    """
    steps = learning.settings.step_limit
    queries = learning.settings.queries
    if budget.seconds is None:
        return Schedule(steps, queries=queries)
    loading = budget.elapsed_seconds
    left = _of_first(budget.seconds - loading, learning.group)
    if left < 1:
        raise LsapError(
            f"--time-budget {budget.seconds:g}s is over before learning can start (loading took {loading:.0f}s); "
            "use a longer one, or fewer videos"
        )
    seconds = left - _of_first(final_seconds, learning.group)
    least = min(LEARNING_SHARE * budget.seconds, left)
    if seconds < least:
        message = (
            f"--time-budget {budget.seconds:g}s: loading took {loading:.0f}s and verifying is expected to take up to "
            f"{final_seconds:.0f}s, so that learning has {least:.0f}s and the command may end later than asked for"
        )
        learning.run.event(WarningEvent(message=message))
    return Schedule(steps, max(seconds, least) / variants, queries=queries)


def _of_first(seconds: float, group: ProcessGroup) -> float:
    return float(group.total(torch.tensor(seconds if group.is_first else 0.0, dtype=torch.float64)))


def _starting_state(learning: LearningRun, problem: Problem, path: Path) -> State:
    try:
        state = learning.group.from_first(load_or_start_state(path, problem.shape, learning.resume))
    except ValueError as error:
        raise LsapError(f"--resume: {error}", 1) from None
    if learning.resume and state.steps:
        learning.run.event(ResumedEvent(step=state.steps, seconds=round(state.seconds, 1)))
    state.move(learning.task.device)
    return state


def state_path(folder: Path, number: int) -> Path:
    """Where the state of a variant is saved, by its number."""
    return folder / ("state.safetensors" if number == 0 else f"state-{number}.safetensors")
