"""One video through the whole matrix: perturbation sources x defenses x samplers, on its own frames at their own size.

This is the order of a deployed classifier: decode, perturb (or read the perturbed file), defend, sample, resize, crop,
classify.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from defenses import Defense
from defenses.fitting import fit_defense
from lsap_cli.datasets.base import Video
from lsap_cli.evaluation.frames import (
    FLOAT_SHARE,
    FloatCache,
    defended_levels,
    frames_at_once,
    read_with_appended,
    split_indices,
)
from lsap_cli.evaluation.matrix import Cell, EvaluationMatrix, FrameChanges, Measurements, Prediction
from lsap_cli.evaluation.protocol import EvaluationProtocol, NoPrediction
from lsap_cli.video.changes import Changes
from lsap_cli.video.media import Media
from lsap_cli.video.reading import FrameReader
from perturbations.samplers import lengthened


@dataclass
class _CellWork:
    """The defense of a cell for one video, drawn as often as it is, and what it has made so far."""

    variants: Sequence[Defense | None]
    shrunk: list[list[Tensor]]  # of each variant, part by part: frames of the network's size
    seconds: float = 0.0


class _Label(NamedTuple):
    """The class that a video gets, and with two classes the probability of the second."""

    number: int
    positive: float | None


class VideoJudge:
    """Judges one video.

    Args:
        protocol: how it is sampled and classified.
        matrix: what is judged.
        measurements: gets the cost; has the evidence of the other videos.
        video: which.

    Attributes:
        changes: of the video's frames.
    """

    def __init__(
        self, protocol: EvaluationProtocol, matrix: EvaluationMatrix, measurements: Measurements, video: Video
    ) -> None:
        self.changes = FrameChanges()
        self._protocol, self._matrix, self._video = protocol, matrix, video
        self._corpora, self._cost = measurements.corpora, measurements.cost
        self._readers: dict[Media, FrameReader] = {}

    def predict(self, on_progress: Callable[[float], None]) -> list[Prediction]:
        """All predictions.

        Args:
            on_progress: called with the share that is done, above 0 to 1.

        Raises:
            UnreadableVideo: if the video, or a perturbed copy of it, cannot be read.
            NoPrediction: if the network gives none under some source, defense and sampler.
        """
        files: dict[tuple[Media, int], list[str]] = {}
        for name, source in self._matrix.sources.items():
            files.setdefault((source.file_of(self._video), source.appended), []).append(name)
        predictions: list[Prediction] = []
        for number, ((path, appended), sources) in enumerate(files.items()):

            def report(share: float, number: int = number) -> None:
                on_progress((number + share) / len(files))

            predictions += self._predict_file(path, appended, sources, report)
        return predictions

    def _predict_file(
        self, path: Media, appended: int, sources: Sequence[str], report: Callable[[float], None]
    ) -> Iterator[Prediction]:
        """Predictions for the sources that share one file, which is decoded once, in parts if it is large."""
        reader = self._reader(path)
        own, times = len(reader.times), lengthened(reader.times, appended)
        clips = self._protocol.all_clip_indices(self._video, times)
        sampled = torch.cat([indices.flatten() for indices in clips.values()]).unique()
        cells = {
            (source, spec): self._work(source, spec) for source in sources for spec in self._matrix.defenses_of(source)
        }
        defenses = [one for work in cells.values() for one in work.variants] + [None] * bool(self._matrix.measured)
        parts = list(split_indices(sampled, defenses, len(times), frames_at_once(reader.height, reader.width)))
        steps = (len(parts) + 1) * len(cells)  # each cell once a part, and once when it is classified
        done = 0
        for part, needed in parts:
            with self._cost.of("decode"):
                native = read_with_appended(reader, needed)
            clean = self._clean_frames(path, native, needed)
            for source in sources:
                perturbed = self._matrix.sources[source].change(native, needed, own)
                if clean is not None:
                    self.changes.by_source.setdefault(source, Changes()).add(clean, perturbed)
                cache = FloatCache(perturbed, needed)
                for spec in self._by_needed_frames(source):
                    self._defend_part(cells[source, spec], spec, cache, part, len(times))
                    done += 1
                    report(done / steps)
        for cell, work in cells.items():
            labels = self._labels(cell, work, sampled, clips)
            done += 1
            report(done / steps)
            yield from self._predictions(cell, labels, work.seconds)

    def _reader(self, path: Media) -> FrameReader:
        """The file's frames, decoded once."""
        if path not in self._readers:
            with self._cost.of("decode"):
                self._readers[path] = FrameReader(path)
        return self._readers[path]

    def _clean_frames(self, path: Media, native: Tensor, indices: Tensor) -> Tensor | None:
        """The frames of the clean video at the same indices, to measure what a perturbed file changed.

        None where they cannot be compared: the file has fewer frames, frames of another size, or appended ones.
        """
        if path == self._video.media:
            return native
        reader = self._reader(self._video.media)
        same_size = (reader.height, reader.width) == tuple(native.shape[-2:])
        if not same_size or len(reader.times) != len(self._reader(path).times):
            return None
        with self._cost.of("decode"):
            return reader.frames(indices)

    def _work(self, source: str, spec: str) -> _CellWork:
        """The defense as it works on this video: fitted on the other videos, and drawn, where it must be."""
        defense = self._matrix.defenses[spec]
        variants: list[Defense | None] = [defense]
        if defense is not None:
            corpus = self._corpora.get((source, spec))
            ready = defense if corpus is None else fit_defense(defense, corpus.others(self._video))
            variants = [ready]
            if not ready.deterministic:
                draws = range(self._protocol.draws)
                variants = [self._protocol.drawn(ready, spec, self._video, draw) for draw in draws]
        return _CellWork(variants, [[] for _ in variants])

    def _by_needed_frames(self, source: str) -> list[str]:
        """The defenses of a source; those that need the same frames follow each other."""
        defenses = self._matrix.defenses
        return sorted(self._matrix.defenses_of(source), key=lambda spec: getattr(defenses[spec], "depends_on", ""))

    def _defend_part(self, work: _CellWork, spec: str, cache: FloatCache, part: Tensor, frame_count: int) -> None:
        """Runs the defense of a cell over one part of the video."""
        height, width = cache.frames.shape[-2:]
        at_once = frames_at_once(height, width) // FLOAT_SHARE
        for shrunk, defense in zip(work.shrunk, work.variants, strict=True):
            for piece, _ in split_indices(part, [defense], frame_count, at_once):
                defended = self._defended(work, defense, cache, piece, frame_count)
                if spec in self._matrix.measured:
                    bare = defended_levels(None, cache, piece, frame_count)
                    self.changes.by_defense.setdefault(spec, Changes()).add(bare, defended)
                shrunk.append(self._protocol.classifier.geometry.shrink(defended))

    def _defended(
        self, work: _CellWork, defense: Defense | None, cache: FloatCache, sampled: Tensor, frame_count: int
    ) -> Tensor:
        """`defended_levels`, on the clock."""
        if defense is None:
            return defended_levels(None, cache, sampled, frame_count)
        start = time.perf_counter()
        with self._cost.of("transform"):
            made = defended_levels(defense, cache, sampled, frame_count)
        work.seconds += time.perf_counter() - start
        return made

    def _labels(self, cell: Cell, work: _CellWork, sampled: Tensor, clips: Mapping[str, Tensor]) -> list[list[_Label]]:
        """The labels of one cell, draw by draw and sampler by sampler, from the frames at `sampled`."""
        try:
            return [self._classify(torch.cat(frames), sampled, clips) for frames in work.shrunk]
        except NoPrediction as error:
            source, spec = cell
            raise NoPrediction(f"{error}; attack '{source}', defense '{spec}'") from None

    def _classify(self, shrunk: Tensor, sampled: Tensor, clips: Mapping[str, Tensor]) -> list[_Label]:
        """One label a sampler, by the mean of the views' and crops' probabilities."""
        classifier, indices = self._protocol.classifier, torch.cat(list(clips.values()))
        rows = torch.searchsorted(sampled, indices).flatten()
        made = []
        for cropped in classifier.geometry.crops_of(shrunk, classifier.crops):
            frames = cropped.contiguous()
            pixels = frames.index_select(0, rows).unflatten(0, indices.shape)  # copies whole frames, not single bytes
            with self._cost.of("network"):
                made.append(self._protocol.probabilities(pixels))
        probabilities = made[0] if len(made) == 1 else torch.stack(made).mean(0)
        mean = probabilities.view(-1, self._protocol.views, probabilities.shape[1]).mean(1)
        positive = mean[:, 1].tolist() if mean.shape[1] == 2 else [None] * len(mean)
        return [_Label(*pair) for pair in zip(mean.argmax(1).tolist(), positive, strict=True)]

    def _predictions(self, cell: Cell, labels: Sequence[Sequence[_Label]], seconds: float) -> Iterator[Prediction]:
        """Predictions of one cell from its class numbers."""
        source, spec = cell
        milliseconds = seconds * 1000 / len(labels)
        is_random = self._matrix.is_random(spec)
        for sampler, *drawn in zip(self._protocol.samplers, *labels, strict=True):
            draws = tuple(one.number for one in drawn) if is_random else ()
            yield Prediction(source, spec, sampler, drawn[0].number, milliseconds, draws, drawn[0].positive)
