"""`lsap apply`: put a perturbation into a folder of videos, and check in the written files that it is there."""

import json
import shutil
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path, PurePosixPath
from typing import Any

import torch
from torch import Tensor

from lsap_cli.datasets.listing import Video, content_hash, list_videos
from lsap_cli.errors import LsapError
from lsap_cli.evaluation.changes import Changes, total_norms
from lsap_cli.jobs.look import draw_slots
from lsap_cli.runs import Run
from lsap_cli.specs import build
from lsap_cli.video.codecs import CODECS, Codec
from lsap_cli.video.reading import UnreadableVideo, read_footage, read_frames, read_header
from lsap_cli.video.writing import container_suffix, transcode
from perturbations import Perturbation
from perturbations.perturbation import add_levels

MANIFEST = "manifest.jsonl"
MANIFEST_SCHEMA = "lsap.manifest/1"
BYTES_A_PIXEL = 1.2  # of lossless video with a perturbation in it: 1.0 to 1.5 were measured
COPY = "perturbation.safetensors"  # beside the manifest: what was added, for lsap defend --perturbed


@dataclass(frozen=True)
class Settings:
    """What `apply` was asked for; the fields are the command's options."""

    perturbation: str
    videos: str
    out: str
    codec: str = "ffv1"
    workers: int = 1


@dataclass(frozen=True)
class Job:
    """One file to write."""

    source: Path
    name: str  # of the source, in its set
    target: Path
    codec: Codec


@dataclass(frozen=True)
class Written:
    """What a reader finds in one written file, against its source. Norms are in 8-bit levels (0-255).

    Attributes:
        linf: the largest change of any value.
        l2_rms: root mean square of all changes.
        map: mean absolute change (LSAP's MAP).
        psnr: in dB; None where nothing changed.
        exact: for lossless codecs, whether every frame is the source plus the rounded perturbation, cut to 0..255.
    """

    frames: int
    height: int
    width: int
    linf: int
    l2_rms: float
    map: float
    psnr: float | None
    exact: bool


def load_perturbation(path: Path) -> Perturbation:
    """A perturbation that can be put into videos.

    Raises:
        LsapError: if the file cannot be read, is damaged, or is bound to slots of a clip.
    """
    if not path.is_file():
        raise LsapError(f"the perturbation {path} does not exist; make one with lsap generate")
    try:
        perturbation = Perturbation.load(path)
    except (ValueError, OSError) as error:
        raise LsapError(
            f"the perturbation {error}" if str(path) in str(error) else f"the perturbation {path}: {error}"
        ) from None
    return perturbation


def apply(settings: Settings, run: Run) -> dict[str, Any]:
    """Writes every video again with the perturbation added, mirrored below the output folder.

    Returns:
        The results document: files with their effective norms, totals, and what was skipped.

    Raises:
        LsapError: for anything that the user can mend.
    """
    perturbation = load_perturbation(Path(settings.perturbation))
    if not perturbation.binding.fits_a_video:
        raise LsapError(
            f"{settings.perturbation} is bound to slots after sampling ({perturbation.binding}): no video can carry it; "
            "generate one with the binding constant, cyclic:P or relative:P"
        )
    codec: Codec = build(settings.codec, CODECS, "codec")
    listing = list_videos(Path(settings.videos), [])
    out = Path(settings.out)
    _check_folders(Path(settings.videos), out)
    run.event("stage", name="applying", files=len(listing.videos))
    entries: list[dict[str, Any]] = []
    skipped: list[dict[str, str]] = []
    jobs, refused = _plan(listing.videos, out, codec)
    for video, reason in refused:
        _leave_out(run, skipped, video.name, video.path, reason)
    _check_disk(jobs, out)
    shutil.copyfile(settings.perturbation, out / COPY)
    draw_slots(run.folder, perturbation.delta, str(perturbation.binding))
    with (out / MANIFEST).open("w", encoding="utf-8") as manifest:
        for job, outcome in _work(jobs, Path(settings.perturbation), perturbation, settings.workers):
            if isinstance(outcome, str):
                _leave_out(run, skipped, job.name, job.source, outcome)
                continue
            entry = {
                "schema": MANIFEST_SCHEMA,
                "source": job.name,
                "output": job.target.relative_to(out).as_posix(),
                "source_sha256": content_hash(job.source),
                "output_sha256": content_hash(job.target),
                "perturbation_sha256": content_hash(Path(settings.perturbation)),
                "codec": settings.codec,
            } | asdict(outcome)
            manifest.write(json.dumps(entry) + "\n")
            manifest.flush()
            entries.append(entry)
            run.event(
                "file",
                path=job.name,
                output=entry["output"],
                linf=outcome.linf,
                l2_rms=outcome.l2_rms,
                exact=outcome.exact,
            )
    results = _document(settings, perturbation, codec, entries, skipped)
    run.write_json("results.json", results)
    if not entries:
        raise LsapError(f"none of the {len(listing.videos)} videos in {settings.videos} could be written", 1)
    return results


def _document(
    settings: Settings,
    perturbation: Perturbation,
    codec: Codec,
    entries: list[dict[str, Any]],
    skipped: list[dict[str, str]],
) -> dict[str, Any]:
    """The results document."""
    return {
        "schema": "lsap.apply/1",
        "out": settings.out,
        "files": entries,
        "effective": total_norms(entries),
        "budget": {"norm": perturbation.budget.norm, "epsilon": perturbation.budget.epsilon_text},
        "lossless": codec.lossless,
        "over_budget": [one["output"] for one in entries if _over_budget(one, perturbation)],
        "not_exact": [one["output"] for one in entries if codec.lossless and not one["exact"]],
        "skipped": skipped,
    }


