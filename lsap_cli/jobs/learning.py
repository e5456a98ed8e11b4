"""The learning run inside of `generate`: when it ends, how it is watched, how it survives a kill."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.datasets.store import StoredVideo
from lsap_cli.evaluation.rates import rate_of
from lsap_cli.jobs.batches import BatchSource
from lsap_cli.jobs.look import draw_slots
from lsap_cli.runs import Run
from perturbations import Binding, Budget
from perturbations.learn import State, add_and_round, learn
from perturbations.objectives import Objective
from perturbations.samplers import Sampler
from perturbations.seeds import seeded
from perturbations.updates import Update

SAVE_EVERY_SECONDS = 1.0
VERIFICATIONS = 6
STATE = "state.safetensors"


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

    It takes the same short way as learning (delta through the video's size by matrices); the figures that
    `generate` ends with come from the videos' own frames instead.
    """

    def __init__(
        self,
        classifier: Classifier,
        videos: Sequence[StoredVideo],
        samplers: Sequence[Sampler],
        binding: Binding,
        objective: Objective,
        seed: int,
        device: torch.device,
    ) -> None:
        self._classifier, self._objective, self._device = classifier, objective, device
        self.binding = binding
        generator = seeded(seed, "verification")
        cases = [
            (stored, sampler.choose(stored.times, classifier.frames, 1, generator)[0])
            for stored in videos
            for sampler in samplers
        ]
        self._sizes = [stored.size for stored, _ in cases]
        self._slots = [binding.slots(indices, len(stored.times)).to(device) for stored, indices in cases]
        self._clips = [classifier.geometry.crop(stored.clip(indices)) for stored, indices in cases]
        start = time.monotonic()
        self._clean = self._predict(None)
        self.seconds_per_clip = (time.monotonic() - start) / len(cases)

    def fooled(self, delta: Tensor) -> tuple[int, int]:
        """(clips on which the attacker has won, clips)."""
        won = self._objective.success(self._predict(delta), self._clean)
        return int(won.sum()), len(self._clean)

    def _predict(self, delta: Tensor | None) -> Tensor:
        patterns: dict[tuple[int, int], Tensor] = {}
        predictions = []
        with torch.inference_mode():
            for clip, slots, size in zip(self._clips, self._slots, self._sizes, strict=True):
                frames = clip.to(self._device).float() / 255
                if delta is not None:
                    if size not in patterns:
                        rows, columns = self._classifier.geometry.path_matrices((delta.shape[2], delta.shape[3]), size)
                        patterns[size] = rows.to(self._device) @ delta @ columns.T.to(self._device)
                    frames = add_and_round(frames, patterns[size][slots])
                predictions.append(self._classifier.score(frames[None]).argmax(1))
        return torch.cat(predictions)


def run_learning(
    score: Callable[[Tensor], Tensor],
    source: BatchSource,
    objective: Objective,
    update: Update,
    budget: Budget,
    state: State,
    schedule: Schedule,
    verification: QuickVerification,
    run: Run,
) -> None:
    """Learns until the schedule ends, reporting every step, verifying and saving the state on the way."""
    path = run.folder / STATE
    last_saved = time.monotonic()
    next_check = (int(schedule.progress(state) * VERIFICATIONS) + 1) / VERIFICATIONS
    before, last = state.seconds, time.monotonic()
    steps = learn(score, source.draw, objective, update, budget, state, schedule.progress)
    for step in steps:
        state.seconds = before + time.monotonic() - last
        run.event(
            "step", number=step.number, loss=round(step.loss, 4), fooled=step.fooled, clips=step.clips,
            gradient=step.gradient_size, seconds=round(state.seconds, 2),
            progress=round(min(schedule.progress(state), 1.0), 4), seconds_left=round(schedule.seconds_left(state), 1),
        )  # fmt: skip
        if next_check <= schedule.progress(state) < 1:
            _report(verification, state, run)
            next_check = (int(schedule.progress(state) * VERIFICATIONS) + 1) / VERIFICATIONS
            state.seconds = before + time.monotonic() - last
        if time.monotonic() - last_saved > SAVE_EVERY_SECONDS:
            state.save(path)
            last_saved = time.monotonic()
    state.save(path)


def starting_state(folder: Path, shape: tuple[int, int, int, int], resume: bool) -> State:
    """A delta of zeros, or the saved state of an earlier part of the run.

    Raises:
        ValueError: if the saved state is damaged or of another shape.
    """
    path = folder / STATE
    if not resume or not path.exists():
        return State(torch.zeros(shape))
    state = State.load(path)
    if state.delta.shape != shape:
        raise ValueError(f"{path} holds a delta of {tuple(state.delta.shape)}; these settings need {shape}")
    return state


def _report(verification: QuickVerification, state: State, run: Run) -> None:
    count, of = verification.fooled(state.delta)
    run.event("verification", step=state.steps, fooled=rate_of(count, of))
    draw_slots(run.folder, state.delta, str(verification.binding), state.steps)
