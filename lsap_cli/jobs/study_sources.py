"""What is added to the videos of cells: patterns and noise, to all frames or a part, in memory or in written files."""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from lsap_cli.applying.adding import SEGMENTS, Adder, Segment
from lsap_cli.applying.video_copy import VideoCopy
from lsap_cli.datasets.base import Video
from lsap_cli.evaluation.noise_control import NoiseControl, noise_control
from lsap_cli.evaluation.sources import AddedPerturbation, PerturbationSource, PerturbedFiles
from lsap_cli.jobs.study_learning import CellPatterns
from lsap_cli.results.records import NOISE, PERTURBED
from lsap_cli.specs import build
from lsap_cli.study.axes import ALL, NONE
from lsap_cli.study.cells import PlannedCell
from lsap_cli.study.store import FILES
from lsap_cli.video.codecs import CODECS, Codec
from lsap_cli.video.media import Media, local_file, read_alike
from lsap_cli.video.memory_limit import slot_bytes
from lsap_cli.video.picture_sequences import PictureSequence
from lsap_cli.video.writing import container_suffix
from perturbations import Perturbation
from perturbations.slot_cache import SlotCache

Added = tuple[str, str, str]
"""What is added (`perturbed` or `noise`), to which frames, through which codec."""
FILE_SSIM_EVERY = 2**30  # frames: what is judged needs no structural similarity


def added_name(added: Added) -> str:
    """As a perturbation source is called."""
    return "|".join(added)


def added_of(cell: PlannedCell, kind: str) -> Added:
    """What is added in a cell."""
    return kind, cell.point.text("frames"), cell.point.text("file")


@dataclass(frozen=True)
class SegmentSource:
    """A source that changes some frames of a video only.

    Attributes:
        inner: what it does to these.
        segment: which frames.
    """

    inner: PerturbationSource
    segment: Segment
    appended = 0

    def file_of(self, video: Video) -> Media:
        return self.inner.file_of(video)

    def change(self, frames: Tensor, indices: Tensor, frame_count: int) -> Tensor:
        first, behind = self.segment.bounds(frame_count)
        inside = (indices >= first) & (indices < behind)
        if not bool(inside.any()):
            return frames
        changed = self.inner.change(frames, indices, frame_count)
        return torch.where(inside[:, None, None, None], changed, frames)


@contextmanager
def sources_of(
    cells: Sequence[PlannedCell], patterns: CellPatterns, videos: Sequence[Video], seed: int, folder: Path
) -> Iterator[dict[str, PerturbationSource]]:
    """The sources of some cells for some videos, by `added_name`; files that are written for it end with the block.

    Args:
        cells: of one perturbation.
        patterns: what is added; where each video has its own, there is one video.
        videos: that are judged.
        seed: of the noise.
        folder: of the study, below which files are written.

    Raises:
        LsapError: if a codec does not take the perturbation.
        UnreadableVideo: if a video cannot be written.
    """
    perturbation = patterns.of(videos[0].name)
    made: dict[str, PerturbationSource] = {}
    writing: Path | None = None
    try:
        for added in dict.fromkeys(added_of(cell, kind) for cell in cells for kind in (NOISE, PERTURBED)):
            kind, frames, file = added
            segment = None if frames == ALL else build(frames, SEGMENTS, "choice of frames")
            if file == NONE:
                source = _source(perturbation, kind, seed)
                made[added_name(added)] = source if segment is None else SegmentSource(source, segment)
                continue
            (folder / FILES).mkdir(exist_ok=True)
            writing = writing or Path(tempfile.mkdtemp(prefix="cell-", dir=folder / FILES))
            slots = _slots(perturbation, kind, seed)
            codec = build(file, CODECS, "codec")
            place = writing / str(len(made))
            place.mkdir()
            made[added_name(added)] = PerturbedFiles(
                {
                    video.name: _written(video, place / f"{number:05d}", codec, slots, segment)
                    for number, video in enumerate(videos)
                }
            )
        yield made
    finally:
        if writing is not None:
            shutil.rmtree(writing, ignore_errors=True)


def _source(perturbation: Perturbation, kind: str, seed: int) -> PerturbationSource:
    return AddedPerturbation(perturbation) if kind == PERTURBED else noise_control(perturbation, seed)


def _slots(perturbation: Perturbation, kind: str, seed: int) -> SlotCache:
    """What is added to frames that are written."""
    if kind == PERTURBED:
        return SlotCache(perturbation, most_bytes=slot_bytes())
    noise = noise_control(perturbation, seed)
    if isinstance(noise, NoiseControl):
        return noise.levels
    assert isinstance(noise, AddedPerturbation)  # of appended frames
    return SlotCache(noise.perturbation, most_bytes=slot_bytes())


def _written(video: Video, staged: Path, codec: Codec, slots: SlotCache, segment: Segment | None) -> Media:
    """One perturbed copy, as `apply` writes it.

    Raises:
        UnreadableVideo: if it cannot be written, or is no video.
    """
    from lsap_cli.video.reading import count_frames

    count = count_frames(video.media, lambda _: None)
    adder = Adder(slots, segment, count)
    if isinstance(video.media, PictureSequence):
        VideoCopy(staged, codec, adder, "one", FILE_SSIM_EVERY, lambda _: None).write_sequence(video.media)
        return read_alike(staged, video.media)
    with local_file(video.media) as path:
        staged = staged.with_suffix(container_suffix(path, codec))
        VideoCopy(staged, codec, adder, "one", FILE_SSIM_EVERY, lambda _: None).write_file(video.media, path)
    return staged
