"""`lsap train`: a network of a family, trained on labelled videos and measured on recordings that it has not seen."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from msgspec import convert

from lsap_cli.classifiers.cards import load_card
from lsap_cli.classifiers.devices import choose_device
from lsap_cli.classifiers.threads import keep_threads
from lsap_cli.datasets.selection import Skipped
from lsap_cli.datasets.store import FrameStore, StoredVideo
from lsap_cli.evaluation.bootstrap import mean_by_recording
from lsap_cli.evaluation.protocol import own_protocol
from lsap_cli.evaluation.two_classes import two_class_rates
from lsap_cli.jobs.defend_inputs import classifier_inputs, environment_inputs
from lsap_cli.learning.process_group import device_of_process, process_group
from lsap_cli.learning.time_budget import TimeBudget
from lsap_cli.results.events import StageEvent, WarningEvent
from lsap_cli.results.files import RESULTS_FILE, write_document
from lsap_cli.results.line_file import LineFile
from lsap_cli.results.rates import rate
from lsap_cli.results.skipped import SkippedVideo
from lsap_cli.results.training import ClassAccuracy, SplitPart, TrainResults
from lsap_cli.runs import Run
from lsap_cli.runs.inputs import keep_inputs, remove_inputs
from lsap_cli.runs.memory import keep_memory
from lsap_cli.training.checkpoint import STATE_FILE
from lsap_cli.training.labeled_videos import LabeledVideos, labels_of_set, load_labeled_videos
from lsap_cli.training.loop import Training
from lsap_cli.training.measuring import MeasuredVideos, measure_videos
from lsap_cli.training.networks import StartingNetwork, starting_network
from lsap_cli.training.output import (
    FIT_LIST,
    HELD_OUT_LIST,
    make_out_folder,
    write_network,
    write_trained_card,
    write_video_lists,
)
from lsap_cli.training.settings import TrainSettings

FEW_VIDEOS, FEW_RECORDINGS = 30, 10


def train_classifier(
    settings: TrainSettings, run: Run, resume: bool = False, started: float | None = None
) -> TrainResults | None:
    """Trains, writes the card with its weights, and measures the network that the card loads.

    Args:
        settings: what to do.
        run: where events and the state go.
        resume: go on from the state in the run folder, if there is one.
        started: when the time budget began, by `time.monotonic`; None: now.

    Returns:
        The results document; None in all but the first process of a group.

    Raises:
        LsapError: for anything that the user can mend.
    """
    budget = TimeBudget(settings.time_budget, time.monotonic() if started is None else started)
    keep_memory()
    keep_threads(run)
    make_out_folder(Path(settings.out))
    device = choose_device(device_of_process(settings.device))
    run.event(StageEvent(name="building the network"))
    labels = labels_of_set(settings)
    start = starting_network(settings, labels)
    start.classifier.to(device)
    run.note(device=str(device), classifier=start.classifier.identity)
    _say_what_is_new(start, run)
    skipped: Skipped = []
    with (
        process_group(settings.batch, device) as group,
        FrameStore(start.classifier.geometry.shrink, settings.memory) as store,
    ):
        videos = load_labeled_videos(store, labels, settings, skipped, run)
        hashes = {f"video {name}": one for name, one in videos.hashes.items()}
        keep_inputs(run.folder, classifier_inputs(start.classifier) | hashes | environment_inputs(device), resume)
        training = Training(
            settings, start.classifier, start.weights is not None, videos, device, group, run,
            run.folder / STATE_FILE, budget,
        )  # fmt: skip
        if resume:
            training.resume()
        ended_by = training.train()
        if not group.is_first:
            return None
        run.event(StageEvent(name="measuring on the held-out videos"))
        measured = _written_and_measured(training, run)
    results = _results(_Trained(training, start, measured, ended_by), skipped)
    write_trained_card(Path(settings.out), training.classifier, settings, results.accuracy.value)
    with LineFile(run.folder / "records.jsonl") as lines:
        lines.write(*measured.records)
    write_document(run.folder / RESULTS_FILE, results)
    remove_inputs(run.folder)
    return results


def _say_what_is_new(start: StartingNetwork, run: Run) -> None:
    """Which tensors a file of weights gave no value."""
    if start.weights is not None:
        names = ", ".join(start.drawn[:4]) + (f" and {len(start.drawn) - 4} more" if len(start.drawn) > 4 else "")
        drawn = f"drawn anew: {names}" if names else "all of them are in the file"
        run.event(WarningEvent(message=f"weights from {start.weights}; {drawn}"))


def _written_and_measured(training: Training, run: Run) -> MeasuredVideos:
    """Writes the folder, and measures the network that its card gives."""
    out, settings, videos = Path(training.settings.out), training.settings, training.videos
    write_network(out, training.network, training.classifier.labels)
    card = write_trained_card(out, training.classifier, settings, None)
    parts = {FIT_LIST: [*videos.fit, *videos.validation], HELD_OUT_LIST: videos.held_out}
    unlisted = write_video_lists(out, parts, videos.recordings)
    if unlisted:
        message = f"{FIT_LIST} and {HELD_OUT_LIST} lack {len(unlisted)} videos that are no files of their own"
        run.event(WarningEvent(message=message))
    loaded = load_card(card).to(training.device)
    return measure_videos(own_protocol(loaded, settings.seed, training.device), videos.held_out)


@dataclass(frozen=True)
class _Trained:
    """What results are made of."""

    training: Training
    start: StartingNetwork
    measured: MeasuredVideos
    ended_by: str


def _results(trained: _Trained, skipped: Skipped) -> TrainResults:
    training, records = trained.training, trained.measured.records
    settings, videos, labels = training.settings, training.videos, training.classifier.labels
    network = training.network
    right = [float(bool(one.correct)) for one in records]
    fit_counts = Counter(one.video.labels[0] for one in videos.fit)
    frequent = max(range(len(labels)), key=lambda number: fit_counts[number])
    held_out = _part(videos, videos.held_out)
    return TrainResults(
        out=settings.out,
        family=settings.family,
        backbone=settings.backbone,
        trained=settings.trained,
        parameters=sum(one.numel() for one in network.parameters()),
        trained_parameters=sum(one.numel() for one in (*training.layers.new, *training.layers.others)),
        initial_weights=None if trained.start.weights is None else str(trained.start.weights),
        steps=training.state.step,
        epochs=round(training.state.step / training.order.steps_per_epoch, 2),
        ended_by=trained.ended_by,
        train_seconds=round(training.state.seconds, 1),
        fit=_part(videos, videos.fit),
        validation=_part(videos, videos.validation) if videos.validation else None,
        held_out=held_out,
        accuracy=trained.measured.accuracy,
        accuracy_by_recording=mean_by_recording(right, videos.recordings_of(videos.held_out)),
        most_frequent_class=rate([one.video.labels[0] == frequent for one in videos.held_out]),
        two_class=two_class_rates(records, training.classifier.gives.threshold),
        classes=_classes(labels, fit_counts, videos, right),
        warnings=tuple(_warnings(held_out, training)),
        skipped=convert(skipped, tuple[SkippedVideo, ...]),
    )


def _part(videos: LabeledVideos, part: Sequence[StoredVideo]) -> SplitPart:
    return SplitPart(videos=len(part), recordings=len(set(videos.recordings_of(part))))


def _classes(
    labels: Sequence[str], fit_counts: Mapping[int, int], videos: LabeledVideos, right: Sequence[float]
) -> tuple[ClassAccuracy, ...]:
    outcomes: dict[int, list[bool]] = {}
    for one, outcome in zip(videos.held_out, right, strict=True):
        outcomes.setdefault(one.video.labels[0], []).append(bool(outcome))
    return tuple(
        ClassAccuracy(label=label, fit_videos=fit_counts[number], accuracy=rate(outcomes.get(number, [])))
        for number, label in enumerate(labels)
    )


def _warnings(held_out: SplitPart, training: Training) -> list[str]:
    """Reasons not to believe the figures yet; each is an event, too."""
    warnings = []
    if held_out.videos < FEW_VIDEOS or held_out.recordings < FEW_RECORDINGS:
        warnings.append(
            f"the accuracy is of {held_out.videos} held-out videos from {held_out.recordings} recordings: few; give "
            "more, or a larger --held-out"
        )
    if not training.state.best and training.settings.patience is not None:
        warnings.append("training ended before its first epoch did: --patience has chosen nothing")
    for message in warnings:
        training.run.event(WarningEvent(message=message))
    return warnings
