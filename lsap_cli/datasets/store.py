"""The frame store: every video decoded once, to 8-bit frames at the classifier's working size.

Frames live in memory up to a limit, and beyond it in one temporary file, of which they are mapped.
"""

import math
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from threading import Lock
from types import TracebackType
from typing import BinaryIO

import torch
from torch import Tensor

from lsap_cli.datasets.base import Video
from lsap_cli.datasets.spill_file import SpillFile, disk_errors_explained
from lsap_cli.results.documents import FrameStoreCost
from lsap_cli.video.memory_limit import BYTES_PER_PIXEL, memory_limit
from lsap_cli.video.reading import UnreadableVideo, read_frames

Shrink = Callable[[Tensor], Tensor]
MOST_WORKERS = 8
AHEAD = 4  # videos for each worker


@dataclass(frozen=True)
class StoredVideo:
    """One video's frames, ready to be sampled.

    Attributes:
        video: which.
        frames: (N, h, w, 3) uint8 at the working size.
        times: (N,) int64, milliseconds from the first frame.
        size: (H, W) of the video's own frames.
    """

    video: Video
    frames: Tensor
    times: Tensor
    size: tuple[int, int]

    def clip(self, indices: Tensor) -> Tensor:
        """Frames by number: (T,) int64 -> (T, 3, h, w) uint8, a view of (T, h, w, 3) memory."""
        return self.frames[indices].permute(0, 3, 1, 2)


class FrameStore:
    """Decodes videos and holds their frames. A context manager, which closes its spill file.

    Args:
        shrink: (1, 3, H, W) uint8 -> (1, 3, h, w) uint8, the classifier's resize.
        memory_bytes: frames beyond this many bytes go to disk.
        workers: videos decoded at a time; None: as many as torch has threads, up to 8.
    """

    def __init__(self, shrink: Shrink, memory_bytes: int, workers: int | None = None) -> None:
        self._shrink = shrink
        self._memory_bytes = memory_bytes
        self._workers = workers or min(torch.get_num_threads(), MOST_WORKERS)
        self._spill = SpillFile()
        self._lock, self._large = Lock(), Lock()
        self._seconds = 0.0
        self._in_memory = 0
        self._on_disk = 0

    def __enter__(self) -> "FrameStore":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._spill.__exit__(kind, error, trace)

    @property
    def cost(self) -> FrameStoreCost:
        """What the decoded videos take."""
        return FrameStoreCost(seconds=self._seconds, memory_bytes=self._in_memory, disk_bytes=self._on_disk)

    def load(self, videos: Sequence[Video]) -> Iterator[tuple[Video, StoredVideo | UnreadableVideo]]:
        """Decodes videos, several at a time, and gives each in the order of the list, or why it cannot be used.

        Only a few are decoded ahead of the one that is given: what waits takes memory, too.
        """
        start = time.monotonic()
        pool = ThreadPoolExecutor(self._workers)
        begun: deque[tuple[Video, Future[StoredVideo | UnreadableVideo]]] = deque()
        try:
            for video in videos:
                begun.append((video, pool.submit(self._attempt, video)))
                if len(begun) > AHEAD * self._workers:
                    done, future = begun.popleft()
                    yield done, future.result()
            for done, future in begun:
                yield done, future.result()
        finally:
            pool.shutdown(cancel_futures=True)
            self._seconds += time.monotonic() - start

    def _attempt(self, video: Video) -> StoredVideo | UnreadableVideo:
        try:
            return self._decode(video)
        except UnreadableVideo as error:
            return error

    def _decode(self, video: Video) -> StoredVideo:
        times: list[int] = []
        size = (0, 0)
        with _VideoSpool(self) as spool, ExitStack() as alone:
            for frame in read_frames(video.media, threads="one"):
                if not times and frame.pixels[0].numel() * BYTES_PER_PIXEL * self._workers > memory_limit():
                    alone.enter_context(self._large)  # several such videos at a time would not fit
                small = self._shrink(frame.pixels[None])[0].permute(1, 2, 0)
                if not times:
                    size = (frame.pixels.shape[1], frame.pixels.shape[2])
                times.append(frame.milliseconds)
                spool.append(small)
            return StoredVideo(video, spool.finish(), torch.tensor(times, dtype=torch.int64), size)

    def claim_memory(self, amount: int) -> bool:
        """Takes that many bytes of memory, if they are left."""
        with self._lock:
            if self._in_memory + amount > self._memory_bytes:
                return False
            self._in_memory += amount
            return True

    def release_memory(self, amount: int) -> None:
        """Gives memory back."""
        with self._lock:
            self._in_memory -= amount

    def to_disk(self, file: BinaryIO, amount: int) -> Tensor:
        """Moves one video's frames into the spill file: (amount,) uint8, mapped from the disk."""
        with disk_errors_explained():
            tensor = self._spill.add(file, amount)
        with self._lock:
            self._on_disk += amount
        return tensor


class _VideoSpool:
    """Collects one video's frames: in memory while the store has some left, from then on in a file of its own.

    Whole videos go from there to the store's spill file, where their frames lie one behind the other.
    """

    def __init__(self, store: FrameStore) -> None:
        self._store = store
        self._frames: list[Tensor] = []
        self._claimed = 0
        self._file: BinaryIO | None = None
        self._count = 0
        self._shape: tuple[int, ...] = ()
        self._finished = False

    def __enter__(self) -> "_VideoSpool":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._finished:
            self._store.release_memory(self._claimed)
        if self._file is not None:
            self._file.close()

    def append(self, frame: Tensor) -> None:
        """Takes one frame, (h, w, 3) uint8."""
        self._shape = tuple(frame.shape)
        self._count += 1
        self._frames.append(frame.contiguous())
        if self._file is None and self._store.claim_memory(frame.nbytes):
            self._claimed += frame.nbytes
            return
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="lsap-video-", buffering=0)  # noqa: SIM115  # closed by __exit__
        with disk_errors_explained():
            self._flush(self._file)

    def finish(self) -> Tensor:
        """All frames, (N, h, w, 3) uint8."""
        if self._file is None:
            frames = torch.stack(self._frames)
        else:
            size = self._count * math.prod(self._shape)
            frames = self._store.to_disk(self._file, size).view(self._count, *self._shape)
        self._finished = True
        return frames

    def _flush(self, file: BinaryIO) -> None:
        for frame in self._frames:
            pixels = frame.numpy().data.cast("B")
            while pixels:  # a write may take a part only
                pixels = pixels[file.write(pixels) :]
        self._frames.clear()
        self._store.release_memory(self._claimed)
        self._claimed = 0
