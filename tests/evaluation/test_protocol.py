import shutil
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from pathlib import Path

import pytest
import torch
from av.container import InputContainer
from av.video.stream import VideoStream
from torch import Tensor

from defenses import Clip, Defense
from defenses.chain import Chain
from defenses.compression import H264, Jpeg
from defenses.detectors import DETECTORS
from defenses.fitting import fit_defense
from defenses.randomized import Barrage, RandomNoise
from defenses.reordering import TemporalDrop, TemporalShuffle
from defenses.resampling import TemporalResample
from defenses.spatial import BitDepth
from defenses.subtraction import PerturbationSubtraction
from defenses.temporal import TemporalMean, TemporalMedian
from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.datasets.base import Video
from lsap_cli.errors import LsapError
from lsap_cli.evaluation import protocol
from lsap_cli.evaluation.detection import AttackedVideo, score_all
from lsap_cli.evaluation.protocol import (
    Added,
    Attack,
    Clean,
    Judge,
    Numbers,
    Prediction,
    Written,
    defended_bytes,
    judge_all,
    parts,
)
from lsap_cli.specs import build_defense
from lsap_cli.video import reading
from lsap_cli.video.codecs import Codec, Ffv1Codec, H264RgbCodec, Threads
from lsap_cli.video.reading import UnreadableVideo, read_frame_times, read_frames
from lsap_cli.video.writing import transcode
from perturbations import Budget, Perturbation, parse_binding
from perturbations.samplers import Dense, RandomFrames, Rate, Sampler, Segments, Uniform
from perturbations.seeds import seeded
from tests.tiny import clips_seen, make_bytes, make_classifier, write_timed, write_tiny

SAMPLERS: dict[str, Sampler] = {
    "uniform": Uniform(),
    "dense": Dense(),
    "rate": Rate(),
    "random": RandomFrames(),
    "segments": Segments(),
}


def make_videos(root: Path) -> list[Video]:
    """Of several lengths, sizes and frame rates."""
    write_tiny(root / "a.mkv", make_bytes(14, 20, 30, seed=1))
    write_tiny(root / "b.mp4", make_bytes(3, 16, 12, seed=2), codec=H264RgbCodec())
    write_timed(root / "c.mkv", make_bytes(9, 24, 16, seed=3), [0, 20, 30, 400, 410, 900, 1300, 1301, 1900])
    write_tiny(root / "d.mkv", make_bytes(1, 9, 9, seed=4))
    return [Video(path, path.name, (0,)) for path in sorted(root.iterdir())]


def make_judge(
    classifier: Classifier,
    attacks: Mapping[str, Attack] | None = None,
    defenses: Mapping[str, Defense | None] | None = None,
    samplers: Mapping[str, Sampler] | None = None,
    views: int = 1,
    seed: int = 0,
) -> Judge:
    return Judge(
        classifier,
        samplers or SAMPLERS,
        defenses or {"none": None},
        attacks or {"none": Clean()},
        views,
        seed,
        torch.device("cpu"),
    )


def whole(video: Video) -> Tensor:
    return torch.stack([frame.pixels for frame in read_frames(video.path)])


def labels(predictions: list[Prediction]) -> dict[tuple[str, str, str], int]:
    return {(one.attack, one.defense, one.sampler): one.label for one in predictions}


def strong_perturbation() -> Perturbation:
    """Pushes `make_classifier` from what it sees in plain gray to its second choice."""
    classifier = make_classifier()
    gray = classifier.score(torch.full((1, 4, 3, 8, 8), 0.5))[0]
    first, second = gray.topk(2).indices.tolist()
    weights = classifier.state_dict()["network.weight"].view(4, 3, 8, 8, -1).mean(0)
    direction = (weights[..., second] - weights[..., first]).sign()
    binding, budget = parse_binding("cyclic:2"), Budget("linf", Fraction(64, 255))
    return Perturbation(torch.stack([direction, direction / 2]) * (64 / 255), binding, budget)


