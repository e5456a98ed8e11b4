"""The pass of an evaluation over all videos: progress events of slow videos."""

from pathlib import Path

import pytest

from lsap_cli.evaluation import judging
from lsap_cli.evaluation.protocol import Evaluation
from lsap_cli.results.events import Event, JudgingEvent, VideoEvent
from lsap_cli.runs import Run
from tests.evaluation.judges import DEFENSES, make_matrix, make_protocol, make_videos
from tests.tiny import make_classifier


def events_of_judging(tmp_path: Path) -> list[JudgingEvent | VideoEvent]:
    """The events of judging two videos."""
    events: list[Event] = []
    (tmp_path / "videos").mkdir()
    videos = make_videos(tmp_path / "videos")[:2]
    with Run(tmp_path / "run", "defend", {}, [events.append]) as run:
        evaluation = Evaluation(make_protocol(make_classifier()), run, [])
        judging.judge_videos(evaluation, make_matrix(defenses=DEFENSES), videos, "records.jsonl")
    return [event for event in events if isinstance(event, JudgingEvent | VideoEvent)]


def test_a_slow_video_has_progress_events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "SLOW_SECONDS", 0.0)
    events = events_of_judging(tmp_path)
    shares = [round((number + 1) / len(DEFENSES), 4) for number in range(len(DEFENSES))]
    assert [(event.path, event.share if isinstance(event, JudgingEvent) else None) for event in events] == [
        (video, share) for video in ("a.mkv", "b.mp4") for share in (*shares, None)
    ]


def test_a_fast_video_has_one_event(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "SLOW_SECONDS", 60.0)
    assert [type(event) for event in events_of_judging(tmp_path)] == [VideoEvent, VideoEvent]
