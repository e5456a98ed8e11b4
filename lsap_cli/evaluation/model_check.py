"""`lsap models show` and `lsap models check`: what a classifier is, and whether it can be attacked and trusted."""

import time
from collections.abc import Sequence
from typing import Any

from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.datasets.base import Video
from lsap_cli.datasets.selection import skip, videos_of_run
from lsap_cli.datasets.store import FrameStore
from lsap_cli.evaluation.network_findings import describe_range, network_findings
from lsap_cli.evaluation.predictions import clips_of, says_more_than, scored_video
from lsap_cli.evaluation.protocol import Evaluation, NoPrediction
from lsap_cli.evaluation.two_classes import two_class_figures
from lsap_cli.results.base import UNSET, UnsetType
from lsap_cli.results.documents import ModelAccuracy, ModelCheckResults, ModelFinding, SkippedVideo
from lsap_cli.results.events import StageEvent, VideoEvent
from lsap_cli.results.files import RESULTS_FILE, write_document
from lsap_cli.results.rates import mcnemar, rate
from lsap_cli.results.text import counted
from lsap_cli.set_sources import SetSource
from lsap_cli.video.reading import UnreadableVideo

SILENCE = 5.0  # seconds, after which a test that is done is told
MEMORY = 2**30  # bytes of decoded frames; more goes to disk
BEST = 5  # classes of a video, among which its label is looked for
CHANCE = 0.05


def check_model(evaluation: Evaluation, source: SetSource | None) -> ModelCheckResults:
    """Tests a network on random clips and, where no test fails, on labeled videos; writes results.json.

    Args:
        evaluation: of the classifier, with its own protocol.
        source: a set of labeled videos; None: none.
    """
    protocol, run = evaluation.protocol, evaluation.run
    classifier = protocol.classifier
    run.note(device=str(protocol.device), classifier=classifier.identity)
    run.event(StageEvent(name="testing the network"))
    findings: list[ModelFinding] = []
    begun = time.monotonic()
    for finding in network_findings(classifier, protocol.device, protocol.seed):
        findings.append(finding)
        if time.monotonic() - begun > SILENCE:
            run.event(StageEvent(name=f"testing the network ({finding.test}: {finding.verdict})"))
            begun = time.monotonic()
    accuracy: ModelAccuracy | UnsetType = UNSET
    if source is not None and all(one.verdict != "FAIL" for one in findings):
        videos = videos_of_run(source, classifier.labels, run, evaluation.skipped).videos
        run.event(StageEvent(name="classifying", videos=len(videos)))
        accuracy = measure_accuracy(evaluation, videos)
        findings += channel_findings(accuracy) + _declared_accuracy(classifier, accuracy)
    results = ModelCheckResults(model=classifier.name, findings=tuple(findings), accuracy=accuracy)
    write_document(run.folder / RESULTS_FILE, results)
    return results


def measure_accuracy(evaluation: Evaluation, videos: Sequence[Video]) -> ModelAccuracy:
    """Top-1 and top-5 accuracy on labeled videos, first sampler; unreadable videos are appended to the skipped."""
    protocol, classifier = evaluation.protocol, evaluation.protocol.classifier
    first: list[bool] = []
    any_of_five: list[bool] = []
    exchanged: list[bool] = []
    scored: list[tuple[bool, float, str]] = []
    with FrameStore(classifier.geometry.shrink, MEMORY) as store:
        for video, stored in store.load(videos):
            if isinstance(stored, UnreadableVideo):
                skip(evaluation.run, evaluation.skipped, video, stored)
                continue
            evaluation.run.event(VideoEvent(path=video.name))
            if not video.labels:
                continue
            clips = clips_of(protocol, stored)
            try:
                mean = protocol.probabilities(clips).mean(0)
                mean_exchanged = protocol.probabilities(clips.flip(2)).mean(0)
            except NoPrediction as error:
                skip(evaluation.run, evaluation.skipped, video, error)
                continue
            best: list[int] = mean.argsort(descending=True).tolist()
            first.append(best[0] in video.labels)
            any_of_five.append(bool(set(best[:BEST]) & set(video.labels)))
            exchanged.append(int(mean_exchanged.argmax()) in video.labels)
            scored += scored_video(classifier, video, dict(enumerate(mean.tolist())))
    return ModelAccuracy(
        top1=rate(first),
        top5=rate(any_of_five) if says_more_than(classifier, BEST) else None,
        two_class=two_class_figures(scored, classifier.gives.threshold, classifier.labels[1]) if scored else UNSET,
        channels_p=mcnemar(first, exchanged),
        top1_red_and_blue_exchanged=rate(exchanged),
        protocol=describe_protocol(classifier),
        skipped=tuple(SkippedVideo(**one) for one in evaluation.skipped),
    )