@pytest.mark.parametrize(
    ("codec", "suffix"), [(Ffv1Codec(), ".mkv"), (H264RgbCodec(), ".mp4"), (H264RgbCodec(), ".mkv")]
)
def test_fooling_measured_in_memory_is_fooling_measured_on_lossless_files(
    tmp_path: Path, codec: Codec, suffix: str
) -> None:
    videos, perturbation = make_videos(tmp_path / "clean"), strong_perturbation()
    files: dict[str, Path] = {}
    for video in videos:
        count = len(read_frame_times(video.path).times)

        def change(pixels: Tensor, number: int, count: int = count) -> Tensor:
            return perturbation.add_to_bytes(pixels[None], torch.tensor([number]), count)[0]

        files[video.name] = tmp_path / "perturbed" / f"{video.path.stem}{suffix}"
        transcode(video.path, files[video.name], codec, change)
    in_memory, on_disk = make_classifier(), make_classifier()
    changed = 0
    for video in videos:
        first = labels(make_judge(in_memory, {"none": Clean(), "r": Added(perturbation)}, views=2).predict(video))
        second = labels(make_judge(on_disk, {"none": Clean(), "r": Written(files)}, views=2).predict(video))
        assert first == second
        changed += sum(first["r", "none", sampler] != first["none", "none", sampler] for sampler in SAMPLERS)
    assert torch.equal(clips_seen(in_memory), clips_seen(on_disk))
    assert changed > 0


DEFENSES: dict[str, Defense | None] = {
    "none": None,
    "mean": TemporalMean(),
    "median": TemporalMedian(5),
    "resample": TemporalResample(),
    "jpeg": Jpeg(),
    "h264": H264(stretch=5),
    "chain": Chain((TemporalMean(), H264(40, 3), TemporalMedian())),
}


@pytest.mark.parametrize("bytes_at_once", [2**30, 1], ids=["whole", "frame by frame"])
def test_defending_what_the_samplers_need_is_defending_the_whole_video(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bytes_at_once: int
) -> None:
    """Law 2, to the bytes that the network sees, with an attack before the defense."""
    monkeypatch.setattr(protocol, "NATIVE_BYTES", bytes_at_once)
    perturbation = strong_perturbation()
    fixed: dict[str, Sampler] = {"uniform": Uniform(), "dense": Dense(), "rate": Rate()}
    for video in make_videos(tmp_path):
        classifier = make_classifier()
        judge = make_judge(classifier, {"none": Clean(), "r": Added(perturbation)}, DEFENSES, fixed)
        judge.predict(video)
        frames, times = whole(video), read_frame_times(video.path).times
        every, count = torch.arange(len(frames)), len(frames)
        expected: list[Tensor] = []
        for attacked in (frames, perturbation.add_to_bytes(frames, every, count)):
            for defense in DEFENSES.values():
                defended = attacked
                if defense is not None:
                    defended = (defense.defend(Clip(attacked / 255, every, count), every) * 255).round().to(torch.uint8)
                shrunk = classifier.geometry.crop(classifier.geometry.shrink(defended)) / 255
                expected += [shrunk[sampler.choose(times, 4, 1, torch.Generator())[0]] for sampler in fixed.values()]
        assert torch.equal(clips_seen(classifier), torch.stack(expected))


def test_there_is_a_prediction_for_each_attack_defense_and_sampler(tmp_path: Path) -> None:
    video = make_videos(tmp_path)[0]
    judge = make_judge(make_classifier(), {"none": Clean(), "r": Added(strong_perturbation())}, DEFENSES)
    expected = {(a, d, s) for a in ("none", "r") for d in DEFENSES for s in SAMPLERS}
    predictions = judge.predict(video)
    assert set(labels(predictions)) == expected
    assert len(predictions) == len(expected)


def test_an_attack_that_knows_a_defense_is_judged_behind_that_one_only(tmp_path: Path) -> None:
    video = make_videos(tmp_path)[0]
    judge = make_judge(make_classifier(), {"none": Clean(), "r": Added(strong_perturbation())}, DEFENSES)
    spec = list(DEFENSES)[-1]
    informed = replace(judge, attacks={**judge.attacks, "informed": Clean()}, knows={"informed": [spec]})
    predictions = informed.predict(video)
    assert {one.defense for one in predictions if one.attack == "informed"} == {spec}
    others = {(one.attack, one.defense, one.sampler) for one in predictions if one.attack != "informed"}
    assert others == set(labels(judge.predict(video)))


