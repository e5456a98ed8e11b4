"""One temporary file for the frames that memory does not hold. It has no name, so no death of the process leaves it."""

import mmap
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from types import TracebackType
from typing import BinaryIO

import torch
from torch import Tensor

from lsap_cli.errors import LsapError

SEGMENT_BYTES = 2**30  # mapped at a time: few maps, each of which keeps the file open once more
ALIGNMENT = 64  # bytes, as torch aligns memory
COPIED_BYTES = 2**24  # at a time


@contextmanager
def disk_errors_explained() -> Iterator[None]:
    """Turns a full disk into a sentence.

    Raises:
        LsapError: for an OSError inside of the block.
    """
    try:
        yield
    except OSError as error:
        raise LsapError(
            f"frames cannot be put on disk in {tempfile.gettempdir()} ({error.strerror or error}): free space there, "
            "name another folder with TMPDIR, or hold more in memory with --memory; go on with --resume and --run", 1
        ) from None  # fmt: skip


class SpillFile:
    """Holds arrays of bytes on disk and gives them back as tensors. A context manager, which closes it.

    Disk space is freed when the file is closed and its tensors are gone. Several threads may write.

    Args:
        segment_bytes: that are mapped at a time.
    """

    def __init__(self, segment_bytes: int = SEGMENT_BYTES) -> None:
        self._file = tempfile.TemporaryFile(prefix="lsap-frames-")  # noqa: SIM115  # closed by __exit__
        self._segment_bytes = segment_bytes
        self._segment: Tensor | None = None
        self._segment_start = 0  # in the file
        self._used = 0  # bytes of the segment
        self._lock = Lock()

    def __enter__(self) -> "SpillFile":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._segment = None
        self._file.close()

    def add(self, source: BinaryIO, size: int) -> Tensor:
        """Copies a file's first bytes.

        Args:
            source: a file that was written by this process.
            size: bytes, at least 1.

        Returns:
            (size,) uint8, mapped from the disk.

        Raises:
            OSError: if the disk is full.
        """
        start, tensor = self._reserve(size)
        copied = 0
        while copied < size:
            block = os.pread(source.fileno(), min(COPIED_BYTES, size - copied), copied)
            # written, not stored through the map: a full disk then is an error, not a signal
            copied += os.pwrite(self._file.fileno(), block, start + copied)
        return tensor

    def _reserve(self, size: int) -> tuple[int, Tensor]:
        """A place in the file, and the tensor that is mapped there."""
        with self._lock:
            if self._segment is None or self._used + size > len(self._segment):
                self._new_segment(size)
            assert self._segment is not None
            start = self._used
            self._used += -(-size // ALIGNMENT) * ALIGNMENT
            return self._segment_start + start, self._segment[start : start + size]

    def _new_segment(self, size: int) -> None:
        """Makes the file longer, with a hole that takes no space yet, and maps what is new."""
        length = -(-max(size, self._segment_bytes) // mmap.ALLOCATIONGRANULARITY) * mmap.ALLOCATIONGRANULARITY
        self._segment_start += 0 if self._segment is None else len(self._segment)
        self._file.truncate(self._segment_start + length)
        mapped = mmap.mmap(self._file.fileno(), length, offset=self._segment_start)
        self._segment = torch.frombuffer(mapped, dtype=torch.uint8)
        self._used = 0
