"""`lsap train`: a network of a family, trained on labelled videos and measured on recordings that it has not seen."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec import convert, structs

from lsap_cli.classifiers.cards import load_card
from lsap_cli.classifiers.devices import choose_device
from lsap_cli.classifiers.threads import keep_threads
from lsap_cli.datasets.selection import Skipped
from lsap_cli.datasets.store import FrameStore
from lsap_cli.evaluation.bootstrap import mean_by_recording
from lsap_cli.evaluation.protocol import own_protocol
from lsap_cli.evaluation.two_classes import two_class_rates
from lsap_cli.jobs.defend_inputs import classifier_inputs, environment_inputs
from lsap_cli.jobs.expected_stages import MEASURING, after_training, training_plan
from lsap_cli.learning.process_group import device_of_process, process_group
from lsap_cli.learning.time_budget import TimeBudget
from lsap_cli.results.events import StageEvent, WarningEvent
from lsap_cli.results.files import RESULTS_FILE, write_document
from lsap_cli.results.line_file import LineFile
from lsap_cli.results.rates import rate
from lsap_cli.results.skipped import SkippedVideo
from lsap_cli.results.training import ClassAccuracy, TrainingFacts, TrainResults
from lsap_cli.runs import Run
from lsap_cli.runs.inputs import keep_inputs, remove_inputs
from lsap_cli.runs.memory import keep_memory
from lsap_cli.training.checkpoint import STATE_FILE
from lsap_cli.training.clips import AugmentedClips
from lsap_cli.training.facts import training_facts, training_warnings
from lsap_cli.training.labeled_videos import LabeledVideos, labels_of_set, load_labeled_videos
from lsap_cli.training.loop import Training
from lsap_cli.training.measuring import MeasuredVideos, measure_videos
from lsap_cli.training.networks import StartingNetwork, starting_network
from lsap_cli.training.out_folder import CARD_FILE
from lsap_cli.training.output import (
    own_out_folder,
    write_labels,
    write_lists_of_split,
    write_trained_card,
    write_weights,
)
from lsap_cli.training.settings import TrainSettings
from lsap_cli.video.memory_limit import memory_limit

PRETRAINED_RATE = 0.1  # of the learning rate, for layers that begin with weights of a file


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
    with own_out_folder(Path(settings.out), run):
        return _trained(settings, run, resume, budget)


def _trained(settings: TrainSettings, run: Run, resume: bool, budget: TimeBudget) -> TrainResults | None:
    """The same, in a folder of its own."""
    keep_memory(memory_limit())
    keep_threads(run)
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
        source = AugmentedClips(videos.fit, settings, start.classifier, group, device)
        others_rate = 1.0 if start.weights is None else PRETRAINED_RATE
        training = Training(
            settings, start.classifier, others_rate, source, videos, device, group, run, run.folder / STATE_FILE,
            budget,
        )  # fmt: skip
        if resume:
            training.resume()
        after = after_training(videos, training.protocol.views)
        ended_by = training.train(lambda steps, seconds: training_plan(settings, steps, seconds, after))
        if not group.is_first:
            return None
        run.event(StageEvent(name=MEASURING))
        measured = _written_and_measured(training, settings, run)
    facts = training_facts(training, ended_by)
    warnings = training_warnings(training, facts.held_out)
    for message in warnings:
        run.event(WarningEvent(message=message))
    results = structs.replace(
        _results(settings, start, videos, facts, measured),
        warnings=tuple(warnings),
        skipped=convert(skipped, tuple[SkippedVideo, ...]),
    )
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


def _written_and_measured(training: Training, settings: TrainSettings, run: Run) -> MeasuredVideos:
    """Writes the folder, and measures the network that its card gives."""
    out = Path(settings.out)
    (out / CARD_FILE).unlink(missing_ok=True)  # none stands beside files that are not its own
    write_weights(out, training.network)
    write_labels(out, training.classifier.labels)
    card = write_trained_card(out, training.classifier, settings, None)
    write_lists_of_split(out, training.videos, run)
    loaded = load_card(card).to(training.device)
    return measure_videos(own_protocol(loaded, settings.seed, training.device), training.videos.held_out)


def _results(
    settings: TrainSettings, start: StartingNetwork, videos: LabeledVideos, facts: TrainingFacts,
    measured: MeasuredVideos,
) -> TrainResults:  # fmt: skip
    classifier, records = start.classifier, measured.records
    labels, right = classifier.labels, [float(bool(one.correct)) for one in records]
    fit_counts = Counter(one.video.labels[0] for one in videos.fit)
    frequent = max(range(len(labels)), key=lambda number: fit_counts[number])
    return TrainResults(
        **structs.asdict(facts),
        out=settings.out,
        family=settings.family,
        backbone=settings.backbone,
        initial_weights=None if start.weights is None else str(start.weights),
        accuracy=measured.accuracy,
        accuracy_by_recording=mean_by_recording(right, videos.recordings_of(videos.held_out)),
        most_frequent_class=rate([one.video.labels[0] == frequent for one in videos.held_out]),
        two_class=two_class_rates(records, classifier.gives.threshold),
        classes=_classes(labels, fit_counts, videos, right),
    )


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