def test_how_far_a_video_is_is_told_in_equal_steps_up_to_its_end(tmp_path: Path) -> None:
    video = make_videos(tmp_path)[0]
    told: list[tuple[Video, float]] = []
    copy = Path(shutil.copy(video.path, tmp_path / "a copy.mkv"))
    attacks: dict[str, Attack] = {"none": Clean(), "written": Written({video.name: copy})}
    judge = make_judge(make_classifier(), attacks, DEFENSES)
    replace(judge, tell=lambda *what: told.append(what)).predict(video)
    steps = 2 * len(attacks) * len(DEFENSES)  # each cell is made and classified
    assert {one for one, _ in told} == {video}
    assert [share for _, share in told] == pytest.approx([(number + 1) / steps for number in range(steps)])


def test_random_samplers_choose_the_same_frames_for_every_attack_and_defense(tmp_path: Path) -> None:
    classifier = make_classifier()
    attacks: dict[str, Attack] = {"none": Clean(), "again": Clean()}
    judge = make_judge(classifier, attacks, {"none": None, "also none": None}, {"random": RandomFrames()})
    judge.predict(make_videos(tmp_path)[0])
    clips = clips_seen(classifier)
    assert len(clips) == 4
    assert torch.equal(clips, clips[:1].expand_as(clips))


def random_clip(video: Video, seed: int) -> Tensor:
    classifier = make_classifier()
    make_judge(classifier, samplers={"random": RandomFrames()}, seed=seed).predict(video)
    return clips_seen(classifier)


def test_the_seed_decides_what_random_samplers_choose(tmp_path: Path) -> None:
    video = make_videos(tmp_path)[0]
    assert torch.equal(random_clip(video, 3), random_clip(video, 3))
    assert len({random_clip(video, seed).numpy().tobytes() for seed in range(6)}) > 1


def test_equal_videos_of_different_names_are_not_sampled_alike(tmp_path: Path) -> None:
    path = make_videos(tmp_path)[0].path
    clips = {random_clip(Video(path, name), 0).numpy().tobytes() for name in ("a", "b", "c", "d")}
    assert len(clips) > 1


def test_views_are_averaged_as_probabilities(tmp_path: Path) -> None:
    video = make_videos(tmp_path)[0]
    classifier = make_classifier(seed=2)
    (prediction,) = make_judge(classifier, samplers={"dense": Dense(1)}, views=3).predict(video)
    clips = clips_seen(classifier)
    assert clips.shape[0] == 3
    probabilities = classifier.score(clips).softmax(1).mean(0)
    assert prediction.label == int(probabilities.argmax())


def test_the_batch_size_changes_nothing(tmp_path: Path) -> None:
    video = make_videos(tmp_path)[0]
    judge = make_judge(make_classifier(), views=3)
    assert labels(judge.predict(video)) == labels(replace(judge, batch=1).predict(video))


def test_frames_that_several_defenses_need_are_made_numbers_of_once_and_stay_as_they_are() -> None:
    @dataclass(frozen=True)
    class Lazy(BitDepth):
        """Gives back what it was given."""

        def defend_frames(self, frames: Tensor) -> Tensor:
            return frames

    frames, have = make_bytes(6), torch.arange(6)
    numbers = Numbers(frames, have)
    some = torch.tensor([1, 4])
    first = numbers.of(some)
    assert numbers.of(torch.tensor([1, 4])) is first
    assert torch.equal(first, frames[some] / 255)
    assert torch.equal(numbers.of(have), frames / 255)
    for _ in range(2):
        assert torch.equal(defended_bytes(Lazy(), frames, have, have, 6), frames)


@pytest.mark.parametrize(
    "wanted", [torch.arange(0, 201, 7), torch.arange(30, 36), torch.arange(190, 201), torch.arange(201)]
)
@pytest.mark.parametrize("most", [1, 24, 40])
def test_no_stretch_is_coded_twice_because_frames_are_held_in_parts(wanted: Tensor, most: int) -> None:
    codec = build_defense("h264:crf=28")
    found = list(parts(wanted, [codec], 201, most))
    assert torch.equal(torch.cat([part for part, _ in found]), wanted)
    assert torch.equal(torch.cat([needed for _, needed in found]), codec.needs(wanted, 201))


