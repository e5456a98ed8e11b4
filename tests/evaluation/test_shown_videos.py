"""Which videos a run draws: fooled ones first, some that are not, of several labels."""

from pathlib import Path
from typing import Any

from lsap_cli.datasets.base import Video
from lsap_cli.evaluation.shown_videos import choose_shown
from lsap_cli.results.shown_videos import SHOWN_VIDEOS
from tests.result_objects import make_record


class Source:
    """A perturbation source that changes nothing."""

    appended = 0

    def file_of(self, video: Video) -> Path:
        return video.path

    def change(self, frames: Any, indices: Any, count: int) -> Any:
        return frames


def shown(labels: list[int], fooled: set[int], most: int = SHOWN_VIDEOS) -> list[int]:
    """Numbers of the videos that are drawn, of videos with these labels."""
    videos = [Video(Path(f"{number}"), f"{number}", (label,)) for number, label in enumerate(labels)]
    clean = [make_record(video.name, video.labels, ("none", "none", "u"), video.labels[0], video.labels[0])
             for video in videos]  # fmt: skip
    attacked = [
        make_record(one.name, one.labels, ("r", "none", "u"), 9 if number in fooled else labels[number], labels[number])
        for number, one in enumerate(videos)
    ]
    return [int(one.name) for one in choose_shown(videos, Source(), attacked, clean, most)]


def test_five_fooled_videos_of_different_labels_come_first_then_three_that_are_not() -> None:
    labels = [0] * 6 + [1] * 6 + [2] * 6
    fooled = {0, 1, 2, 6, 7, 12}
    assert shown(labels, fooled) == [0, 6, 12, 1, 7, 3, 8, 13]


def test_where_few_are_fooled_others_fill_the_rest() -> None:
    assert shown([0] * 12, {5}) == [5, 0, 1, 2, 3, 4, 6, 7]


def test_where_all_are_fooled_only_fooled_ones_are_drawn() -> None:
    assert shown([0] * 12, set(range(12))) == list(range(SHOWN_VIDEOS))


def test_as_many_are_drawn_as_one_asks_for() -> None:
    labels = [0] * 12 + [1] * 12
    fooled = set(range(6)) | set(range(12, 18))
    assert shown(labels, fooled, 0) == []
    drawn = shown(labels, fooled, 16)
    assert len(drawn) == 16
    assert sum(number not in fooled for number in drawn) == 6, "three of eight, as ever"
    assert {labels[number] for number in drawn} == {0, 1}
    assert shown(labels, fooled, 64) == sorted(
        range(24), key=lambda number: (number not in fooled, number % 12, number)
    )
