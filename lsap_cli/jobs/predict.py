"""`lsap models predict`: what a network says of every video of a set, as a table."""

from pathlib import Path

from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.datasets.selection import videos_of_run
from lsap_cli.evaluation.network_findings import note_queries
from lsap_cli.evaluation.predictions import VideoPrediction, predict_videos, says_more_than, scored_video
from lsap_cli.evaluation.protocol import Evaluation
from lsap_cli.evaluation.two_classes import two_class_figures
from lsap_cli.reports.grid import Grid, as_csv
from lsap_cli.results.base import UNSET
from lsap_cli.results.documents import PredictionResults, SkippedVideo
from lsap_cli.results.events import StageEvent
from lsap_cli.results.files import RESULTS_FILE, write_atomically, write_document
from lsap_cli.results.rates import rate
from lsap_cli.set_sources import SetSource

CLASSES = 5


def predict_set(evaluation: Evaluation, source: SetSource, out: Path) -> PredictionResults:
    """Writes a line a video: its label, whether the network agrees, and its five likeliest classes.

    Args:
        evaluation: of the classifier, with its own protocol.
        source: the set.
        out: the CSV to write; it appears when it is complete.

    Raises:
        LsapError: if the set cannot be read.
    """
    run, classifier = evaluation.run, evaluation.protocol.classifier
    run.note(device=str(evaluation.protocol.device), classifier=classifier.identity)
    videos = videos_of_run(source, classifier.labels, run, evaluation.skipped).videos
    run.event(StageEvent(name="classifying", videos=len(videos)))
    classes = 1 if classifier.gives.kind == "label" else min(CLASSES, len(classifier.labels))
    predictions = list(predict_videos(evaluation, videos, classes))
    columns = [f"{name}_{place}" for place in range(1, classes + 1) for name in ("class", "probability")]
    header = ("video", "label", "correct", *columns)
    lines = tuple(_line(prediction, classifier) for prediction in predictions)
    write_atomically(out, as_csv(Grid("predictions", "Predictions", "", header, lines)))
    labelled = [one for one in predictions if one.video.labels]
    scored = [score for one in labelled for score in scored_video(classifier, one.video, dict(one.classes))]
    among = [any(place in one.video.labels for place, _ in one.classes) for one in labelled]
    results = PredictionResults(
        model=classifier.name,
        out=str(out),
        videos=len(predictions),
        top1=rate([one.classes[0][0] in one.video.labels for one in labelled]),
        top5=rate(among) if says_more_than(classifier, CLASSES) else None,
        two_class=two_class_figures(scored, classifier.gives.threshold, classifier.labels[1]) if scored else UNSET,
        skipped=tuple(SkippedVideo(**one) for one in evaluation.skipped),
    )
    write_document(run.folder / RESULTS_FILE, results)
    note_queries(classifier, run)
    return results


def _line(prediction: VideoPrediction, classifier: Classifier) -> tuple[str, ...]:
    video = prediction.video
    correct = "" if not video.labels else "yes" if prediction.classes[0][0] in video.labels else "no"
    cells = [video.name, video.label, correct]
    for place, probability in prediction.classes:
        cells += [classifier.labels[place], f"{probability:.6f}"]
    return tuple(cells)
