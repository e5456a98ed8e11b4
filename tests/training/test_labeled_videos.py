"""Videos of `train`: no recording on two sides, every class on both, and refusals that name what would work."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from lsap_cli.datasets.store import FrameStore
from lsap_cli.errors import LsapError
from lsap_cli.results.events import Event, StageEvent, VideoEvent, WarningEvent
from lsap_cli.runs import Run
from lsap_cli.training.labeled_videos import LabeledVideos, labels_of_set, load_labeled_videos
from tests.tiny import write_tiny
from tests.training.set_of_videos import LABELS, colored, settings_for, write_set


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
def run(tmp_path: Path, events: list[Event]) -> Iterator[Run]:
    with Run(tmp_path / "run", "train", {}, [events.append]) as run:
        yield run


def loaded(videos: Path, run: Run, **more: object) -> LabeledVideos:
    settings = settings_for(videos, videos.parent / "out", **more)
    with FrameStore(lambda frames: frames, 2**30) as store:
        return load_labeled_videos(store, labels_of_set(settings), settings, [], run)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_no_recording_is_in_two_parts_and_every_class_is_in_each(tmp_path: Path, run: Run, seed: int) -> None:
    videos = loaded(write_set(tmp_path, recordings=12), run, patience=1, seed=seed)
    parts = [videos.fit, videos.validation, videos.held_out]
    recordings = [set(videos.recordings_of(part)) for part in parts]
    assert all(parts)
    assert sum(map(len, parts)) == 24
    assert sum(map(len, recordings)) == len(set.union(*recordings)) == 12
    assert all({one.video.label for one in part} == set(LABELS) for part in parts)


def test_files_with_the_same_content_are_one_recording(tmp_path: Path, run: Run) -> None:
    path = write_set(tmp_path, recordings=6)
    (tmp_path / "again.mkv").write_bytes((tmp_path / "red1_0.mkv").read_bytes())
    path.write_text(path.read_text() + "again.mkv,red,recording 3\n")
    videos = loaded(path, run, held_out=0.5)
    assert videos.recordings["again.mkv"] == videos.recordings["red1_0.mkv"] == videos.recordings["red3_0.mkv"]
    assert len(set(videos.recordings.values())) == 5


def refused(videos: Path, run: Run, **more: object) -> str:
    with pytest.raises(LsapError) as caught:
        loaded(videos, run, **more)
    return str(caught.value)


def write_list(root: Path, lines: list[tuple[str, str]]) -> Path:
    """Videos of other contents each, with their label and recording."""
    rows = []
    for number, (label, recording) in enumerate(lines):
        write_tiny(root / f"{number}.mkv", colored(label, number, frames=2, size=16))
        rows.append(f"{number}.mkv,{label},{recording}\n")
    path = root / "list.csv"
    path.write_text("path,label,group\n" + "".join(rows))
    return path


def test_one_class_is_refused(tmp_path: Path, run: Run) -> None:
    path = write_list(tmp_path, [("red", "a"), ("red", "b")])
    assert "has one label only, 'red'; training needs videos of two classes or more" in refused(path, run)


def test_videos_without_labels_are_refused(tmp_path: Path, run: Run) -> None:
    write_tiny(tmp_path / "videos" / "a.mkv", colored("red", 0, frames=2, size=16))
    assert "has no labels; sort the videos into folders by label" in refused(tmp_path / "videos", run)


def test_a_recording_that_holds_all_videos_is_refused(tmp_path: Path, run: Run) -> None:
    path = write_list(tmp_path, [("red", "a"), ("blue", "a"), ("red", "a")])
    assert "all 3 videos are of one recording, 'a'" in refused(path, run)


def test_a_class_of_one_recording_is_refused_by_name_before_anything_is_decoded(
    tmp_path: Path, run: Run, events: list[Event]
) -> None:
    path = write_list(tmp_path, [("red", "a"), ("red", "b"), ("blue", "c"), ("blue", "c")])
    assert "'blue' has usable videos of fewer than two recordings" in refused(path, run)
    assert not [event for event in events if isinstance(event, StageEvent | VideoEvent)]


def test_a_class_whose_recordings_turn_out_to_be_one_is_refused(tmp_path: Path, run: Run) -> None:
    path = write_list(tmp_path, [("red", "a"), ("red", "b"), ("blue", "c"), ("blue", "d")])
    (tmp_path / "3.mkv").write_bytes((tmp_path / "2.mkv").read_bytes())
    assert "'blue' has usable videos of fewer than two recordings" in refused(path, run)


def test_classes_that_share_their_only_two_recordings_are_both_on_both_sides(tmp_path: Path, run: Run) -> None:
    path = write_list(tmp_path, [(label, group) for group in "ab" for label in ("red", "blue")])
    videos = loaded(path, run)
    assert (len(videos.fit), len(videos.held_out)) == (2, 2)


def test_a_class_that_no_split_can_have_on_both_sides_is_refused(tmp_path: Path, run: Run) -> None:
    # green's two recordings are red's and blue's only ones, and the split for validation needs two more
    path = write_list(tmp_path, [("red", "a"), ("red", "b"), ("blue", "a"), ("blue", "b")])
    message = refused(path, run, patience=1)
    assert "all 2 videos are of one recording" in message
    assert "for validation" in message


def test_equal_files_with_two_labels_are_refused(tmp_path: Path, run: Run) -> None:
    path = write_list(tmp_path, [("red", "a"), ("red", "b"), ("blue", "c"), ("blue", "d")])
    (tmp_path / "2.mkv").write_bytes((tmp_path / "0.mkv").read_bytes())
    assert re.search(r"0\.mkv and 2\.mkv have the same content and two labels, 'red' and 'blue'", refused(path, run))


def test_numbers_are_classes_in_their_order_and_unlabeled_videos_are_told(
    tmp_path: Path, run: Run, events: list[Event]
) -> None:
    path = write_list(tmp_path, [(label, f"{label}{place}") for label in ("10", "2", "") for place in range(3)])
    settings = settings_for(path, tmp_path / "out")
    assert labels_of_set(settings) == ["2", "10"]
    videos = loaded(path, run)
    assert {(one.video.label, one.video.labels[0]) for one in videos.fit} == {("2", 0), ("10", 1)}
    messages = [event.message for event in events if isinstance(event, WarningEvent)]
    assert "3 of 9 videos have no label; they are not used" in messages
