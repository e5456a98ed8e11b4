"""The frame store: every video decoded once, to 8-bit frames at the classifier's working size.

Frames live in memory up to a limit, and beyond it in memory-mapped files of a temporary folder.
"""

import mmap
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from types import TracebackType

import torch
from torch import Tensor

from lsap_cli.datasets.base import Video
from lsap_cli.video.reading import UnreadableVideo, read_frames

Shrink = Callable[[Tensor], Tensor]


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


@dataclass
class Cost:
    """What a store took.

    Attributes:
        seconds: of decoding, on the wall.
        memory_bytes: of frames in memory.
        disk_bytes: of frames in memory-mapped files.
    """

    seconds: float = 0.0
    memory_bytes: int = 0
    disk_bytes: int = 0


class FrameStore:
    """Decodes videos and holds their frames. Use it as a context manager: its files go when it closes.

    Args:
        shrink: (1, 3, H, W) uint8 -> (1, 3, h, w) uint8, the classifier's resize.
        memory_bytes: frames beyond this many bytes go to disk.
        workers: videos decoded at a time.
    """

    def __init__(self, shrink: Shrink, memory_bytes: int, workers: int) -> None:
        self._shrink = shrink
        self._memory_bytes = memory_bytes
        self._workers = workers
        self._folder = tempfile.TemporaryDirectory(prefix="lsap-frames-")
        self._lock = Lock()
        self.cost = Cost()

    def __enter__(self) -> "FrameStore":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._folder.cleanup()

    def load(self, videos: Sequence[Video]) -> Iterator[tuple[Video, StoredVideo | UnreadableVideo]]:
        """Decodes videos, several at a time, and gives each in the order of the list, or why it cannot be used."""
        start = time.monotonic()
        pool = ThreadPoolExecutor(self._workers)
        try:
            for video, future in [(video, pool.submit(self._attempt, video)) for video in videos]:
                yield video, future.result()
        finally:
            pool.shutdown(cancel_futures=True)
            self.cost.seconds += time.monotonic() - start

    def _attempt(self, video: Video) -> StoredVideo | UnreadableVideo:
        try:
            return self._decode(video)
        except UnreadableVideo as error:
            return error

    def _decode(self, video: Video) -> StoredVideo:
        times: list[int] = []
        size = (0, 0)
        with _Spool(self) as spool:
            for frame in read_frames(video.path, threads="one"):
                small = self._shrink(frame.pixels[None])[0].permute(1, 2, 0)
                if not times:
                    size = (frame.pixels.shape[1], frame.pixels.shape[2])
                times.append(frame.milliseconds)
                spool.append(small)
            return StoredVideo(video, spool.finished(), torch.tensor(times, dtype=torch.int64), size)

    def claim(self, amount: int) -> bool:
        """Takes that many bytes of memory, if they are left."""
        with self._lock:
            if self.cost.memory_bytes + amount > self._memory_bytes:
                return False
            self.cost.memory_bytes += amount
            return True

    def release(self, amount: int) -> None:
        """Gives memory back."""
        with self._lock:
            self.cost.memory_bytes -= amount

    def spill_path(self) -> Path:
        """A new file in the store's folder."""
        with tempfile.NamedTemporaryFile(dir=self._folder.name, suffix=".frames", delete=False) as file:
            return Path(file.name)

    def spilled(self, amount: int) -> None:
        """Counts bytes on disk."""
        with self._lock:
            self.cost.disk_bytes += amount


class _Spool:
    """Collects one video's frames: in memory while the store allows it, from then on in a file."""

    def __init__(self, store: FrameStore) -> None:
        self._store = store
        self._held: list[Tensor] = []
        self._claimed = 0
        self._path: Path | None = None
        self._count = 0
        self._shape: tuple[int, ...] = ()
        self._done = False

    def __enter__(self) -> "_Spool":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._done:
            self._store.release(self._claimed)

    def append(self, frame: Tensor) -> None:
        self._shape = tuple(frame.shape)
        self._count += 1
        if self._path is None and self._store.claim(frame.nbytes):
            self._claimed += frame.nbytes
            self._held.append(frame.contiguous())
            return
        if self._path is None:
            self._path = self._store.spill_path()
        self._held.append(frame.contiguous())
        self._flush()

    def finished(self) -> Tensor:
        """(N, h, w, 3) uint8."""
        self._done = True
        if self._path is None:
            return torch.stack(self._held)
        with self._path.open("r+b") as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        return torch.frombuffer(mapped, dtype=torch.uint8).view(self._count, *self._shape)

    def _flush(self) -> None:
        assert self._path is not None
        with self._path.open("ab") as file:
            for frame in self._held:
                file.write(frame.numpy().data)
                self._store.spilled(frame.nbytes)
        self._held.clear()
        self._store.release(self._claimed)
        self._claimed = 0