def measure(source: Path, target: Path, perturbation: Perturbation, frame_count: int) -> Written:
    """Decodes a source and a written file side by side and compares every frame.

    Args:
        source: a video.
        target: what was written for it.
        perturbation: what was added.
        frame_count: of the source; not looked at unless the binding needs it.

    Raises:
        UnreadableVideo: if the written file does not hold as many frames of the same size.
    """
    changes, exact, frames = Changes(), True, 0
    height = width = 0
    slots = _LevelCache(perturbation, frame_count)
    written = read_frames(target)
    for frame in read_frames(source):
        other = next(written, None)
        if other is None or other.pixels.shape != frame.pixels.shape:
            raise UnreadableVideo(f"the written file has no matching frame {frames}")
        changes.add(frame.pixels, other.pixels)
        exact = exact and torch.equal(other.pixels, slots.perturbed(frame.pixels, frames))
        height, width = frame.pixels.shape[1], frame.pixels.shape[2]
        frames += 1
    if next(written, None) is not None:
        raise UnreadableVideo(f"the written file has more than the {frames} frames of its source")
    return Written(frames, height, width, changes.largest, changes.l2_rms, changes.map, changes.psnr, exact)


class _LevelCache:
    """A perturbation at one video's size, made once."""

    def __init__(self, perturbation: Perturbation, frame_count: int) -> None:
        self._perturbation, self._count = perturbation, frame_count
        self._levels: Tensor | None = None

    def perturbed(self, pixels: Tensor, number: int) -> Tensor:
        """(3, H, W) uint8 with the perturbation of that frame."""
        if self._levels is None:
            self._levels = self._perturbation.levels(pixels.shape[1], pixels.shape[2])
        slot = int(self._perturbation.binding.slots(torch.tensor([number]), self._count)[0])
        return add_levels(pixels, self._levels[slot])


def _write(job: Job, perturbation: Perturbation) -> Written | str:
    """One file written and measured, or why it could not be."""
    try:
        count = len(read_footage(job.source).times) if perturbation.binding.needs_length else 1
        cache = _LevelCache(perturbation, count)
        transcode(job.source, job.target, job.codec, cache.perturbed)
        return measure(job.source, job.target, perturbation, count)
    except UnreadableVideo as error:
        job.target.unlink(missing_ok=True)  # what could not be measured is not handed out
        return str(error)
    except OSError as error:
        return f"its copy cannot be written ({error.strerror or error})"


def _write_in_worker(job: Job, perturbation: Path) -> Written | str:
    torch.set_num_threads(1)
    return _write(job, Perturbation.load(perturbation))


def _work(jobs: list[Job], path: Path, perturbation: Perturbation, workers: int) -> Iterator[tuple[Job, Written | str]]:
    if workers == 1:
        for job in jobs:
            yield job, _write(job, perturbation)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        try:
            for job, future in [(job, pool.submit(_write_in_worker, job, path)) for job in jobs]:
                yield job, future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _plan(videos: list[Video], out: Path, codec: Codec) -> tuple[list[Job], list[tuple[Video, str]]]:
    """What to write where; two sources never get one target."""
    jobs: list[Job] = []
    refused: list[tuple[Video, str]] = []
    taken: set[str] = set()
    for video in videos:
        try:
            suffix = container_suffix(video.path, codec)
        except UnreadableVideo as error:
            refused.append((video, str(error)))
            continue
        name = PurePosixPath(video.name)
        target = name.with_suffix(suffix)
        number = 1
        while target.as_posix().lower() in taken:  # a.avi beside a.mp4: a.mkv and a.mp4.mkv
            target = name.with_name(name.name + (suffix if number == 1 else f".{number}{suffix}"))
            number += 1
        taken.add(target.as_posix().lower())
        jobs.append(Job(video.path, video.name, out / target, codec))
    return jobs, refused


def _check_folders(videos: Path, out: Path) -> None:
    root = videos if videos.is_dir() else videos.parent
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise LsapError(f"the output folder {out} is not empty; give a new one, so that nothing in it is lost")
    if out.resolve().is_relative_to(root.resolve()) and videos.is_dir():
        raise LsapError(
            f"the output folder {out} lies inside of {videos}; give one outside, so that no output is read as input"
        )
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LsapError(f"the output folder {out} cannot be made ({error.strerror})", 1) from None


def _check_disk(jobs: list[Job], out: Path) -> None:
    """Refuses to begin what is not likely to fit."""
    needed = 0
    for job in jobs:
        header = read_header(job.source)
        pixels = header.frames * header.width * header.height
        needed += int(BYTES_A_PIXEL * pixels) if job.codec.lossless else job.source.stat().st_size
    free = shutil.disk_usage(out).free
    if needed > free:
        raise LsapError(
            f"{out} has {free / 2**20:.0f} MB left and about {needed / 2**20:.0f} MB are needed; free some, use another "
            "folder, or a lossy codec such as h264:crf=18", 1
        )  # fmt: skip


def _over_budget(entry: dict[str, Any], perturbation: Perturbation) -> bool:
    allowed = float(perturbation.budget.epsilon) * 255 * (1 + 1e-6)
    size = entry["linf"] if perturbation.budget.norm == "linf" else entry["l2_rms"]
    return bool(size > allowed)


def _leave_out(run: Run, skipped: list[dict[str, str]], name: str, path: Path, reason: str) -> None:
    skipped.append({"path": name, "reason": reason})
    run.event("skipped", path=name, file=str(path), reason=reason)
