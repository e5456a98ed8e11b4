"""`lsap apply`: put a perturbation into a folder of videos, and check in the written files that it is there."""

import os
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lsap_cli.applying import manifest
from lsap_cli.applying.adding import SEGMENTS, Segment, scaled
from lsap_cli.applying.manifest import COPY, MANIFEST_SCHEMA, Entry
from lsap_cli.applying.planning import (
    OutputNames,
    PlannedCopy,
    alone_in,
    check_disk,
    check_folders,
    needed_bytes,
    place,
)
from lsap_cli.applying.proof import total_proof
from lsap_cli.applying.tasks import DrawPreview, FinishedCopy, InspectSource, SourceFacts, WriteCopy, remove
from lsap_cli.applying.workers import WorkerPool, WorkFailure, WorkProgress
from lsap_cli.datasets.base import Video, content_hash
from lsap_cli.datasets.listing import list_videos
from lsap_cli.errors import LsapError
from lsap_cli.pictures.thumbnails import draw_slots
from lsap_cli.runs import Run
from lsap_cli.specs import build, load_perturbation
from lsap_cli.video.codecs import CODECS, Codec, Threads
from lsap_cli.video.writing import check_available
from perturbations import Perturbation

PROGRESS_SECONDS = 0.5


@dataclass(frozen=True)
class ApplySettings:
    """What `apply` was asked for; the fields are the command's options."""

    perturbation: str
    videos: str
    out: str
    codec: str = "ffv1"
    workers: int = 1
    segment: str | None = None
    strength: float = 1.0
    preview: int = 0
    timeout: float = 120.0
    threads: str = "auto"
    resume: bool = False


def apply(settings: ApplySettings, run: Run) -> dict[str, Any]:
    """Writes every video again with the perturbation added, mirrored below the output folder.

    Returns:
        The results document: files with their proofs, totals, and what was skipped.

    Raises:
        LsapError: for anything that the user can mend.
    """
    perturbation = _strengthened(settings)
    codec: Codec = build(settings.codec, CODECS, "codec")
    check_available(codec)
    segment: Segment | None = build(settings.segment, SEGMENTS, "segment") if settings.segment else None
    videos = list_videos(Path(settings.videos), []).videos
    out = Path(settings.out)
    check_folders(Path(settings.videos), out, settings.resume)
    with ExitStack() as stack:
        stack.enter_context(alone_in(out))
        pool = stack.enter_context(WorkerPool(settings.workers, settings.timeout))
        work = _Work(settings, run, codec, segment, perturbation, out, pool)
        work.keep(videos)
        work.write(work.plan(videos))
        work.draw(videos)
        results = work.results()
    run.write_json("results.json", results)
    if not results["files"]:
        raise LsapError(f"none of the {len(videos)} videos in {settings.videos} could be written", 1)
    return results


