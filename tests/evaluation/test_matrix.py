"""One video through perturbation sources, defenses and samplers."""

import shutil
from contextlib import AbstractContextManager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
import torch
from av.container import InputContainer
from av.video.stream import VideoStream
from msgspec.structs import asdict
from torch import Tensor

from defenses import Clip, Defense
from defenses.chain import Chain
from defenses.compression import Jpeg
from defenses.fitting import fit_defense
from defenses.randomized import Barrage, RandomNoise
from defenses.reordering import TemporalDrop, TemporalShuffle
from defenses.subtraction import PerturbationSubtraction
from lsap_cli.datasets.base import Video
from lsap_cli.errors import LsapError
from lsap_cli.evaluation.cost import Cost
from lsap_cli.evaluation.matrix_judge import MatrixJudge, judge_all
from lsap_cli.evaluation.protocol import NoPrediction
from lsap_cli.evaluation.sources import AddedPerturbation, PerturbationSource, PerturbedFiles, Unperturbed
from lsap_cli.video import demuxing
from lsap_cli.video.codecs import Codec, Ffv1Codec, H264RgbCodec
from lsap_cli.video.reading import UnreadableVideo, read_frame_times
from lsap_cli.video.threads import DecoderThreads
from lsap_cli.video.writing import transcode
from perturbations import Budget, Perturbation, parse_binding
from perturbations.samplers import Dense, RandomFrames, RateSampler, Sampler, Uniform
from perturbations.seeds import seeded
from tests.evaluation.judges import (
    DEFENSES,
    SAMPLERS,
    labels,
    make_matrix,
    make_protocol,
    make_videos,
    strong_perturbation,
    whole,
)
from tests.tiny import clips_seen, make_bytes, make_classifier, write_timed, write_tiny

CLEAN_AND_STRONG: dict[str, PerturbationSource] = {
    "none": Unperturbed(),
    "r": AddedPerturbation(strong_perturbation()),
}


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
        first, second = (
            labels(
                MatrixJudge(
                    make_protocol(classifier, views=2), make_matrix({"none": Unperturbed(), "r": source})
                ).predict(video)
            )
            for classifier, source in ((in_memory, AddedPerturbation(perturbation)), (on_disk, PerturbedFiles(files)))
        )
        assert first == second
        changed += sum(first["r", "none", sampler] != first["none", "none", sampler] for sampler in SAMPLERS)
    assert torch.equal(clips_seen(in_memory), clips_seen(on_disk))
    assert changed > 0


@pytest.mark.parametrize("bytes_at_once", [2**30, 1], ids=["whole", "frame by frame"])
def test_defending_what_the_samplers_need_is_defending_the_whole_video(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bytes_at_once: int
) -> None:
    """Law 2, to the bytes that the network sees, with an attack before the defense."""
    monkeypatch.setattr("lsap_cli.video.memory_limit.NATIVE_BYTES", bytes_at_once)
    perturbation = strong_perturbation()
    fixed: dict[str, Sampler] = {"uniform": Uniform(), "dense": Dense(), "rate": RateSampler()}
    for video in make_videos(tmp_path):
        classifier = make_classifier()
        matrix = make_matrix({"none": Unperturbed(), "r": AddedPerturbation(perturbation)}, DEFENSES)
        MatrixJudge(make_protocol(classifier, fixed), matrix).predict(video)
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


def test_there_is_a_prediction_for_each_source_defense_and_sampler(tmp_path: Path) -> None:
    video = make_videos(tmp_path)[0]
    matrix = make_matrix(CLEAN_AND_STRONG, DEFENSES)
    expected = {
        (source, defense, sampler) for source in CLEAN_AND_STRONG for defense in DEFENSES for sampler in SAMPLERS
    }
    predictions = MatrixJudge(make_protocol(make_classifier()), matrix).predict(video)
    assert set(labels(predictions)) == expected
    assert len(predictions) == len(expected)


def test_a_source_that_is_restricted_to_a_defense_is_judged_behind_that_one_only(tmp_path: Path) -> None:
    video = make_videos(tmp_path)[0]
    protocol, matrix = make_protocol(make_classifier()), make_matrix(CLEAN_AND_STRONG, DEFENSES)
    spec = list(DEFENSES)[-1]
    sources = {**CLEAN_AND_STRONG, "informed": Unperturbed()}
    predictions = MatrixJudge(protocol, replace(matrix, sources=sources, defense_subsets={"informed": [spec]})).predict(
        video
    )
    assert {one.defense for one in predictions if one.source == "informed"} == {spec}
    others = {(one.source, one.defense, one.sampler) for one in predictions if one.source != "informed"}
    assert others == set(labels(MatrixJudge(protocol, matrix).predict(video)))


