"""The pass of an evaluation over all videos, written to the run folder video by video, so that it can be resumed."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from lsap_cli.datasets.base import Video
from lsap_cli.datasets.selection import skip
from lsap_cli.errors import LsapError
from lsap_cli.evaluation.cost import Cost
from lsap_cli.evaluation.matrix import EvaluationMatrix, Measurements
from lsap_cli.evaluation.matrix_judge import MatrixJudge
from lsap_cli.evaluation.protocol import Evaluation, NoPrediction
from lsap_cli.evaluation.records import make_records
from lsap_cli.evaluation.spread import outcomes_of
from lsap_cli.results.events import JudgingEvent, VideoEvent
from lsap_cli.results.files import encode_line, write_atomically
from lsap_cli.results.line_file import LineFile
from lsap_cli.results.records import Record
from lsap_cli.runs import Run
from lsap_cli.video.changes import Changes
from lsap_cli.video.reading import UnreadableVideo

SLOW_SECONDS = 2.0  # the interval of progress events within one video
PROGRESS = ".progress.jsonl"  # `FinishedVideo`, a line each


Line = TypeVar("Line")


class FinishedVideo(msgspec.Struct, frozen=True):
    """A video whose records are written, and the measurements of all videos up to it.

    Attributes:
        video: its name.
        changes: by perturbation source; of an earlier version also by measured defense.
        cost: of everything so far.
        defense_changes: by measured defense.
    """

    video: str
    changes: dict[str, Changes]
    cost: Cost
    defense_changes: dict[str, Changes] = {}


@dataclass(frozen=True)
class JudgedVideos:
    """Records of all videos with predictions, in their order, and the measurements of the whole pass."""

    records: list[Record]
    measurements: Measurements


def judge_videos(
    evaluation: Evaluation, matrix: EvaluationMatrix, videos: Sequence[Video], file: str, must_be_readable: bool = False
) -> JudgedVideos:
    """Judges every video and writes its records, a line each.

    Args:
        evaluation: its run folder gets the records; its list of skipped videos gets those that have no prediction.
        matrix: what is judged.
        videos: which.
        file: name of the records in the run folder.
        must_be_readable: the videos were read before, so that one that cannot be read now is an error.

    Raises:
        LsapError: if a video cannot be read that must be.
    """
    run, names = evaluation.run, evaluation.protocol.classifier.labels
    path, measurements = run.folder / file, Measurements()
    records = _judged_before(path, measurements, matrix) if evaluation.resume else []
    changes = measurements.changes
    done, skipped = {record.video for record in records}, len(evaluation.skipped)
    write_atomically(path, b"".join(map(encode_line, records)))
    pace = _ProgressEvents(run)
    judge = MatrixJudge(evaluation.protocol, matrix, pace.video_progressed, measurements)
    with LineFile(path, append=True) as lines, LineFile(_progress(path), append=True) as finished:
        for video, outcome in outcomes_of(evaluation.spread, judge, videos, done):
            pace.next_video()
            if isinstance(outcome, UnreadableVideo) and must_be_readable:
                raise LsapError(f"{video.name} could be judged, but not be read again: {outcome}", 1)
            if isinstance(outcome, UnreadableVideo | NoPrediction):
                skip(run, evaluation.skipped, video, outcome)
                continue
            video_records = make_records(video, outcome, names)
            records += video_records
            lines.write(*video_records)
            finished.write(FinishedVideo(video.name, changes.by_source, measurements.cost, changes.by_defense))
            run.event(VideoEvent(path=video.name, judged=len(video_records)))
    order = {video.name: number for number, video in enumerate(videos)}
    records = sorted(records, key=lambda record: order[record.video])
    if evaluation.spread is not None:  # they came in any order, and are kept as one machine keeps them
        write_atomically(path, b"".join(map(encode_line, records)))
        evaluation.skipped[skipped:] = sorted(evaluation.skipped[skipped:], key=lambda one: order[one["path"]])
    return JudgedVideos(records, measurements)


class _ProgressEvents:
    """Events that say how much of a slow video is judged."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self.next_video()

    def next_video(self) -> None:
        """Restarts the clock."""
        self._last = time.monotonic()

    def video_progressed(self, video: Video, share: float) -> None:
        now = time.monotonic()
        if now - self._last >= SLOW_SECONDS:
            self._last = now
            self._run.event(JudgingEvent(path=video.name, share=round(share, 4)))


def remove_progress(folder: Path) -> None:
    """Removes the files that only an unfinished run needs."""
    for path in folder.glob(f"*{PROGRESS}"):
        path.unlink()


def _progress(path: Path) -> Path:
    return path.with_suffix(PROGRESS)


def _judged_before(path: Path, measurements: Measurements, matrix: EvaluationMatrix) -> list[Record]:
    """Records of the finished videos; puts the measurements up to them back."""
    entries = whole_lines(_progress(path), FinishedVideo)
    if not entries:
        return []
    last = entries[-1]
    measurements.changes.by_source |= {name: one for name, one in last.changes.items() if name in matrix.sources}
    of_defenses = last.changes | last.defense_changes
    measurements.changes.by_defense |= {spec: one for spec, one in of_defenses.items() if spec in matrix.measured}
    measurements.cost.add_earlier(last.cost)
    done = {one.video for one in entries}
    return [record for record in whole_lines(path, Record) if record.video in done]


def whole_lines(path: Path, kind: type[Line]) -> list[Line]:
    """The lines of a file that are complete; a killed process can leave half of one behind."""
    if not path.exists():
        return []
    content = path.read_bytes()
    decoder = msgspec.json.Decoder(kind)
    try:
        return [decoder.decode(line) for line in content[: content.rfind(b"\n") + 1].splitlines()]
    except msgspec.MsgspecError:
        raise LsapError(f"--resume: {path} is damaged; start a new run with another --run", 1) from None
