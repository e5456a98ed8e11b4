"""The one loop of training: clips in, loss, gradient, update; measured after each epoch, saved on the way."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from msgspec.structs import replace
from torch import nn
from torch.nn.functional import cross_entropy
from torch.nn.parallel import DistributedDataParallel
from torch.optim.lr_scheduler import LambdaLR

from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.datasets.store import StoredVideo
from lsap_cli.errors import LsapError
from lsap_cli.evaluation.protocol import own_protocol
from lsap_cli.learning.process_group import ProcessGroup
from lsap_cli.learning.time_budget import TimeBudget
from lsap_cli.results.base import UNSET
from lsap_cli.results.events import PlanEvent, ResumedEvent, StageEvent, StepEvent, VerificationEvent
from lsap_cli.runs import Run
from lsap_cli.training.checkpoint import TrainingState, load_training_state
from lsap_cli.training.labeled_videos import LabeledVideos
from lsap_cli.training.measuring import CurvePoint
from lsap_cli.training.networks import (
    ScoringModule,
    TrainedLayers,
    choose_layers,
    estimate_statistics,
    set_training_mode,
)
from lsap_cli.training.settings import TrainingOptions
from lsap_cli.training.steps import ClipSource, StepClips
from perturbations.seeds import seeded

SAVE_EVERY_SECONDS = 20.0
WARM_UP = 0.05  # share of training in which the learning rate rises
MOST_GRADIENT = 5.0  # norm of all gradients, beyond which they are made smaller
LEAST_SCALE = 2.0**-14  # of fp16's gradients: below it, their overflow is no matter of scale
STATISTICS_BATCHES = 16  # that statistics are taken from
FINAL_MARGIN = 1.5  # of the time that the last measurement takes, by the first one's pace
WRITING_SECONDS = 2.0
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass
class Training:
    """One network, trained by the processes of a group.

    Attributes:
        settings: what was asked for.
        classifier: whose network is changed in place; on its device.
        others_rate: of the learning rate, for the layers that are not the head.
        source: of the clips of each step.
        videos: decoded and split.
        group: of processes.
        run: gets the events.
        state_path: of the saved state.
        budget: of the whole command.
        state: where training is.
    """

    settings: TrainingOptions
    classifier: Classifier
    others_rate: float
    source: ClipSource
    videos: LabeledVideos
    device: torch.device
    group: ProcessGroup
    run: Run
    state_path: Path
    budget: TimeBudget
    state: TrainingState = field(default_factory=TrainingState)

    def __post_init__(self) -> None:
        settings = self.settings
        self.network: nn.Module = self.classifier.network
        self.layers: TrainedLayers = choose_layers(self.network, settings.trained)
        self.optimizer = self._optimizer()
        self.schedule = LambdaLR(self.optimizer, lambda _: rate_factor(self.progress))
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=settings.precision == "fp16")
        self.protocol = own_protocol(self.classifier, settings.seed, self.device)

    @property
    def measured_videos(self) -> list[StoredVideo]:
        """The videos of the curve: with --patience those for validation, which choose the weights."""
        return self.videos.validation or self.videos.held_out

    @property
    def step_limit(self) -> int | None:
        """Updates; None: the time budget alone ends training."""
        epochs = self.settings.epoch_limit
        return None if epochs is None else epochs * self.source.steps_per_epoch

    @property
    def progress(self) -> float:
        """How much is over, from 0; 1 or more: done."""
        by_steps = self.state.step / self.step_limit if self.step_limit else 0.0
        by_time = self.state.seconds / self.state.limit if self.state.limit else 0.0
        return max(by_steps, by_time)

    @property
    def ended_by(self) -> str | None:
        """Why training is over; None: it is not."""
        patience, state = self.settings.patience, self.state
        if patience is not None and state.epochs_without_gain >= patience:
            return "early stop"
        if self.step_limit is not None and state.step >= self.step_limit:
            return "epochs"
        return "time budget" if self.progress >= 1 else None

    def resume(self) -> None:
        """Goes on from the saved state, if there is one.

        Raises:
            LsapError: if it is damaged.
        """
        if not self.state_path.exists():
            return
        self.state, parts = load_training_state(self.state_path)
        for name, part in self._parts().items():
            part.load_state_dict(parts[name])
        self.source.load_state(parts["source"])
        self.run.event(ResumedEvent(step=self.state.step, seconds=round(self.state.seconds, 1)))

    def train(self, plan: Callable[[int | None, float | None], PlanEvent] | None = None) -> str:
        """Trains until the epochs, the time budget or the patience are over.

        Args:
            plan: from the limits of steps and seconds to what is still to come in the run; None: nothing is said of it.

        Returns:
            What ended it.

        Raises:
            LsapError: if the loss, a gradient or the weights in the end are not finite.
        """
        scorer = self._scorer()
        saved = time.monotonic()
        if self.state.step == 0:
            self._measure()
            self.state.limit = self._time_limit()
        if plan is not None:
            self.run.event(plan(self.step_limit, self.state.limit))
        self.run.event(StageEvent(name="training", steps=self.step_limit, seconds=self.state.limit))
        while (reason := self.ended_by) is None:
            began = time.monotonic()
            event = self._update(scorer, self.source.clips(self.state.step))
            if self.state.step % self.source.steps_per_epoch == 0:
                self._measure()
            self.state.seconds = self.group.from_first(self.state.seconds + time.monotonic() - began)
            self.schedule.step()
            self._report(event)
            if self.group.is_first and time.monotonic() - saved > SAVE_EVERY_SECONDS:
                self._save()
                saved = time.monotonic()
        if self.group.is_first:
            self._save()
            if self.state.step % self.source.steps_per_epoch:
                self._estimate_statistics()
        if self.state.best:
            self.network.load_state_dict(self.state.best)
        self.network.eval()
        if not all(bool(one.isfinite().all()) for one in self.network.parameters()):  # buffers may hold masks
            raise self._divergence(f"the weights are not finite after step {self.state.step}")
        return reason

    def _divergence(self, what: str) -> LsapError:
        """The error of numbers that are not finite."""
        settings = self.settings
        return LsapError(
            f"{what}: use a lower --learning-rate (it is {settings.first_learning_rate:g}) or another --precision (it "
            f"is {settings.precision})",
            1,
        )

    def _update(self, scorer: nn.Module, batch: StepClips) -> StepEvent:
        """One update, and its event without times."""
        settings, state = self.settings, self.state
        set_training_mode(self.network, self.layers)
        with (
            self._seeded_dropout(),
            torch.autocast(self.device.type, DTYPES[settings.precision], enabled=settings.precision != "fp32"),
        ):
            logits = scorer(batch.clips)
            losses = cross_entropy(logits, batch.targets, reduction="none", label_smoothing=settings.label_smoothing)
        loss = losses.mean()
        right = (logits.argmax(1) == batch.targets).sum()
        sums = self.group.total(torch.stack([loss.detach().double(), right.double()]))
        mean = float(sums[0]) / self.group.processes
        if not math.isfinite(mean):
            raise self._divergence(f"the loss is {mean} in step {state.step + 1}")
        self.optimizer.zero_grad()
        batch.losses_known(losses.detach())
        self.scaler.scale(loss).backward()
        batch.gradients_known()
        self.scaler.unscale_(self.optimizer)
        norm = nn.utils.clip_grad_norm_([*self.layers.new, *self.layers.others], MOST_GRADIENT)
        if not bool(norm.isfinite()) and (not self.scaler.is_enabled() or self.scaler.get_scale() < LEAST_SCALE):
            raise self._divergence(f"the gradients of step {state.step + 1} are not finite")
        rate = float(self.optimizer.param_groups[0]["lr"])
        self.scaler.step(self.optimizer)
        self.scaler.update()
        state.step += 1
        return StepEvent(
            number=state.step, loss=round(mean, 4), clips=float(settings.batch), right=float(sums[1]),
            learning_rate=rate,
        )  # fmt: skip

    def _measure(self) -> None:
        """A point of the curve; with --patience the best weights so far are kept."""
        began = time.monotonic()
        measured: CurvePoint | None = None
        if self.group.is_first:
            if self.state.step:
                self._estimate_statistics()
            self.network.eval()
            measured = self.source.measure(self.protocol, self.measured_videos)
            self.run.event(
                VerificationEvent(
                    step=self.state.step, loss=round(measured.loss, 4), accuracy=measured.accuracy,
                    attacked=measured.attacked or UNSET,
                )
            )  # fmt: skip
        loss = self.group.from_first(0.0 if measured is None else measured.loss)
        self._measuring_seconds = time.monotonic() - began
        if self.state.step and self.settings.patience is not None:
            self._judge(loss)

    def _estimate_statistics(self) -> None:
        """Takes batch normalization's statistics from the clips of the last steps."""
        last = min(self.state.step, self.source.steps_per_epoch, STATISTICS_BATCHES)
        batches = self.source.statistics_clips(self.state.step - last, last)

        def pass_clips() -> None:
            with torch.no_grad(), self._seeded_dropout():
                for clips in batches:
                    self.classifier.score(clips)

        estimate_statistics(self.network, self.layers, pass_clips)

    def _time_limit(self) -> float | None:
        """Seconds that the budget leaves to training; None: there is none.

        Raises:
            LsapError: if it is over already.
        """
        if self.budget.seconds is None:
            return None
        a_video = self._measuring_seconds / len(self.measured_videos)
        left = self.budget.seconds - self.budget.elapsed_seconds
        clips_after = len(self.videos.held_out) + STATISTICS_BATCHES * self.settings.batch
        left -= FINAL_MARGIN * a_video * clips_after + WRITING_SECONDS
        left = self.group.from_first(left)
        if left <= 0:
            raise LsapError(
                f"--time-budget {self.budget.seconds:g}s is over before training can start (it took "
                f"{self.budget.elapsed_seconds:.0f}s to load, and needs time to measure at its end); give more time"
            )
        return round(left, 1)

    def _judge(self, loss: float) -> None:
        """Early stopping (Prechelt 1998): the weights of the lowest validation loss are the result."""
        state = self.state
        if loss < state.best_loss:
            best = {name: value.detach().cpu().clone() for name, value in self.network.state_dict().items()}
            state.best_loss, state.best, state.epochs_without_gain = loss, best, 0
        else:
            state.epochs_without_gain += 1

    def _report(self, event: StepEvent) -> None:
        seconds, done = self.state.seconds, min(self.progress, 1.0)
        self.run.event(
            replace(
                event, seconds=round(seconds, 2), progress=round(done, 4),
                seconds_left=round(seconds * (1 - done) / done, 1) if done else None,
            )
        )  # fmt: skip

    def _save(self) -> None:
        parts = {name: part.state_dict() for name, part in self._parts().items()}
        self.state.save(self.state_path, parts | {"source": self.source.state()})

    def _parts(self) -> dict[str, Any]:  # each has a state dict, and no common class
        return {"network": self.network, "optimizer": self.optimizer, "schedule": self.schedule, "scaler": self.scaler}

    def _scorer(self) -> nn.Module:
        """Clips to logits; in a group, gradients are the mean of all processes'."""
        scorer = ScoringModule(self.classifier)
        return scorer if self.group.processes == 1 else DistributedDataParallel(scorer)

    def _optimizer(self) -> torch.optim.Optimizer:
        settings = self.settings
        rate = settings.first_learning_rate
        groups: list[dict[str, Any]] = [{"params": self.layers.new, "lr": rate}]  # as torch's optimizers take them
        if self.layers.others:
            groups.append({"params": self.layers.others, "lr": rate * self.others_rate})
        if settings.optimizer == "sgd":
            return torch.optim.SGD(groups, momentum=0.9, nesterov=True, weight_decay=settings.weight_decay)
        return torch.optim.AdamW(groups, weight_decay=settings.weight_decay)

    @contextmanager
    def _seeded_dropout(self) -> Iterator[None]:
        """What layers draw in a step depends on the seed, the step and the process: a resumed run draws the same."""
        generator = seeded(self.settings.seed, "dropout", self.state.step, self.group.number)
        devices = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed(int(torch.randint(2**31, (), generator=generator)))
            yield


def rate_factor(progress: float) -> float:
    """The learning rate as a share of its highest: it rises linearly, then falls as half a cosine to 0."""
    if progress < WARM_UP:
        return (progress + 0.01) / (WARM_UP + 0.01)
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (progress - WARM_UP) / (1 - WARM_UP))))