def describe_protocol(classifier: Classifier) -> str:
    """How videos become clips, in words."""
    views = counted(classifier.views, "clip") + (", probabilities averaged" if classifier.views > 1 else "")
    geometry = classifier.geometry
    if classifier.crops > 1:
        views += f", {classifier.crops} crops of each"
    resize = geometry.resize if isinstance(geometry.resize, int) else "{} x {}".format(*geometry.resize)
    return (
        f"{counted(classifier.frames, 'frame')} by {classifier.sampler_spec}, {views}; "
        f"resize {resize}, center crop {geometry.size[0]} x {geometry.size[1]}"
    )


def describe_model(classifier: Classifier) -> dict[str, Any]:  # a JSON object
    """What a classifier is, for `lsap models show`."""
    expects, geometry = classifier.expects, classifier.geometry
    return {
        "name": classifier.name,
        "takes": f"{expects.layout} {expects.channels}, {expects.frames} frames of "
        f"{geometry.size[0]} x {geometry.size[1]}, scale {expects.scale:g}",
        "mean": list(map(str, expects.mean)),
        "std": list(map(str, expects.std)),
        "black to white": describe_range(classifier),
        "protocol": describe_protocol(classifier),
        "gives": classifier.gives.kind + (f" in {classifier.gives.pick}" if classifier.gives.pick else ""),
        "parameters": f"{sum(parameter.numel() for parameter in classifier.network.parameters()):,}",
        "notes": "; ".join(classifier.notes),
        "source": ", ".join(f"{key} {value}" for key, value in classifier.source.items()),
        "classes": classifier.labels,
    }


def channel_findings(accuracy: ModelAccuracy) -> list[ModelFinding]:
    """A warning where more videos are right with red and blue exchanged than in the card's order, beyond chance."""
    own, exchanged, p = accuracy.top1, accuracy.top1_red_and_blue_exchanged, accuracy.channels_p
    if own is None or exchanged is None or exchanged.count <= own.count or p is None:
        return []
    figure = f"{exchanged.count} of {own.of} right with red and blue exchanged, {own.count} as the card says"
    if p >= CHANCE:
        return [ModelFinding(verdict="PASS", test="channel order", figure=f"{figure}: within chance (p {p:.2f})")]
    return [ModelFinding(verdict="WARN", test="channel order", figure=f"{figure} (p {p:.3f}): is channels right?")]


def _declared_accuracy(classifier: Classifier, accuracy: ModelAccuracy) -> list[ModelFinding]:
    """The measured top-1 beside the one that the card declares; a warning where its interval leaves that out."""
    declared, top1 = classifier.declared_accuracy, accuracy.top1
    if declared is None or top1 is None:
        return []
    fits = top1.low <= declared <= top1.high
    figure = f"top-1 is {top1}, and the card declares {declared:g}"
    if not fits:
        figure += ": preprocessing, labels or weights may differ from those of that figure"
    return [ModelFinding(verdict="PASS" if fits else "WARN", test="accuracy", figure=figure)]