class _Work:
    """One call of `apply`: what is done, what was left out."""

    def __init__(
        self,
        settings: ApplySettings,
        run: Run,
        codec: Codec,
        segment: Segment | None,
        perturbation: Perturbation,
        out: Path,
        pool: WorkerPool,
    ) -> None:
        self._settings, self._run, self._codec, self._segment = settings, run, codec, segment
        self._perturbation, self._out, self._pool = perturbation, out, pool
        self._entries: dict[str, Entry] = {}
        self._resumed: list[str] = []
        self._skipped: list[dict[str, str]] = []
        self._fixed = {  # what a folder is begun with, and must be gone on with
            "perturbation_sha256": content_hash(Path(settings.perturbation)),
            "codec": settings.codec,
            "segment": settings.segment,
            "strength": settings.strength,
        }

    def keep(self, videos: list[Video]) -> None:
        """Takes over what an earlier part has finished and what is still as it was written."""
        manifest.begin(self._out)
        found = manifest.read_manifest(self._out)
        manifest.check_same(self._out, found, self._fixed)
        self._save_copy()
        known = [video for video in videos if video.name in found]
        if known:
            self._run.event("stage", name="checking what is there", files=len(known))
        for video in known:
            entry = found[video.name]
            if manifest.is_valid(self._out, entry, video.path):
                self._entries[video.name] = entry
                self._resumed.append(video.name)
                self._run.event("kept", path=video.name, output=entry["output"])
        manifest.rewrite(self._out, self._entries.values())

    def plan(self, videos: list[Video]) -> list[PlannedCopy]:
        """Looks at every file that is to be written, and says where it goes."""
        new = [video for video in videos if video.name not in self._entries]
        if not new:
            return []
        self._run.event("stage", name="looking at the files", files=len(new))
        looks = {InspectSource(video.path, self._codec): video for video in new}
        seen: dict[str, SourceFacts] = {}
        for step in self._pool.work(looks):
            if isinstance(step, WorkProgress):
                continue
            video = looks[step.task]
            if isinstance(step.result, WorkFailure):
                self._leave_out(video, step.result)
            else:
                seen[video.name] = step.result
                self._run.event("seen", path=video.name)
        names = OutputNames(videos, {name: str(entry["output"]) for name, entry in self._entries.items()})
        jobs = [
            PlannedCopy(video, names.choose(video, seen[video.name].suffix), seen[video.name], number)
            for number, video in enumerate(new)
            if video.name in seen
        ]
        return self._fitting(jobs)

    def write(self, jobs: list[PlannedCopy]) -> None:
        """Writes, proves and places every file; what fails is named and the rest goes on."""
        if not jobs:
            return
        self._run.event("stage", name="applying", files=len(jobs))
        tasks = {
            WriteCopy(
                job.video.path,
                job.staged(self._out),
                self._codec,
                self._out / COPY,
                self._segment,
                self._threads(),
            ): job
            for job in jobs
        }
        clock = _Pace(self._run, sum(2 * job.seen.frames for job in jobs), len(jobs))
        for step in self._pool.work(tasks):
            job = tasks[step.task]
            if isinstance(step, WorkProgress):
                clock.tell(job, step.done)
                continue
            clock.finish(job)
            if isinstance(step.result, WorkFailure):
                self._leave_out(job.video, step.result)
            else:
                self._take(job, step.result)
        manifest.rewrite(self._out, self._entries.values())

    def draw(self, videos: list[Video]) -> None:
        """Pictures of the first few written files, for people."""
        shown = [video for video in videos if video.name in self._entries][: self._settings.preview]
        if not shown:
            return
        self._run.event("stage", name="drawing previews", files=len(shown))
        folders = {video.name: self._run.folder / "preview" / str(number) for number, video in enumerate(shown)}
        tasks = {
            DrawPreview(video.path, self._out / self._entries[video.name]["output"], folders[video.name]): video
            for video in shown
        }
        for step in self._pool.work(tasks):
            if isinstance(step, WorkProgress):
                continue
            video = tasks[step.task]
            if isinstance(step.result, WorkFailure):
                self._run.event("warning", message=f"no preview of {video.name}: {step.result.reason}")
            else:
                self._run.event("preview", path=video.name, folder=str(folders[video.name]))

    def results(self) -> dict[str, Any]:
        """The results document."""
        entries = [self._entries[name] for name in sorted(self._entries)]
        return {
            "schema": "lsap.apply/1",
            "out": self._settings.out,
            "files": entries,
            "resumed": sorted(self._resumed),
            "effective": total_proof(entries),
            "budget": {"norm": self._perturbation.budget.norm, "epsilon": self._perturbation.budget.epsilon_text},
            "lossless": self._codec.lossless,
            "over_budget": [one["output"] for one in entries if one["over_budget"]],
            "not_exact": [one["output"] for one in entries if self._codec.lossless and not one["exact"]],
            "skipped": self._skipped,
        }

    def _take(self, job: PlannedCopy, finished: FinishedCopy) -> None:
        """Places a finished file and writes its line, in this order: a line without its file would be a lie."""
        written = asdict(finished.written)
        entry = {
            "schema": MANIFEST_SCHEMA,
            "source": job.video.name,
            "output": job.output,
            "source_sha256": finished.source_sha256,
            "output_sha256": finished.output_sha256,
            **self._fixed,
            **written,
            "over_budget": _over_budget(written, self._perturbation),
            "remarks": finished.remarks,
        }
        try:
            place(job.staged(self._out), self._out / job.output)
            manifest.append(self._out, entry)
        except OSError as error:
            remove(self._out / job.output)
            self._leave_out(job.video, WorkFailure(f"its copy cannot be written ({error.strerror or error})", "file"))
            return
        self._entries[job.video.name] = entry
        for remark in finished.remarks:
            self._run.event("warning", message=f"{job.video.name}: {remark}")
        self._run.event(
            "file",
            path=job.video.name,
            output=job.output,
            **{key: written[key] for key in ("frames", "linf", "l2_rms", "exact", "cosine", "energy_kept")},
            seconds=finished.seconds,
            memory_bytes=finished.memory_bytes,
        )

    def _fitting(self, jobs: list[PlannedCopy]) -> list[PlannedCopy]:
        """Without the files that no disk of this size could hold: one absurd header must not stop the others."""
        room = os.statvfs(self._out)
        most = room.f_frsize * room.f_blocks
        fitting: list[PlannedCopy] = []
        for job in jobs:
            needed = needed_bytes(job.seen, self._codec)
            if needed > most:
                claim = f"its header claims {job.seen.frames} frames, whose copy would be larger than the whole disk"
                self._leave_out(job.video, WorkFailure(claim, "file"))
            else:
                fitting.append(job)
        check_disk(fitting, self._codec, self._out)
        return fitting

    def _save_copy(self) -> None:
        """What is added, beside the manifest; it replaces an earlier one in one step."""
        partial = self._out / f".{COPY}.partial"
        try:
            if self._settings.strength == 1:
                partial.write_bytes(Path(self._settings.perturbation).read_bytes())
            else:
                self._perturbation.save(partial)
            partial.replace(self._out / COPY)
        except OSError as error:
            raise LsapError(f"{self._out / COPY} cannot be written ({error.strerror})", 1) from None
        finally:
            partial.unlink(missing_ok=True)
        draw_slots(self._run.folder, self._perturbation.delta, str(self._perturbation.binding))

    def _threads(self) -> Threads:
        if self._settings.threads == "auto":
            return "one" if 2 * self._settings.workers > (os.cpu_count() or 1) else "many"
        return "one" if self._settings.threads == "one" else "many"

    def _leave_out(self, video: Video, failed: WorkFailure) -> None:
        self._skipped.append({"path": video.name, "reason": failed.reason})
        self._run.event("skipped", path=video.name, file=str(video.path), reason=failed.reason, cause=failed.kind)