def test_progress_within_a_video_is_reported_in_equal_steps_up_to_its_end(tmp_path: Path) -> None:
    video = make_videos(tmp_path)[0]
    reported: list[tuple[Video, float]] = []
    copy = Path(shutil.copy(video.path, tmp_path / "a copy.mkv"))
    matrix = make_matrix({"none": Unperturbed(), "files": PerturbedFiles({video.name: copy})}, DEFENSES)
    MatrixJudge(make_protocol(make_classifier()), matrix, lambda *what: reported.append(what)).predict(video)
    steps = 2 * len(DEFENSES)  # the cells of two files
    assert {one for one, _ in reported} == {video}
    assert [share for _, share in reported] == pytest.approx([(number + 1) / steps for number in range(steps)])


def test_random_samplers_choose_the_same_frames_for_every_source_and_defense(tmp_path: Path) -> None:
    classifier = make_classifier()
    matrix = make_matrix({"none": Unperturbed(), "again": Unperturbed()}, {"none": None, "also none": None})
    MatrixJudge(make_protocol(classifier, {"random": RandomFrames()}), matrix).predict(make_videos(tmp_path)[0])
    clips = clips_seen(classifier)
    assert len(clips) == 4
    assert torch.equal(clips, clips[:1].expand_as(clips))


def random_clip(video: Video, seed: int) -> Tensor:
    classifier = make_classifier()
    MatrixJudge(make_protocol(classifier, {"random": RandomFrames()}, seed=seed), make_matrix()).predict(video)
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
    (prediction,) = MatrixJudge(make_protocol(classifier, {"dense": Dense(1)}, views=3), make_matrix()).predict(video)
    clips = clips_seen(classifier)
    assert clips.shape[0] == 3
    probabilities = classifier.score(clips).softmax(1).mean(0)
    assert prediction.label == int(probabilities.argmax())


def test_the_batch_size_changes_nothing(tmp_path: Path) -> None:
    video = make_videos(tmp_path)[0]
    protocol, matrix = make_protocol(make_classifier(), views=3), make_matrix()
    one_by_one = MatrixJudge(replace(protocol, batch=1), matrix).predict(video)
    assert labels(MatrixJudge(protocol, matrix).predict(video)) == labels(one_by_one)


def test_a_file_is_decoded_once_for_all_sources_that_share_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    video = make_videos(tmp_path)[0]
    opened: list[Path] = []
    real = demuxing.opened

    def counting(path: Path, threads: DecoderThreads) -> AbstractContextManager[tuple[InputContainer, VideoStream]]:
        opened.append(path)
        return real(path, threads)

    monkeypatch.setattr(demuxing, "opened", counting)
    MatrixJudge(make_protocol(make_classifier()), make_matrix(CLEAN_AND_STRONG, DEFENSES)).predict(video)
    assert opened == [video.path]


def test_the_cost_is_split_into_parts_that_make_the_whole(tmp_path: Path) -> None:
    videos = make_videos(tmp_path)
    judge = MatrixJudge(make_protocol(make_classifier()), make_matrix(defenses=DEFENSES))
    for video in videos:
        judge.predict(video)
    cost = judge.measurements.cost
    seconds = asdict(cost.result().seconds)
    assert min(seconds.values()) > 0
    assert sum(seconds.values()) == pytest.approx(2 * seconds["all"])
    resumed = Cost()
    resumed.add_earlier(cost)
    assert resumed == cost


def test_a_video_that_cannot_be_read_is_named_and_the_rest_is_judged(tmp_path: Path) -> None:
    videos = make_videos(tmp_path)
    (tmp_path / "empty.mp4").touch()
    videos.insert(1, Video(tmp_path / "empty.mp4", "empty.mp4"))
    results = list(judge_all(MatrixJudge(make_protocol(make_classifier()), make_matrix()), videos))
    assert [video for video, _ in results] == videos
    assert [isinstance(result, UnreadableVideo) for _, result in results] == [False, True, False, False, False]


def test_the_demo_network_judges_a_video_of_the_real_kind(tmp_path: Path) -> None:
    from lsap_cli.classifiers.resolve import load_classifier
    from lsap_cli.demo.videos import make_video

    frames = make_video("left", torch.Generator().manual_seed(8), 40, 120, 160)
    path = write_tiny(tmp_path / "left.mkv", frames)
    classifier = load_classifier("demo")
    judge = MatrixJudge(make_protocol(classifier, {"uniform": Uniform()}), make_matrix())
    predictions = judge.predict(Video(path, "left.mkv"))
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
    monkeypatch.setattr("lsap_cli.video.memory_limit.NATIVE_BYTES", bytes_at_once)
    perturbation = strong_perturbation()
    for video in make_videos(tmp_path)[:2]:
        classifier = make_classifier()
        protocol = make_protocol(classifier, {"uniform": Uniform()}, draws=3)
        matrix = make_matrix({"none": Unperturbed(), "r": AddedPerturbation(perturbation)}, RANDOM)
        predictions = MatrixJudge(protocol, matrix).predict(video)
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
        assert {one.defense: len(one.draws) for one in predictions if one.source == "r"} == {
            "none": 0, "noise": 3, "shuffle": 3, "barrage": 3, "chain": 3,
        }  # fmt: skip
        assert all(one.label == one.draws[0] for one in predictions if one.draws)


