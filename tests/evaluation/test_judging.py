"""The pass of `defend` over all videos: what it tells while a video takes long."""

from pathlib import Path
from typing import Any

import pytest

from lsap_cli.evaluation import judging
from lsap_cli.evaluation.protocol import Judge
from lsap_cli.runs import Run
from lsap_cli.runs.run import Event
from tests.evaluation.test_protocol import DEFENSES, make_judge, make_videos
from tests.tiny import make_classifier


def judged(tmp_path: Path, **what: Any) -> list[Event]:
    """The events of judging some videos."""
    seen: list[Event] = []
    (tmp_path / "videos").mkdir()
    videos = make_videos(tmp_path / "videos")[:2]
    judge: Judge = make_judge(make_classifier(), defenses=DEFENSES)
    with Run(tmp_path / "run", "defend", {}, [seen.append]) as run:
        judging.judge_videos(judge, videos, run, "records.jsonl", **what)
    return [event for event in seen if event["kind"] in ("judging", "video")]


def test_a_video_that_takes_long_tells_how_far_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "SLOW_SECONDS", 0.0)
    events = judged(tmp_path)
    shares = [round((number + 1) / (2 * len(DEFENSES)), 4) for number in range(2 * len(DEFENSES))]
    assert [(event["path"], event.get("share")) for event in events] == [
        (video, share) for video in ("a.mkv", "b.mp4") for share in (*shares, None)
    ]


def test_a_video_that_is_done_soon_says_so_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "SLOW_SECONDS", 60.0)
    assert [event["kind"] for event in judged(tmp_path)] == ["video", "video"]