class _Pace:
    """Tells how far all files are, by frames: each is written once and read once."""

    def __init__(self, run: Run, frames: int, files: int) -> None:
        self._run, self._frames, self._files = run, frames, files
        self._start = self._told = time.monotonic()
        self._finished = self._finished_files = 0
        self._going: dict[str, int] = {}

    def tell(self, job: PlannedCopy, done: int) -> None:
        self._going[job.video.name] = done
        now = time.monotonic()
        if now - self._told < PROGRESS_SECONDS:
            return
        self._told = now
        through = self._finished + sum(self._going.values())
        rate = through / (now - self._start)
        self._run.event(
            "frames",
            path=job.video.name,
            frame=done if done <= job.seen.frames else done - job.seen.frames,
            frames=job.seen.frames,
            doing="writing" if done <= job.seen.frames else "checking",
            files_done=self._finished_files,
            files=self._files,
            progress=min(through / self._frames, 1.0) if self._frames else 0.0,
            frames_per_second=round(rate / 2, 2),
            seconds_left=round(max(self._frames - through, 0) / rate, 1) if rate else None,
        )

    def finish(self, job: PlannedCopy) -> None:
        self._going.pop(job.video.name, None)
        self._finished += 2 * job.seen.frames
        self._finished_files += 1


def _strengthened(settings: ApplySettings) -> Perturbation:
    perturbation = load_perturbation(Path(settings.perturbation))
    if not perturbation.binding.fits_a_video:
        raise LsapError(
            f"{settings.perturbation} is bound to slots after sampling ({perturbation.binding}): no video can carry it; "
            "generate one with the binding constant, cyclic:P or relative:P"
        )
    try:
        return scaled(perturbation, settings.strength)
    except ValueError as error:
        raise LsapError(f"--strength: {error}") from None


def _over_budget(written: Mapping[str, Any], perturbation: Perturbation) -> bool:
    allowed = float(perturbation.budget.epsilon) * 255 * (1 + 1e-6)
    size = written["linf"] if perturbation.budget.norm == "linf" else written["l2_rms"]
    return bool(size > allowed)
