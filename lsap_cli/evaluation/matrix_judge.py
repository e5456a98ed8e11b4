"""Judges videos, one by one, in every cell of a matrix: `generate` verifies with it, `defend` evaluates."""

from collections.abc import Callable, Collection, Iterator, MutableMapping, Sequence
from contextlib import suppress

from defenses import Clip
from defenses.fitting import fittable_part
from lsap_cli.datasets.base import Video
from lsap_cli.evaluation.corpora import Corpus
from lsap_cli.evaluation.frames import read_with_appended
from lsap_cli.evaluation.matrix import EvaluationMatrix, Measurements, Prediction
from lsap_cli.evaluation.protocol import EvaluationProtocol, NoPrediction
from lsap_cli.evaluation.video_judge import VideoJudge
from lsap_cli.evaluation.workers import NetworkCopies
from lsap_cli.video.media import Media
from lsap_cli.video.reading import FrameReader, UnreadableVideo

OnProgress = Callable[[Video, float], None]
"""Called with a video and the share of it that is judged, above 0 to 1."""


class MatrixJudge:
    """Judges videos, one after the other.

    Args:
        protocol: how videos are sampled and classified.
        matrix: what is judged.
        on_progress: called after each part of a video.
        measurements: of an earlier part of the run, to continue with.
        readers: keeps decoded videos, for the next matrix; None: nothing is kept.
    """

    def __init__(
        self,
        protocol: EvaluationProtocol,
        matrix: EvaluationMatrix,
        on_progress: OnProgress | None = None,
        measurements: Measurements | None = None,
        readers: MutableMapping[Media, FrameReader] | None = None,
    ) -> None:
        self.protocol, self.matrix = protocol, matrix
        self._readers = readers
        self._networks = NetworkCopies(protocol)
        self._on_progress = on_progress
        self.measurements = measurements or Measurements()

    def observe(self, video: Video) -> None:
        """Shows a video, under every source, to the defenses that are fitted on a set of videos.

        Raises:
            UnreadableVideo: if the video, or a perturbed copy of it, cannot be read.
        """
        readers: dict[Media, FrameReader] = {}
        cost = self.measurements.cost
        with cost.of("all"):
            for spec, defense in self.matrix.defenses.items():
                part = None if defense is None else fittable_part(defense)
                if part is None:
                    continue
                for name, source in self.matrix.sources.items():
                    if spec not in self.matrix.defenses_of(name):
                        continue
                    path = source.file_of(video)
                    with cost.of("decode"):
                        if path not in readers:
                            readers[path] = FrameReader(path)
                        own = len(readers[path].times)
                        count = own + source.appended
                        indices = part.evidence_indices(count)
                        native = read_with_appended(readers[path], indices)
                    perturbed = source.change(native, indices, own)
                    corpus = self.measurements.corpora.setdefault((name, spec), Corpus(self.protocol.seed))
                    with cost.of("transform"):
                        corpus.add(video, part.evidence(Clip(perturbed.float() / 255, indices, count)))

    def predict(self, video: Video) -> list[Prediction]:
        """All predictions for one video.

        Raises:
            UnreadableVideo: if the video, or a perturbed copy of it, cannot be read.
            NoPrediction: if the network gives none under some source, defense and sampler.
        """
        judge = VideoJudge(self._networks, self.protocol, self.matrix, self.measurements, video, self._readers)

        def on_progress(share: float) -> None:
            if self._on_progress is not None:
                self._on_progress(video, share)

        with self.measurements.cost.of("all"):
            predictions = judge.predict(on_progress)
        self.measurements.changes.merge(judge.changes)  # none of a video that has no predictions
        return predictions


def judge_all(
    judge: MatrixJudge, videos: Sequence[Video], done: Collection[str] = ()
) -> Iterator[tuple[Video, list[Prediction] | UnreadableVideo | NoPrediction]]:
    """Each video's predictions, or why it cannot be judged.

    Args:
        judge: the judge of the matrix.
        videos: all videos of the evaluation.
        done: names of videos that were judged before: they are only shown to defenses that are fitted on a set of
            videos.
    """
    for video in videos:
        with suppress(UnreadableVideo):  # it is named below
            judge.observe(video)
    for video in videos:
        if video.name in done:
            continue
        try:
            yield video, judge.predict(video)
        except (UnreadableVideo, NoPrediction) as error:
            yield video, error
