"""What detectors are shown of a video."""

from fractions import Fraction
from pathlib import Path

import pytest
import torch

from defenses.detectors import DETECTORS
from defenses.temporal import TemporalMean
from lsap_cli.datasets.base import Video
from lsap_cli.evaluation import detection
from lsap_cli.evaluation.detection import DetectionMatrix, DetectorInput, score_all
from lsap_cli.evaluation.sources import AddedPerturbation, PerturbationSource, Unperturbed
from lsap_cli.video.media import Media
from lsap_cli.video.reading import FrameReader
from perturbations import Budget, Perturbation, parse_binding
from perturbations.samplers import Dense
from tests.evaluation.judges import cropping_classifier, make_protocol, make_videos, strong_perturbation, whole
from tests.tiny import make_classifier


def test_a_detector_gets_the_frames_and_outputs_of_the_whole_video(tmp_path: Path) -> None:
    video, perturbation = make_videos(tmp_path)[0], strong_perturbation()
    protocol = make_protocol(make_classifier(), {"dense": Dense(1)})
    examined = DetectorInput(protocol, video, AddedPerturbation(perturbation))
    frames = whole(video)
    attacked = perturbation.add_to_bytes(frames, torch.arange(14), 14)
    assert examined.clips.tolist() == [[5, 6, 7, 8]]
    assert torch.equal(examined.read(torch.tensor([2, 9])).frames, attacked[[2, 9]] / 255)
    defended = (TemporalMean()(attacked / 255) * 255).round().byte()
    geometry = protocol.classifier.geometry
    clip = geometry.crop(geometry.shrink(defended))[5:9]
    expected = protocol.probabilities(clip[None])
    assert torch.equal(examined.probabilities(examined.clips, TemporalMean()), expected)


def test_a_detector_gets_the_mean_output_of_the_protocols_crops(tmp_path: Path) -> None:
    video, classifier = make_videos(tmp_path)[0], cropping_classifier(3)
    protocol = make_protocol(classifier, {"dense": Dense(1)})
    examined = DetectorInput(protocol, video, Unperturbed())
    shrunk = classifier.geometry.shrink(whole(video))[examined.clips[0]]
    outputs = [protocol.probabilities(crop[None]) for crop in classifier.geometry.crops_of(shrunk, 3)]
    assert torch.equal(examined.probabilities(examined.clips), torch.stack(outputs).mean(0))
    assert not torch.equal(outputs[0], outputs[1])


def test_every_detector_scores_every_video_under_every_source(tmp_path: Path) -> None:
    videos = make_videos(tmp_path)
    (tmp_path / "empty.mp4").touch()
    videos.append(Video(tmp_path / "empty.mp4", "empty.mp4"))
    detectors = {name: kind() for name, kind in DETECTORS.items()}
    sources: dict[str, PerturbationSource] = {"none": Unperturbed(), "r": AddedPerturbation(strong_perturbation())}
    outcomes = score_all(make_protocol(make_classifier()), DetectionMatrix(detectors, sources), videos)
    scores = [one for _, outcome in outcomes if isinstance(outcome, list) for one in outcome]
    found = {(one.detector, one.attack, one.video) for one in scores}
    assert found == {
        (detector, name, video.name) for detector in DETECTORS for name in sources for video in videos[:-1]
    }
    assert len(scores) == len(found)


def test_a_source_that_is_restricted_to_a_detector_is_scored_by_that_one_only(tmp_path: Path) -> None:
    detectors = {name: DETECTORS[name]() for name in ("temporal-consistency", "corpus-residual")}
    sources = {"none": Unperturbed(), "informed": Unperturbed()}
    matrix = DetectionMatrix(detectors, sources, {"informed": ["corpus-residual"]})
    outcomes = score_all(make_protocol(make_classifier()), matrix, make_videos(tmp_path))
    scores = [one for _, outcome in outcomes if isinstance(outcome, list) for one in outcome]
    assert {one.detector for one in scores if one.attack == "informed"} == {"corpus-residual"}
    assert {one.detector for one in scores if one.attack == "none"} == set(detectors)


def test_a_detector_is_shown_the_frames_that_a_perturbation_appends(tmp_path: Path) -> None:
    video = make_videos(tmp_path)[0]
    delta = torch.full((3, 3, 20, 30), 8 / 255)
    appending = Perturbation(delta, parse_binding("append:3"), Budget("linf", Fraction(8, 255)))
    examined = DetectorInput(make_protocol(make_classifier()), video, AddedPerturbation(appending))
    assert examined.video_length == 17
    shown = examined.read(torch.tensor([4, 13, 14, 16])).frames
    assert torch.equal(shown[:2], whole(video)[[4, 13]] / 255)  # the video's own frames are as they were
    assert torch.equal(shown[2:], torch.full_like(shown[2:], 8 / 255))


def test_each_file_is_decoded_once_for_all_sources_and_detectors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[object] = []

    class CountingReader(FrameReader):
        def __init__(self, media: Media) -> None:
            decoded.append(media)
            super().__init__(media)

    monkeypatch.setattr(detection, "FrameReader", CountingReader)
    videos = make_videos(tmp_path)
    detectors = {name: kind() for name, kind in DETECTORS.items()}
    sources: dict[str, PerturbationSource] = {"none": Unperturbed(), "r": AddedPerturbation(strong_perturbation())}
    list(score_all(make_protocol(make_classifier()), DetectionMatrix(detectors, sources), videos))
    assert decoded == [video.media for video in videos]
