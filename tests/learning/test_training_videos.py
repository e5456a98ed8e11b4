"""Which videos `generate` learns from, and which verify."""

import re
import time
from dataclasses import replace
from pathlib import Path

import pytest

from lsap_cli.datasets.store import FrameStore
from lsap_cli.errors import LsapError
from lsap_cli.jobs.generate import generate
from lsap_cli.learning import time_budget
from lsap_cli.learning.problems import ENOUGH_VIDEOS
from lsap_cli.learning.settings import GenerateSettings, LearnFrom
from lsap_cli.learning.task import make_learning_task
from lsap_cli.learning.training_videos import TrainingVideos, load_training_videos
from lsap_cli.runs import Run
from perturbations import Perturbation
from tests.learning.tiny_world import LABELS, write_world
from tests.tiny import make_bytes, write_tiny

RECORDINGS, CLIPS = 6, 4


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> GenerateSettings:
    """Every recording has clips of all labels."""
    root = tmp_path_factory.mktemp("world")
    settings = write_world(root)
    for recording in range(RECORDINGS):
        for clip in range(CLIPS):
            name = f"v_it_g{recording:02}_c{clip:02}.mkv"
            frames = make_bytes(4, 12, 16, recording * CLIPS + clip)
            write_tiny(root / "recordings" / LABELS[clip % len(LABELS)] / name, frames)
    return replace(settings, videos=str(root / "recordings"))


def load(settings: GenerateSettings, folder: Path, deadline: float = float("inf")) -> TrainingVideos:
    with Run(folder, "generate", {}, []) as run, FrameStore(lambda frames: frames, 2**30, 1) as store:
        task = make_learning_task(settings, run)
        return load_training_videos(store, task, settings, deadline, [], run)


def recordings(videos: TrainingVideos) -> tuple[set[str], set[str]]:
    return {one.video.group for one in videos.fit}, {one.video.group for one in videos.verify}


@pytest.mark.parametrize(("learn_from", "target"), [("any", None), ("random-class", None), ("target-class", LABELS[0])])
def test_no_recording_is_both_learned_from_and_verified_on(
    learn_from: LearnFrom, target: str | None, world: GenerateSettings, tmp_path: Path
) -> None:
    for seed in range(3):
        settings = replace(world, learn_from=learn_from, target=target, seed=seed)
        fit, verify = recordings(load(settings, tmp_path / str(seed)))
        assert fit
        assert verify
        assert not fit & verify


def test_videos_of_equal_content_count_as_one_recording(world: GenerateSettings, tmp_path: Path) -> None:
    videos = tmp_path / "videos" / LABELS[0]
    for number in range(6):
        write_tiny(videos / f"{number}.mkv", make_bytes(4, 12, 16, number // 3))  # two contents, three times each
    loaded = load(replace(world, videos=str(tmp_path / "videos")), tmp_path / "run")
    hashes = [{loaded.hashes[one.video.name] for one in part} for part in (loaded.fit, loaded.verify)]
    assert (len(loaded.fit), len(loaded.verify)) == (3, 3)
    assert not hashes[0] & hashes[1]


def test_a_class_to_learn_from_gives_its_videos_only(world: GenerateSettings, tmp_path: Path) -> None:
    loaded = load(replace(world, learn_from="target-class", target=LABELS[1]), tmp_path / "run")
    assert {one.video.labels for one in loaded.fit} == {(1,)}


def test_the_random_class_of_a_targeted_attack_is_another_than_the_target(
    world: GenerateSettings, tmp_path: Path
) -> None:
    for seed in range(8):
        settings = replace(world, learn_from="random-class", target=LABELS[1], seed=seed)
        drawn = {one.video.labels for one in load(settings, tmp_path / str(seed)).fit}
        assert len(drawn) == 1
        assert drawn != {(1,)}


def test_a_set_of_the_target_alone_has_no_other_class_to_draw(world: GenerateSettings, tmp_path: Path) -> None:
    videos = Path(world.videos) / LABELS[1]
    copies = tmp_path / "videos" / LABELS[1]
    copies.mkdir(parents=True)
    for one in videos.iterdir():
        (copies / one.name).hardlink_to(one)
    settings = replace(world, videos=str(copies.parent), learn_from="random-class", target=LABELS[1])
    with pytest.raises(LsapError, match="all videos to learn from show the --target; use --from any"):
        load(settings, tmp_path / "run")


def test_the_record_names_every_video_with_its_hash_recording_and_role(world: GenerateSettings, tmp_path: Path) -> None:
    loaded = load(world, tmp_path / "run")
    record = loaded.record()
    assert [one["role"] for one in record] == ["fit"] * len(loaded.fit) + ["verification"] * len(loaded.verify)
    for one, stored in zip(record, [*loaded.fit, *loaded.verify], strict=True):
        assert one["name"] == stored.video.name
        assert (one["group"], one["sha256"]) == (stored.video.group, loaded.hashes[stored.video.name])


def test_decoding_stops_at_its_deadline_once_enough_videos_are_there(world: GenerateSettings, tmp_path: Path) -> None:
    loaded = load(world, tmp_path / "run", deadline=time.monotonic())
    assert len(loaded.fit) + len(loaded.verify) == 10
    assert "--time-budget leaves time to learn from 10 of 24 videos" in (tmp_path / "run" / "events.jsonl").read_text()


def test_a_slow_start_leaves_decoding_and_predicting_their_shares_of_the_time_that_is_left() -> None:
    budget = time_budget.TimeBudget(60.0, time.monotonic() - 40)
    now = time.monotonic()
    assert budget.loading_deadline() - now == pytest.approx(20 * time_budget.LOADING_SHARE, abs=0.5)
    assert budget.predicting_deadline() - now == pytest.approx(20 * time_budget.PREDICTING_SHARE, abs=0.5)


def test_a_set_without_a_video_that_can_be_read_is_refused_with_the_reasons(
    world: GenerateSettings, tmp_path: Path
) -> None:
    videos = tmp_path / "videos"
    videos.mkdir()
    (videos / "empty.mp4").touch()
    with pytest.raises(LsapError, match=r"none of the 1 videos in .* can be used; empty.mp4: .*empty"):
        load(replace(world, videos=str(videos)), tmp_path / "run")


def test_when_time_runs_out_videos_without_a_clean_prediction_are_left_out(
    world: GenerateSettings, tmp_path: Path
) -> None:
    over = replace(world, out=str(tmp_path / "r.safetensors"), time_budget=60.0, steps=2)
    with Run(tmp_path / "run", "generate", {}, []) as run, pytest.MonkeyPatch.context() as patch:
        patch.setattr(time_budget, "PREDICTING_SHARE", 0.0)  # it is over when the first video is predicted
        results = generate(over, run)
    assert results is not None
    assert results.fit_videos == ENOUGH_VIDEOS
    events = (tmp_path / "run" / "events.jsonl").read_text()
    assert re.search(rf"time to learn from {ENOUGH_VIDEOS} of \d+ videos, by the model.s own pace", events)
    learned = Perturbation.load(tmp_path / "r.safetensors").record["videos"]
    assert sum(one["role"] == "fit" for one in learned) == ENOUGH_VIDEOS
