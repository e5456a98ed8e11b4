"""The pass of an evaluation over all videos, written to the run folder video by video, so that it can be resumed."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from typing import Any

from lsap_cli.datasets.base import Video
from lsap_cli.datasets.selection import skip
from lsap_cli.errors import LsapError
from lsap_cli.evaluation.matrix import EvaluationMatrix, MatrixJudge, Measurements, judge_all
from lsap_cli.evaluation.protocol import Evaluation
from lsap_cli.evaluation.rows import Record, make_records
from lsap_cli.runs import Run
from lsap_cli.runs.run import write_atomically
from lsap_cli.video.changes import Changes
from lsap_cli.video.reading import UnreadableVideo

SLOW_SECONDS = 2.0  # the interval of progress events within one video
PROGRESS = ".progress.jsonl"  # a line for each finished video: the measurements up to it


@dataclass(frozen=True)
class JudgedVideos:
    """Records of all videos that could be read, in the order of the videos, and the measurements of the whole pass."""

    records: list[Record]
    measurements: Measurements


def judge_videos(
    evaluation: Evaluation, matrix: EvaluationMatrix, videos: Sequence[Video], file: str, must_be_readable: bool = False
) -> JudgedVideos:
    """Judges every video and writes its records, a line each.

    Args:
        evaluation: its run folder gets the records; its list of skipped videos gets those that cannot be read.
        matrix: what is judged.
        videos: which.
        file: name of the records in the run folder.
        must_be_readable: the videos were read before, so that one that cannot be read now is an error.

    Raises:
        LsapError: if a video cannot be read that must be.
    """
    run, names = evaluation.run, evaluation.protocol.classifier.labels
    path, measurements = run.folder / file, Measurements()
    records = _judged_before(path, measurements, names) if evaluation.resume else []
    done = {record.video for record in records}
    write_atomically(path, "".join(_line(record, names) for record in records))
    pace = _ProgressEvents(run)
    judge = MatrixJudge(evaluation.protocol, matrix, pace.video_progressed, measurements)
    with path.open("a", encoding="utf-8") as lines, _progress(path).open("a", encoding="utf-8") as finished:
        for video, outcome in judge_all(judge, videos, done):
            pace.next_video()
            if isinstance(outcome, UnreadableVideo):
                if must_be_readable:
                    raise LsapError(f"{video.name} could be judged, but not be read again: {outcome}", 1)
                skip(run, evaluation.skipped, video, outcome)
                continue
            mine = make_records(video, outcome)
            records += mine
            lines.writelines(_line(record, names) for record in mine)
            lines.flush()
            changes = {name: astuple(one) for name, one in measurements.changes.items()}
            entry = {"video": video.name, "changes": changes, "cost": asdict(measurements.cost)}
            finished.write(json.dumps(entry) + "\n")
            finished.flush()
            run.event("video", path=video.name, judged=len(mine))
    order = {video.name: number for number, video in enumerate(videos)}
    return JudgedVideos(sorted(records, key=lambda record: order[record.video]), measurements)


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
            self._run.event("judging", path=video.name, share=round(share, 4))


def remove_progress(folder: Path) -> None:
    """Removes the files that only an unfinished run needs."""
    for path in folder.glob(f"*{PROGRESS}"):
        path.unlink()


def _progress(path: Path) -> Path:
    return path.with_suffix(PROGRESS)


def _line(record: Record, names: Sequence[str]) -> str:
    return json.dumps(record.as_json(names)) + "\n"


def _judged_before(path: Path, measurements: Measurements, names: Sequence[str]) -> list[Record]:
    """Records of the finished videos; puts the measurements up to them back."""
    entries = _whole_lines(_progress(path))
    if not entries:
        return []
    for name, counts in entries[-1]["changes"].items():
        measurements.changes[name] = Changes(*counts)
    measurements.cost.add_earlier(entries[-1]["cost"])
    done = {one["video"] for one in entries}
    numbers = {name: number for number, name in reversed(list(enumerate(names)))}
    return [_record(one, numbers) for one in _whole_lines(path) if one["video"] in done]


def _whole_lines(path: Path) -> list[dict[str, Any]]:
    """The lines of a file that are complete; a killed process can leave half of one behind."""
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8")
    try:
        return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]
    except ValueError:
        raise LsapError(f"--resume: {path} is damaged; start a new run with another --run", 1) from None


def _record(line: Mapping[str, Any], numbers: Mapping[str, int]) -> Record:
    labels = ([line["label"]] if line["label"] is not None else []) + line["also_accepted"]
    return Record(
        line["video"],
        tuple(numbers[label] for label in labels),
        line["attack"],
        line["defense"],
        line["sampler"],
        numbers[line["prediction"]],
        numbers[line["clean_prediction"]],
        line["milliseconds"],
        line["recording"],
        tuple(numbers[one] for one in line["draws"] or ()),
    )
