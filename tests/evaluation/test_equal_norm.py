"""Corruptions that change a video as much as a perturbation does."""

from itertools import pairwise
from math import log
from pathlib import Path

import pytest
import torch

from defenses.corruptions import STRENGTHS, VARIED_SETTINGS
from defenses.testing.videos import make_noise_video, make_smooth_video
from lsap_cli.datasets.base import Video
from lsap_cli.evaluation.equal_norm import (
    MOST,
    equal_corruptions,
    equal_name,
    looked_at,
    match_corruptions,
    measured_changes,
    rounds,
)
from lsap_cli.evaluation.protocol import EvaluationProtocol
from lsap_cli.results.rates import rate_of
from lsap_cli.video.changes import Changes
from lsap_cli.video.reading import read_frame_times, read_some_frames
from perturbations.samplers import Uniform
from tests.result_objects import make_record
from tests.tiny import make_classifier, write_tiny

TARGET = 5.0  # levels


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> list[Video]:
    root = tmp_path_factory.mktemp("equal")
    found = []
    for number in range(3):
        textured = make_smooth_video(40) + 0.3 * (make_noise_video(40, 32, 48, seed=number) - 0.5)
        frames = (textured.clamp(0, 1) * 0.8 * 255).round().to(torch.uint8)
        found.append(Video(write_tiny(root / f"{number}.mkv", frames), f"{number}.mkv", (0,)))
    return found


@pytest.fixture(scope="module")
def protocol() -> EvaluationProtocol:
    return EvaluationProtocol(make_classifier(), {"uniform": Uniform()}, 1, 0, torch.device("cpu"))


def test_of_all_strengths_the_nearest_is_found(protocol: EvaluationProtocol, videos: list[Video]) -> None:
    """Compared with its neighbors and strengths from the whole range, measured one by one."""
    measured: list[Video] = []
    found = match_corruptions(protocol, videos, TARGET, measured.append)
    assert len(measured) <= rounds() * len(videos)

    def distance(kind: str, place: int) -> float:
        changes = Changes()
        for video in videos:
            changes.merge(measured_changes(protocol, video, {kind: STRENGTHS[kind][place]})[kind])
        return abs(log(max(changes.l2_rms, 1e-9) / TARGET))

    for kind in ("noise", "blur", "jpeg", "frame-rate"):
        count, chosen = len(STRENGTHS[kind]), list(STRENGTHS[kind]).index(found[kind])
        others = {*range(0, count, max(1, count // 6)), chosen - 1, chosen + 1} & set(range(count))
        assert distance(kind, chosen) <= min(distance(kind, place) for place in others) + 0.01


def test_a_measured_change_is_that_of_the_frames_that_the_sampler_chooses(
    protocol: EvaluationProtocol, videos: list[Video]
) -> None:
    blur = STRENGTHS["blur"][40]
    measured = measured_changes(protocol, videos[0], {"blur": blur})["blur"]
    times = read_frame_times(videos[0].path).times
    numbers = protocol.clip_indices(videos[0], "uniform", times)[0]
    frames = read_some_frames(videos[0].path, numbers.unique())
    defended = (blur(frames.float() / 255) * 255).round().to(torch.uint8)
    expected = Changes()
    expected.add(frames, defended)
    assert measured == expected


@pytest.mark.parametrize("kind", STRENGTHS)
def test_strengths_go_from_weak_to_strong(kind: str) -> None:
    values = [getattr(one, VARIED_SETTINGS[kind]) for one in STRENGTHS[kind]]
    falling = kind in ("jpeg", "low-resolution")
    assert values == sorted(set(values), reverse=falling)


def test_few_videos_are_all_looked_at_and_many_are_looked_at_evenly(videos: list[Video]) -> None:
    assert looked_at(videos) == videos
    many = [Video(Path(f"{number}"), f"{number}") for number in range(100)]
    some = [int(video.name) for video in looked_at(many)]
    assert len(some) == MOST
    assert {after - before for before, after in pairwise(some)} == {3, 4}


def test_a_kind_that_misses_the_norm_is_marked_and_keeps_its_figure() -> None:
    chosen = {"jpeg": STRENGTHS["jpeg"][57], "frame-rate": STRENGTHS["frame-rate"][0]}
    records = [
        make_record(f"{video}", (0,), ("none", equal_name(kind), "uniform"), int(video < wrong), 0)
        for kind, wrong in (("jpeg", 1), ("frame-rate", 3))
        for video in range(4)
    ]
    changes = {equal_name("jpeg"): Changes(1, 5, 27), equal_name("frame-rate"): Changes(1, 9, 81)}
    kinds = equal_corruptions(records, chosen, changes, TARGET)
    jpeg, slow = kinds["jpeg"], kinds["frame-rate"]
    assert (jpeg.setting, jpeg.reached, jpeg.accuracy) == ("quality=43", True, rate_of(3, 4))
    assert (slow.setting, slow.reached, slow.l2_rms) == ("keep=2", False, 9.0)
    assert slow.by_recording is not None
    assert slow.by_recording.value == 0.25
