"""The steps of one learned perturbation: reported, verified now and then, saved on the way, resumed after a kill."""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from msgspec.structs import replace

from lsap_cli.classifiers.finite_scores import not_finite
from lsap_cli.learning.progress_verification import DeltaVerifier, VerifiedProgress
from lsap_cli.learning.schedule import Schedule
from lsap_cli.pictures.thumbnails import draw_slots
from lsap_cli.results.events import ConvergedEvent, StepEvent, VerificationEvent, WarningEvent
from lsap_cli.results.files import write_errors_named
from lsap_cli.results.spread import SamplerRange
from lsap_cli.runs import Run
from perturbations.attacks import Attack
from perturbations.learn import learn
from perturbations.network import QueryCounter
from perturbations.problem import Problem, SumOverProcesses
from perturbations.state import State, Step

SAVE_EVERY_SECONDS = 1.0
VERIFICATIONS = 6
ALL_FOOLED = 3  # verifications in a row, with a loss that has settled, that end learning
SETTLED = 0.01  # part of the verification loss by which it may have fallen from the first of these to the last
NO_GRADIENT_STEPS = 3  # in a row, that are worth a warning
STILL_FALLING = 0.1  # part of the verification loss that it may change by in the last sixth


@dataclass(frozen=True)
class LearningLog:
    """Where a learned perturbation's events and state go.

    Attributes:
        run: gets the events.
        state_path: of the saved state.
        member: which of several perturbations this is, in every event; None: the only one.
    """

    run: Run
    state_path: Path
    member: str | None = None

    def event(self, event: StepEvent | VerificationEvent | ConvergedEvent) -> None:
        """Appends one event, with the name of the perturbation that it is about."""
        self.run.event(event if self.member is None else replace(event, member=self.member))

    def save(self, state: State) -> None:
        """Writes the state, with which `--resume` goes on."""
        with write_errors_named(self.state_path):
            state.save(self.state_path)


@dataclass
class LearningDiagnostics:
    """Diagnostics of a learning run.

    Attributes:
        losses: of the verifications, in logits.
        steps_without_gradient: in a row, up to now.
        converged: whether nothing is left to win.
    """

    losses: list[float] = field(default_factory=list)
    steps_without_gradient: int = 0
    converged: bool = False

    def warnings(self) -> list[str]:
        """Reasons not to take the result for the best one, with the figures behind them."""
        if self.converged or not _falls(self.losses[-2:], STILL_FALLING):
            return []
        before, last = self.losses[-2:]
        return [
            f"not converged: over the last part of the run the verification loss still fell from {before:.2f} to "
            f"{last:.2f} logits, so more steps would change the result"
        ]


def run_learning(
    problem: Problem,
    attack: Attack,
    state: State,
    schedule: Schedule,
    verifier: DeltaVerifier | None,
    log: LearningLog,
    queries: QueryCounter | None = None,
) -> LearningDiagnostics:
    """Learns until the schedule ends or nothing is left to win, reporting every step, saving the state on the way.

    Args:
        problem: what is attacked.
        attack: how.
        state: changed in place.
        schedule: when it ends.
        verifier: measures delta now and then; None where another process does, or none.
        log: where events and the state go.
        queries: of the problem's network; None: they are not counted.

    Raises:
        LsapError: if the network's scores are not finite.
        ValueError: if the attack refuses the problem.
    """
    losses, converged = _convergence(state)
    diagnostics = LearningDiagnostics(losses, converged=converged)
    next_check = _next_check(schedule.progress(state))
    last_saved = time.monotonic()
    steps = learn(problem, attack, state, lambda now: 1.0 if diagnostics.converged else schedule.progress(now))
    for step in _timed(_counted(steps, state, queries, problem.group), state, problem.group):
        if not math.isfinite(step.loss):
            raise not_finite(f"in step {step.number}")
        done = schedule.progress(state)
        _report_step(step, state, schedule, log)
        if attack.uses_gradients:
            _check_gradient(step, diagnostics, log)
        if next_check <= done:
            _verify(verifier, problem, state, diagnostics, log)
            next_check = _next_check(done)
        if time.monotonic() - last_saved > SAVE_EVERY_SECONDS:
            log.save(state)
            last_saved = time.monotonic()
    log.save(state)
    return diagnostics


def load_or_start_state(path: Path, shape: tuple[int, int, int, int], resume: bool) -> State:
    """A delta of zeros, or the saved state of an earlier part of the run.

    Raises:
        ValueError: if the saved state is damaged or of another shape.
    """
    if not resume or not path.exists():
        return State(torch.zeros(shape))
    state = State.load(path)
    if state.delta.shape != shape:
        raise ValueError(f"{path} holds a delta of {tuple(state.delta.shape)}; these settings need {shape}")
    return state