@pytest.mark.parametrize("spec", ["jpeg:quality=75", "temporal-median:window=3", "temporal-interpolation"])
@pytest.mark.parametrize("most", [3, 10])
def test_parts_hold_no_more_than_they_may(spec: str, most: int) -> None:
    wanted, defenses = torch.arange(3, 60, 2), [build_defense(spec), None]
    found = list(parts(wanted, defenses, 61, most))
    assert torch.equal(torch.cat([part for part, _ in found]), wanted)
    for part, needed in found:
        assert len(needed) <= most
        assert torch.isin(part, needed).all()


def test_a_file_is_decoded_once_for_all_attacks_that_share_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    video = make_videos(tmp_path)[0]
    opened: list[Path] = []
    real = reading.opened

    def counting(path: Path, threads: Threads) -> AbstractContextManager[tuple[InputContainer, VideoStream]]:
        opened.append(path)
        return real(path, threads)

    monkeypatch.setattr(reading, "opened", counting)
    attacks: dict[str, Attack] = {"none": Clean(), "r": Added(strong_perturbation())}
    make_judge(make_classifier(), attacks, DEFENSES).predict(video)
    assert opened == [video.path]


def test_the_cost_is_split_into_parts_that_make_the_whole(tmp_path: Path) -> None:
    videos = make_videos(tmp_path)
    judge = make_judge(make_classifier(), {"none": Clean()}, DEFENSES)
    for video in videos:
        judge.predict(video)
    seconds = judge.cost.as_json()["seconds"]
    assert min(seconds.values()) > 0
    assert sum(seconds.values()) == pytest.approx(2 * seconds["all"])
    before = asdict(judge.cost)
    other = make_judge(make_classifier())
    other.cost.go_on(before)
    assert other.cost.as_json() == judge.cost.as_json()


def test_a_video_that_cannot_be_read_is_named_and_the_rest_is_judged(tmp_path: Path) -> None:
    videos = make_videos(tmp_path)
    (tmp_path / "empty.mp4").touch()
    videos.insert(1, Video(tmp_path / "empty.mp4", "empty.mp4"))
    results = list(judge_all(make_judge(make_classifier()), videos))
    assert [video for video, _ in results] == videos
    assert [isinstance(result, UnreadableVideo) for _, result in results] == [False, True, False, False, False]


def test_the_demo_network_judges_a_video_of_the_real_kind(tmp_path: Path) -> None:
    from lsap_cli.classifiers.resolve import load_classifier
    from lsap_cli.demo.videos import make_video

    frames = make_video("left", torch.Generator().manual_seed(8), 40, 120, 160)
    path = write_tiny(tmp_path / "left.mkv", frames)
    classifier = load_classifier("demo")
    predictions = make_judge(classifier, samplers={"uniform": Uniform()}).predict(Video(path, "left.mkv"))
    assert classifier.labels[predictions[0].label] == "left"


RANDOM: dict[str, Defense | None] = {
    "none": None,
    "noise": RandomNoise(0.2),
    "shuffle": TemporalShuffle(),
    "barrage": Barrage(),
    "chain": Chain((TemporalDrop(0.5), RandomNoise(0.1))),
}


@pytest.mark.parametrize("bytes_at_once", [2**30, 1], ids=["whole", "frame by frame"])
def test_every_draw_of_a_random_defense_is_a_defense_of_the_whole_video(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bytes_at_once: int
) -> None:
    """Law 2 for random defenses: the draw belongs to the video, the defense and the seed, not to what is looked at."""
    monkeypatch.setattr(protocol, "NATIVE_BYTES", bytes_at_once)
    perturbation = strong_perturbation()
    for video in make_videos(tmp_path)[:2]:
        classifier = make_classifier()
        attacks: dict[str, Attack] = {"none": Clean(), "r": Added(perturbation)}
        judge = replace(make_judge(classifier, attacks, RANDOM, {"uniform": Uniform()}), draws=3)
        predictions = judge.predict(video)
        frames, times = whole(video), read_frame_times(video.path).times
        every, count = torch.arange(len(frames)), len(frames)
        expected: list[Tensor] = []
        for attacked in (frames, perturbation.add_to_bytes(frames, every, count)):
            for spec, defense in RANDOM.items():
                for draw in range(3 if defense else 1):
                    defended = attacked
                    if defense is not None:
                        drawn = defense.draw(seeded(0, "draw", spec, video.name, draw))
                        defended = (
                            (drawn.defend(Clip(attacked / 255, every, count), every) * 255).round().to(torch.uint8)
                        )
                    shrunk = classifier.geometry.crop(classifier.geometry.shrink(defended)) / 255
                    expected.append(shrunk[Uniform().choose(times, 4, 1, torch.Generator())[0]])
        assert torch.equal(clips_seen(classifier), torch.stack(expected))
        assert {one.defense: len(one.draws) for one in predictions if one.attack == "r"} == {
            "none": 0, "noise": 3, "shuffle": 3, "barrage": 3, "chain": 3,
        }  # fmt: skip
        assert all(one.label == one.draws[0] for one in predictions if one.draws)


