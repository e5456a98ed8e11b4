"""Law 5: videos that were used for learning are refused by name, or allowed with a warning."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from lsap_cli.datasets.base import Video
from lsap_cli.errors import LsapError
from lsap_cli.evaluation.overlap import refuse_overlap
from lsap_cli.hashing import content_hash
from lsap_cli.results.events import Event, WarningEvent
from lsap_cli.runs import Run
from perturbations import Budget, Perturbation, parse_binding, parse_epsilon


@pytest.fixture
def videos(tmp_path: Path) -> list[Video]:
    """Three videos: two cuts of one recording, and another one."""
    names = ["v_a_g01_c01.avi", "v_a_g01_c02.avi", "other.avi"]
    for number, name in enumerate(names):
        (tmp_path / name).write_bytes(bytes([number]))
    return [Video(tmp_path / name, name) for name in names]


def learned_from(*videos: Video) -> Perturbation:
    """A perturbation whose record names these videos, under other names and paths."""
    record = {
        "videos": [
            {"name": f"fit/{one.path.name}", "group": one.group, "sha256": content_hash(one.path)} for one in videos
        ]
    }
    budget = Budget("linf", parse_epsilon("8/255"))
    return Perturbation(torch.zeros(1, 3, 2, 2), parse_binding("constant"), budget, record)


def refused(
    tmp_path: Path, videos: list[Video], given: list[Perturbation], fit: list[Video], allowed: bool
) -> list[str]:
    events: list[Event] = []
    with Run(tmp_path / "run", "defend", {}, [events.append]) as run:
        names = refuse_overlap(videos, given, fit, allowed, run)
    assert any(isinstance(one, WarningEvent) for one in events) == bool(names)
    return names


def test_a_video_of_a_recording_that_was_learned_from_is_refused_by_name(tmp_path: Path, videos: list[Video]) -> None:
    with pytest.raises(LsapError, match=r"2 of 3 videos .*v_a_g01_c01\.avi, v_a_g01_c02\.avi"):
        refused(tmp_path, videos, [learned_from(videos[0])], [], allowed=False)


def test_equal_content_under_another_name_is_refused(tmp_path: Path, videos: list[Video]) -> None:
    copy = tmp_path / "copy.avi"
    copy.write_bytes(videos[2].path.read_bytes())
    with pytest.raises(LsapError, match=r"1 of 1 videos .*copy\.avi"):
        refused(tmp_path, [Video(copy, "copy.avi")], [learned_from(videos[2])], [], allowed=False)


def test_videos_that_attackers_of_the_run_learn_from_are_refused(tmp_path: Path, videos: list[Video]) -> None:
    with pytest.raises(LsapError, match=r"or are among --fit \(other\.avi\)"):
        refused(tmp_path, videos, [], [videos[2]], allowed=False)


def test_an_allowed_overlap_is_a_warning_and_is_named(tmp_path: Path, videos: list[Video]) -> None:
    given = [learned_from(), learned_from(videos[2])]
    assert refused(tmp_path, videos, given, [], allowed=True) == ["other.avi"]


def test_other_videos_are_no_overlap(tmp_path: Path, videos: list[Video]) -> None:
    assert refused(tmp_path, videos[:2], [learned_from(videos[2])], [], allowed=False) == []


@pytest.mark.parametrize("record", [{}, {"videos": []}])
def test_a_record_without_videos_says_that_overlap_cannot_be_checked(
    tmp_path: Path, videos: list[Video], record: dict[str, object]
) -> None:
    given = replace(learned_from(videos[0]), record=record)
    events: list[Event] = []
    with Run(tmp_path / "run", "defend", {}, [events.append]) as run:
        assert refuse_overlap(videos, [given], [], False, run) == []
    (warning,) = [one.message for one in events if isinstance(one, WarningEvent)]
    assert "cannot be checked" in warning