def _timed(steps: Iterator[Step], state: State, group: SumOverProcesses) -> Iterator[Step]:
    """Counts the seconds of learning and verification, the same number in every process."""
    last = time.monotonic()
    for step in steps:
        now = time.monotonic()
        state.seconds += _mean_over_processes(now - last, group)
        last = now
        yield step


def _counted(
    steps: Iterator[Step], state: State, queries: QueryCounter | None, group: SumOverProcesses
) -> Iterator[Step]:
    """Counts the queries of the steps alone: what verifications ask is no part of the attack."""
    while True:
        before = 0 if queries is None else queries.clips
        step = next(steps, None)
        if step is None:
            return
        if queries is not None:
            asked = queries.clips - before
            state.queries += asked if group.processes == 1 else int(group.total(torch.tensor(float(asked))))
        yield step


def _mean_over_processes(seconds: float, group: SumOverProcesses) -> float:
    if group.processes == 1:
        return seconds
    return float(group.total(torch.tensor(seconds))) / group.processes


def _next_check(done: float) -> float:
    return (int(done * VERIFICATIONS) + 1) / VERIFICATIONS


def _report_step(step: Step, state: State, schedule: Schedule, log: LearningLog) -> None:
    log.event(
        StepEvent(number=step.number, loss=round(step.loss, 4), fooled=step.fooled, clips=step.clips,
        gradient=step.gradient_size, step_size=step.step_size, coherence=step.coherence,
        seconds=round(state.seconds, 2), progress=round(min(schedule.progress(state), 1.0), 4),
        seconds_left=round(schedule.seconds_left(state), 1), queries=state.queries or None,
    ))  # fmt: skip


def _check_gradient(step: Step, diagnostics: LearningDiagnostics, log: LearningLog) -> None:
    no_gradient = step.clips and step.gradient_size == 0
    diagnostics.steps_without_gradient = diagnostics.steps_without_gradient + 1 if no_gradient else 0
    if diagnostics.steps_without_gradient == NO_GRADIENT_STEPS:
        log.run.event(
            WarningEvent(
                message=f"no gradient reaches the perturbation for {NO_GRADIENT_STEPS} steps: all clips of the batches "
                "are fooled by far, or the model hides its gradients; see lsap models check",
            )
        )


def _verify(
    verifier: DeltaVerifier | None,
    problem: Problem,
    state: State,
    diagnostics: LearningDiagnostics,
    log: LearningLog,
) -> None:
    if verifier is None and problem.group.processes == 1:
        return
    progress = None if verifier is None else verifier.verify(state.delta)
    if verifier is not None and progress is not None:
        _report_verification(progress, state.steps, log)
    all_fooled, loss = _of_verifying_process(progress, problem.group)
    before = state.memory.get("verification_losses", torch.zeros(0))
    state.memory["verification_losses"] = torch.cat([before.cpu(), torch.tensor([loss])])
    draw_slots(log.run.folder, state.delta.cpu(), str(problem.binding), state.steps)
    in_a_row = int(state.memory.get("all_won", torch.zeros(()))) + 1 if all_fooled else 0
    state.memory["all_won"] = torch.tensor(float(in_a_row))
    diagnostics.losses, diagnostics.converged = _convergence(state)
    if diagnostics.converged:
        log.event(ConvergedEvent(step=state.steps))


def _convergence(state: State) -> tuple[list[float], bool]:
    """The losses of the verifications so far, and whether the last of them end learning.

    Both are read from the state, so a run that was killed at its end and is resumed does not learn on.
    """
    losses: list[float] = state.memory.get("verification_losses", torch.zeros(0)).tolist()
    in_a_row = int(state.memory.get("all_won", torch.zeros(())))
    return losses, in_a_row >= ALL_FOOLED and not _falls(losses[-ALL_FOOLED:], SETTLED)


def _report_verification(progress: VerifiedProgress, step: int, log: LearningLog) -> None:
    """Rates over videos: samplers stand beside each other, and the lowest rate is the run's figure."""
    ends = SamplerRange.of_rates(progress.rates)
    log.event(
        VerificationEvent(
            step=step,
            fooled=None if ends is None else ends.lowest,
            by_sampler={spec: rate for spec, rate in progress.rates.items() if rate},
            loss=round(progress.loss, 4),
        )
    )


def _of_verifying_process(progress: VerifiedProgress | None, group: SumOverProcesses) -> tuple[bool, float]:
    """Whether every clip is won, and the loss: what the only process that verifies has measured, in all of them."""
    values = torch.zeros(2, dtype=torch.float64)
    if progress is not None:
        values = torch.tensor([float(progress.all_won), progress.loss], dtype=torch.float64)
    if group.processes > 1:
        values = group.total(values)
    return bool(values[0]), float(values[1])


def _falls(losses: Sequence[float], part: float) -> bool:
    """Whether the last loss is lower than the first by more than that part of it (or of one logit)."""
    return len(losses) > 1 and losses[0] - losses[-1] > part * max(abs(losses[0]), 1.0)
