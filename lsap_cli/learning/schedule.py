"""The learning run inside of `generate`: when it ends, how it is watched, how it survives a kill."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.datasets.store import StoredVideo
from lsap_cli.evaluation.rates import rate_of
from lsap_cli.pictures.thumbnails import draw_slots
from lsap_cli.runs import Run
from perturbations.adding import add_float
from perturbations.attacks import Attack
from perturbations.learn import State, Step, learn
from perturbations.losses import margin_loss
from perturbations.problem import Gather, Network, Problem
from perturbations.samplers import Sampler, lengthened
from perturbations.seeds import seeded

SAVE_EVERY_SECONDS = 1.0
VERIFICATIONS = 6
ALL_WON = 3  # verifications in a row, with a loss that has settled, that end learning
SETTLED = 0.01  # part of the verification loss by which it may have fallen from the first of these to the last
NO_GRADIENT = 3  # steps in a row without any gradient that are worth a warning
STILL_FALLING = 0.1  # part of the verification loss that it may change by in the last sixth


@dataclass(frozen=True)
class Schedule:
    """When learning ends: after a number of steps, after some seconds of learning, or whichever comes first."""

    steps: int | None
    seconds: float | None

    def progress(self, state: State) -> float:
        """How much is over, from 0; 1 or more: done."""
        by_steps = state.steps / self.steps if self.steps else 0.0
        by_time = state.seconds / self.seconds if self.seconds else 0.0
        return max(by_steps, by_time)

    def seconds_left(self, state: State) -> float:
        """A guess from the pace so far."""
        done = self.progress(state)
        return state.seconds * (1 - done) / done if done > 0 else 0.0


class QuickVerification:
    """Watches learning on verification videos and samplers that are not fitted, from the frame store's frames.

    It takes the same short way as learning (delta through the video's size by matrices, no defense); the figures that
    `generate` ends with come from the videos' own frames instead.
    """

    def __init__(
        self,
        classifier: Classifier,
        network: Network,
        videos: Sequence[StoredVideo],
        samplers: Sequence[Sampler],
        problem: Problem,
        seed: int,
        batch: int,
    ) -> None:
        self._classifier, self._network, self._problem, self._batch = classifier, network, problem, batch
        generator = seeded(seed, "verification")
        binding = problem.binding
        self._sizes: list[tuple[int, int]] = []
        self._slots: list[Tensor] = []
        self._clips: list[Tensor] = []
        for stored in videos:
            times = lengthened(stored.times, binding.appended)
            for sampler in samplers:
                indices = sampler.choose(times, classifier.frames, 1, generator)[0]
                clip = classifier.geometry.crop(stored.clip(indices.clamp(max=len(stored.times) - 1))).clone()
                clip[indices >= len(stored.times)] = 0
                self._sizes.append(stored.size)
                self._slots.append(binding.slots(indices, len(stored.times)).to(problem.device))
                self._clips.append(clip)
        start = time.monotonic()
        self._clean = self._logits(problem.zeros(), changed=False).argmax(1)
        self.seconds_per_clip = (time.monotonic() - start) / len(self._clips)

    def judge(self, delta: Tensor) -> tuple[int, int, float]:
        """(clips on which the attacker has won, clips, mean margin loss in logits)."""
        logits = self._logits(delta, changed=True)
        objective = self._problem.objective
        won = objective.success(logits.argmax(1), self._clean)
        loss = margin_loss(logits, objective.aims(self._clean), float("inf")).mean()
        return int(won.sum()), len(won), float(loss)

    def _logits(self, delta: Tensor, changed: bool) -> Tensor:
        device = self._problem.device
        patterns: dict[tuple[int, int], Tensor] = {}
        logits = []
        with torch.no_grad():
            for start in range(0, len(self._clips), self._batch):
                chosen = range(start, min(start + self._batch, len(self._clips)))
                frames = torch.stack([self._clips[number] for number in chosen]).to(device).float() / 255
                if changed:
                    frames = torch.cat(
                        [
                            add_float(
                                frames[place : place + 1], self._pattern(delta, number, patterns), slots, rounded=True
                            )
                            for place, number in enumerate(chosen)
                            for slots in [self._slots[number][None]]
                        ]
                    )
                logits.append(self._network.score(frames))
        return torch.cat(logits)

    def _pattern(self, delta: Tensor, number: int, patterns: dict[tuple[int, int], Tensor]) -> Tensor:
        size = self._sizes[number]
        if size not in patterns:
            path = self._classifier.geometry.path_matrices((delta.shape[2], delta.shape[3]), size)
            patterns[size] = path.to(delta.device).forward(delta)
        return patterns[size]


@dataclass
class Watch:
    """What is noticed while learning goes on."""

    losses: list[float]  # of the verifications
    without_gradient: int = 0
    converged: bool = False

    @property
    def still_falling(self) -> bool:
        """Whether the verification loss still fell by more than a tenth over the last part of the run."""
        return not self.converged and _falls(self.losses[-2:], STILL_FALLING)


def run_learning(
    problem: Problem,
    attack: Attack,
    state: State,
    schedule: Schedule,
    verification: QuickVerification | None,
    path: Path,
    run: Run,
    **tags: str | int,
) -> Watch:
    """Learns until the schedule ends or nothing is left to win, reporting every step, saving the state on the way.

    Args:
        problem: what is attacked.
        attack: how.
        state: changed in place.
        schedule: when it ends.
        verification: watches; None where another process does.
        path: of the saved state.
        run: is told what happens.
        tags: go into every event: which of several perturbations this is.
    """
    watch = Watch([])
    progress = [schedule.progress(state)]
    next_check = _next_check(progress[0])
    last_saved = time.monotonic()
    learned = learn(problem, attack, state, lambda now: 1.0 if watch.converged else schedule.progress(now))
    for step in _timed(learned, state, problem.together):
        done = schedule.progress(state)
        _report_step(step, state, schedule, run, tags)
        if attack.uses_gradients:
            _watch_gradient(step, watch, run)
        if next_check <= done:
            _verify(verification, problem, state, watch, run, tags)
            next_check = _next_check(done)
        if time.monotonic() - last_saved > SAVE_EVERY_SECONDS:
            state.save(path)
            last_saved = time.monotonic()
    state.save(path)
    return watch


def starting_state(path: Path, shape: tuple[int, int, int, int], resume: bool) -> State:
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


def _timed(steps: Iterator[Step], state: State, together: Gather) -> Iterator[Step]:
    """Counts the seconds of learning and verification, the same number in every process."""
    last = time.monotonic()
    for step in steps:
        yield_at = time.monotonic()
        state.seconds += _agreed(yield_at - last, together)
        last = yield_at
        yield step


def _agreed(seconds: float, together: Gather) -> float:
    if together.processes == 1:
        return seconds
    return float(together.total(torch.tensor(seconds))) / together.processes


def _next_check(done: float) -> float:
    return (int(done * VERIFICATIONS) + 1) / VERIFICATIONS


def _report_step(step: Step, state: State, schedule: Schedule, run: Run, tags: dict[str, str | int]) -> None:
    run.event(
        "step", number=step.number, loss=round(step.loss, 4), fooled=step.fooled, clips=step.clips,
        gradient=step.gradient_size, step_size=step.step_size, coherence=step.coherence,
        seconds=round(state.seconds, 2), progress=round(min(schedule.progress(state), 1.0), 4),
        seconds_left=round(schedule.seconds_left(state), 1), **tags,
    )  # fmt: skip


def _watch_gradient(step: Step, watch: Watch, run: Run) -> None:
    watch.without_gradient = watch.without_gradient + 1 if step.clips and step.gradient_size == 0 else 0
    if watch.without_gradient == NO_GRADIENT:
        message = (
            f"no gradient reaches the perturbation for {NO_GRADIENT} steps: all clips of the batches are fooled by far, or "
            "the model hides its gradients; see lsap models check"
        )
        run.event("warning", message=message)


def _verify(
    verification: QuickVerification | None,
    problem: Problem,
    state: State,
    watch: Watch,
    run: Run,
    tags: dict[str, str | int],
) -> None:
    if verification is None and problem.together.processes == 1:
        return
    found = torch.zeros(3, dtype=torch.float64)
    if verification is not None:
        found = torch.tensor(verification.judge(state.delta), dtype=torch.float64)
    if problem.together.processes > 1:
        found = problem.together.total(found)
    won, clips, loss = int(found[0]), int(found[1]), float(found[2])
    before = state.memory.get("verification_losses", torch.zeros(0))
    state.memory["verification_losses"] = torch.cat([before, torch.tensor([loss])])
    watch.losses = state.memory["verification_losses"].tolist()
    run.event("verification", step=state.steps, fooled=rate_of(won, clips), loss=round(loss, 4), **tags)
    draw_slots(run.folder, state.delta.cpu(), str(problem.binding), state.steps)
    in_a_row = int(state.memory.get("all_won", torch.zeros(()))) + 1 if won == clips else 0
    state.memory["all_won"] = torch.tensor(float(in_a_row))
    if in_a_row >= ALL_WON and not _falls(watch.losses[-ALL_WON:], SETTLED):
        watch.converged = True
        run.event("converged", step=state.steps, **tags)


def _falls(losses: Sequence[float], part: float) -> bool:
    """Whether the last loss is lower than the first by more than that part of it (or of one logit)."""
    return len(losses) > 1 and losses[0] - losses[-1] > part * max(abs(losses[0]), 1.0)