def test_a_defense_that_is_fitted_on_videos_gets_the_others_under_the_same_source(tmp_path: Path) -> None:
    videos = make_videos(tmp_path)
    subtraction = PerturbationSubtraction(2, side=16)
    defense, classifier = Chain((subtraction, Jpeg())), make_classifier()
    matrix = make_matrix(CLEAN_AND_STRONG, {"none": None, "subtract": defense})
    judge = MatrixJudge(make_protocol(classifier, {"uniform": Uniform()}), matrix)
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


def test_too_few_recordings_to_fit_a_defense_on_are_refused(tmp_path: Path) -> None:
    matrix = make_matrix(defenses={"none": None, "subtract": PerturbationSubtraction()})
    judge = MatrixJudge(make_protocol(make_classifier()), matrix)
    with pytest.raises(LsapError, match="give at least three recordings"):
        list(judge_all(judge, make_videos(tmp_path)[:2]))


def test_the_change_of_perturbed_files_is_measured_on_the_frames_that_are_judged(tmp_path: Path) -> None:
    videos, perturbation = make_videos(tmp_path / "clean"), strong_perturbation()
    files: dict[str, Path] = {}
    for video in videos:
        frames = whole(video)
        perturbed = perturbation.add_to_bytes(frames, torch.arange(len(frames)), len(frames))
        times = read_frame_times(video.path).times.tolist()
        files[video.name] = write_timed(tmp_path / f"{video.path.stem}.mkv", perturbed, times)
    judges = [
        MatrixJudge(make_protocol(make_classifier()), make_matrix({"none": Unperturbed(), "r": source}))
        for source in (AddedPerturbation(perturbation), PerturbedFiles(files))
    ]
    for judge in judges:
        for video in videos:
            judge.predict(video)
    in_memory, on_disk = (judge.measurements.changes.by_source["r"] for judge in judges)
    assert in_memory.l2_rms > 1
    assert on_disk == in_memory


@pytest.mark.parametrize("shape", [(14, 20, 32), (13, 20, 30)], ids=["another size", "fewer frames"])
def test_a_perturbed_file_that_cannot_be_compared_is_judged_without_a_norm(
    tmp_path: Path, shape: tuple[int, int, int]
) -> None:
    video = make_videos(tmp_path)[0]
    files = {video.name: write_tiny(tmp_path / "copy.mkv", make_bytes(*shape))}
    judge = MatrixJudge(
        make_protocol(make_classifier()), make_matrix({"none": Unperturbed(), "r": PerturbedFiles(files)})
    )
    assert len(judge.predict(video)) == 2 * len(SAMPLERS)
    assert set(judge.measurements.changes.by_source) == {"none"}


@pytest.mark.parametrize(
    ("classes", "named"), [(slice(None), "scores of 5 classes"), (2, "scores of class "), (0, "scores of class ")]
)
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_video_without_finite_scores_has_no_predictions_and_no_changes(
    tmp_path: Path, classes: int | slice, named: str, value: float
) -> None:
    videos, classifier = make_videos(tmp_path)[2:], make_classifier()
    bright = AddedPerturbation(
        Perturbation(torch.ones(1, 3, 8, 8), parse_binding("constant"), Budget("linf", Fraction(1)))
    )
    whole_score = classifier.score

    def score(clips: Tensor) -> Tensor:
        scores = whole_score(clips)
        if not bool((clips < 1).any()):
            scores[:, classes] = value
        return scores

    classifier.score = score  # type: ignore[method-assign]
    matrix = make_matrix({"none": Unperturbed(), "bright": bright})
    judge = MatrixJudge(make_protocol(classifier), matrix)
    outcomes = [outcome for _, outcome in judge_all(judge, videos)]
    assert all(isinstance(outcome, NoPrediction) for outcome in outcomes)
    assert "not finite" in str(outcomes[0])
    assert named in str(outcomes[0])
    assert "attack 'bright', defense 'none'" in str(outcomes[0])
    assert judge.measurements.changes.by_source == {}
    clean_only = MatrixJudge(make_protocol(classifier), make_matrix())
    assert all(isinstance(outcome, list) for _, outcome in judge_all(clean_only, videos))
