"""Batches for learning, drawn from the frame store. A batch depends on its number and the seed, on nothing else.

What a batch shows is planned first (a few numbers, made by a thread while the network is busy with the batch before),
then done to all clips of the batch at once, on the device.
"""

from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

from lsap_cli.learning.batch_planning import BatchSettings, PlannedBatch, plan_batch
from lsap_cli.learning.defended_clips import DefendedClips, append_pattern_frames
from lsap_cli.learning.delta_paths import DeltaPaths
from lsap_cli.learning.device_frames import DeviceFrames
from perturbations.bindings import NO_SLOT
from perturbations.problem import Batch


class BatchSource:
    """Draws batches: every video once before any twice, each through a random sampler and phase.

    It owns the thread that plans ahead; use it as a context manager, which ends the thread.

    Args:
        settings: what all batches have in common.

    Attributes:
        paths: of delta through the sizes of videos.
    """

    def __init__(self, settings: BatchSettings) -> None:
        self.settings = settings
        self.paths = DeltaPaths(
            settings.geometry, settings.delta_size, settings.resize, settings.budget, settings.device, settings.basis
        )
        self._planned: dict[int, Future[PlannedBatch]] = {}
        self._planner = ThreadPoolExecutor(1, "batch-planner")
        self._frames: DeviceFrames | None = None

    def __enter__(self) -> "BatchSource":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._planner.shutdown(cancel_futures=True)

    def draw(self, step: int) -> Batch:
        """The batch of a step, or this process's part of it."""
        future = self._planned.pop(step, None) or self._planner.submit(plan_batch, self.settings, step)
        self._planned.clear()
        self._planned[step + 1] = self._planner.submit(plan_batch, self.settings, step + 1)
        return self.build(future.result())

    def build(self, plan: PlannedBatch) -> Batch:
        """What a planned batch shows, or this process's part of it."""
        settings = self.settings
        part = self._own_part(plan)
        if self._frames is None:
            self._frames = DeviceFrames(settings.videos, settings.geometry, settings.device)
        clips = self._frames.gather(part.videos, part.needed)
        frames = clips.float().div_(255) if part.change is None else part.change.apply(clips)
        appended = settings.binding.appended
        if appended:
            frames[(part.slots != NO_SLOT).to(settings.device)] = 0.0  # black, whatever the change made of them
        slots = part.slots
        if settings.fitted_defense is not None:
            frames, slots = append_pattern_frames(frames, part)
        mirrored = part.change is not None and part.change.mirrored
        defended = DefendedClips(part, settings.videos, appended, settings.fitted_defense)
        return Batch(
            frames,
            slots.to(settings.device, non_blocking=True),
            settings.clean_predictions[part.videos, int(mirrored)].to(settings.device, non_blocking=True),
            self.paths.through(part.size),
            defended if part.defenses else None,
            part.change is not None,
        )

    def _own_part(self, plan: PlannedBatch) -> PlannedBatch:
        """This process's clips."""
        number, processes = self.settings.process
        if processes == 1:
            return plan
        each = self.settings.clips * self.settings.draws // processes
        return plan.part(slice(number * each, (number + 1) * each))
