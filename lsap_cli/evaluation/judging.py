"""The pass of `defend` over all videos, which can be stopped and gone on with: video by video into the run folder."""

import json
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, astuple, replace
from pathlib import Path
from typing import Any

from lsap_cli.datasets.base import Video
from lsap_cli.datasets.selection import Skipped, skip
from lsap_cli.errors import LsapError
from lsap_cli.evaluation.protocol import Judge, judge_all
from lsap_cli.evaluation.rows import Record, make_records
from lsap_cli.runs import Run
from lsap_cli.runs.run import write_atomically
from lsap_cli.video.changes import Changes
from lsap_cli.video.reading import UnreadableVideo

SLOW_SECONDS = 2.0  # a video that takes longer tells how far it is, about this often
PROGRESS = (
    ".progress.jsonl"  # a line for each video that is done: the changes that were made, and the cost, up to there
)


def judge_videos(
    judge: Judge, videos: Sequence[Video], run: Run, file: str, skipped: Skipped | None = None, resume: bool = False
) -> list[Record]:
    """Judges every video and writes its records, a line each.

    Args:
        judge: how.
        videos: which.
        run: whose folder gets the records.
        file: their name there.
        skipped: gets videos that cannot be read; None: there must be none, as they were read before.
        resume: whether to take what an earlier part of the run has judged.

    Raises:
        LsapError: if a video cannot be read that must be.
    """
    path, names = run.folder / file, judge.classifier.labels
    records: list[Record] = _judged_before(path, judge, names) if resume else []
    done = {record.video for record in records}
    text = "".join(_line(record, names) for record in records)
    write_atomically(path, text)
    with path.open("a", encoding="utf-8") as lines, _progress(path).open("a", encoding="utf-8") as finished:
        pace = _Pace(run)
        for video, outcome in judge_all(replace(judge, tell=pace.tell), videos, done):
            pace.begin()
            if isinstance(outcome, UnreadableVideo):
                if skipped is None:
                    raise LsapError(f"{video.name} could be judged, but not be read again: {outcome}", 1)
                skip(run, skipped, video, outcome)
                continue
            mine = make_records(video, outcome)
            records += mine
            lines.writelines(_line(record, names) for record in mine)
            lines.flush()
            changes = {attack: astuple(one) for attack, one in judge.changes.items()}
            entry = {"video": video.name, "changes": changes, "cost": asdict(judge.cost)}
            finished.write(json.dumps(entry) + "\n")
            finished.flush()
            run.event("video", path=video.name, judged=len(mine))
    order = {video.name: number for number, video in enumerate(videos)}
    return sorted(records, key=lambda record: order[record.video])


class _Pace:
    """Tells how far a video is that takes long."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self.begin()

    def begin(self) -> None:
        """The next video."""
        self._told = time.monotonic()

    def tell(self, video: Video, share: float) -> None:
        now = time.monotonic()
        if now - self._told >= SLOW_SECONDS:
            self._told = now
            self._run.event("judging", path=video.name, share=round(share, 4))


def forget_progress(folder: Path) -> None:
    """Removes what only an unfinished run needs."""
    for path in folder.glob(f"*{PROGRESS}"):
        path.unlink()


def _progress(path: Path) -> Path:
    return path.with_suffix(PROGRESS)


def _line(record: Record, names: Sequence[str]) -> str:
    return json.dumps(record.as_json(names)) + "\n"


def _judged_before(path: Path, judge: Judge, names: Sequence[str]) -> list[Record]:
    """Records of the videos that were done, and the changes up to there put back into the judge."""
    entries = _whole_lines(_progress(path))
    if not entries:
        return []
    for attack, counts in entries[-1]["changes"].items():
        judge.changes[attack] = Changes(*counts)
    judge.cost.go_on(entries[-1]["cost"])
    done: Collection[str] = {one["video"] for one in entries}
    numbers = {name: number for number, name in reversed(list(enumerate(names)))}
    return [_record(one, numbers) for one in _whole_lines(path) if one["video"] in done]


def _whole_lines(path: Path) -> list[dict[str, Any]]:
    """The lines of a file that end; a killed process can leave half of one behind."""
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