def test_a_defense_that_learns_from_videos_sees_the_others_under_the_same_attack(tmp_path: Path) -> None:
    videos = make_videos(tmp_path)
    subtraction = PerturbationSubtraction(2, side=16)
    defense, classifier = Chain((subtraction, Jpeg())), make_classifier()
    attacks: dict[str, Attack] = {"none": Clean(), "r": Added(strong_perturbation())}
    judge = make_judge(classifier, attacks, {"none": None, "subtract": defense}, {"uniform": Uniform()})
    assert [video for video, _ in judge_all(judge, videos)] == videos
    seen = clips_seen(classifier)[4 * 2 + 3]  # video c: clean, clean subtracted, r, r subtracted
    evidence = []
    for video in videos:
        frames = whole(video)
        attacked = strong_perturbation().add_to_bytes(frames, torch.arange(len(frames)), len(frames))
        numbers = subtraction.evidence_indices(len(frames))
        evidence.append(subtraction.evidence(Clip(attacked[numbers] / 255, numbers, len(frames))).half().float())
        if video is videos[2]:
            target = attacked
    every = torch.arange(len(target))
    ready = fit_defense(defense, [evidence[0], evidence[1], evidence[3]])
    defended = (ready.defend(Clip(target / 255, every, len(target)), every) * 255).round().to(torch.uint8)
    shrunk = classifier.geometry.crop(classifier.geometry.shrink(defended)) / 255
    chosen = Uniform().choose(read_frame_times(videos[2].path).times, 4, 1, torch.Generator())[0]
    assert torch.equal(seen, shrunk[chosen])


def test_too_few_recordings_to_learn_from_are_refused(tmp_path: Path) -> None:
    judge = make_judge(make_classifier(), defenses={"none": None, "subtract": PerturbationSubtraction()})
    with pytest.raises(LsapError, match="give at least three recordings"):
        list(judge_all(judge, make_videos(tmp_path)[:2]))


def test_a_detectors_answers_are_those_of_the_whole_video(tmp_path: Path) -> None:
    video, perturbation = make_videos(tmp_path)[0], strong_perturbation()
    judge = make_judge(make_classifier(), {"none": Clean(), "r": Added(perturbation)}, samplers={"dense": Dense(1)})
    watched = AttackedVideo(judge, video, "r")
    frames = whole(video)
    attacked = perturbation.add_to_bytes(frames, torch.arange(14), 14)
    assert watched.clips.tolist() == [[5, 6, 7, 8]]
    assert torch.equal(watched.read(torch.tensor([2, 9])).frames, attacked[[2, 9]] / 255)
    defended = (TemporalMean()(attacked / 255) * 255).round().byte()
    geometry = judge.classifier.geometry
    clip = geometry.crop(geometry.shrink(defended))[5:9]
    expected = judge.probabilities(clip[None])
    assert torch.equal(watched.probabilities(watched.clips, TemporalMean()), expected)


def test_every_detector_scores_every_video_under_every_attack(tmp_path: Path) -> None:
    videos = make_videos(tmp_path)
    (tmp_path / "empty.mp4").touch()
    videos.append(Video(tmp_path / "empty.mp4", "empty.mp4"))
    judge = make_judge(make_classifier(), {"none": Clean(), "r": Added(strong_perturbation())})
    detectors = {name: kind() for name, kind in DETECTORS.items()}
    scores = [one for _, outcome in score_all(judge, detectors, videos) if isinstance(outcome, list) for one in outcome]
    found = {(one.detector, one.attack, one.video) for one in scores}
    assert found == {(d, a, video.name) for d in DETECTORS for a in ("none", "r") for video in videos[:-1]}
    assert len(scores) == len(found)
