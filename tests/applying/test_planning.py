from pathlib import Path

from lsap_cli.applying.planning import OutputNames
from lsap_cli.datasets.base import Video


def test_sources_that_would_share_a_name_get_names_of_their_own(tmp_path: Path) -> None:
    names = ["a.avi", "a.mp4", "A.mov", "b.mkv/c.mp4", "b.avi", "ä.mp4", "a\u0308.avi"]
    videos = [Video(tmp_path / name, name) for name in names]
    chosen = OutputNames(videos, {"a.mp4": "kept.mkv"})
    outputs = [chosen.choose(video, ".mkv") for video in videos]
    assert outputs == ["a.mkv", "kept.mkv", "A.mov.mkv", "b.mkv/c.mkv", "b.avi.mkv", "ä.mkv", "a\u0308.avi.mkv"]
