"""One video through the whole matrix: perturbation sources x defenses x samplers, on its own frames at their own size.

This is the order of a deployed classifier: decode, perturb (or read the perturbed file), defend, sample, resize, crop,
classify. `generate` verifies with it, `defend` evaluates with it.
"""

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from defenses import Clip, Defense
from defenses.fitting import fit_defense, fittable_part
from lsap_cli.datasets.base import Video
from lsap_cli.evaluation.corpora import Corpus
from lsap_cli.evaluation.cost import Cost
from lsap_cli.evaluation.frames import (
    FLOAT_SHARE,
    FloatCache,
    defended_levels,
    frames_at_once,
    read_with_appended,
    split_wanted,
)
from lsap_cli.evaluation.protocol import EvaluationProtocol
from lsap_cli.evaluation.sources import PerturbationSource
from lsap_cli.video.changes import Changes
from lsap_cli.video.reading import FrameReader, UnreadableVideo
from perturbations.samplers import lengthened

Cell = tuple[str, str]
"""A perturbation source and a defense, by name and spec."""

OnProgress = Callable[[Video, float], None]
"""Called with a video and the share of it that is judged, above 0 to 1."""


@dataclass(frozen=True)
class EvaluationMatrix:
    """What is judged.

    Attributes:
        sources: perturbation sources by name.
        defenses: by spec; None stands for no defense.
        restricted: sources that are judged behind some defenses only, with the specs of these.
        measured: specs of defenses whose change to the frames is measured.
    """

    sources: Mapping[str, PerturbationSource]
    defenses: Mapping[str, Defense | None]
    restricted: Mapping[str, Collection[str]] = field(default_factory=dict)
    measured: Collection[str] = ()

    def defenses_of(self, source: str) -> list[str]:
        """The specs of the defenses that a source is judged behind."""
        return [spec for spec in self.defenses if spec in self.restricted.get(source, self.defenses)]

    def is_random(self, spec: str) -> bool:
        """Whether a defense is drawn for each video."""
        defense = self.defenses[spec]
        return defense is not None and not defense.deterministic


@dataclass(frozen=True)
class Prediction:
    """What the classifier predicts for one video under one perturbation source, defense and sampler.

    Attributes:
        source: name of the perturbation source.
        defense: its spec.
        sampler: its spec.
        label: class number.
        milliseconds: that the defense took for this video.
        draws: behind a random defense: the class number of each draw, the first being `label`.
    """

    source: str
    defense: str
    sampler: str
    label: int
    milliseconds: float
    draws: tuple[int, ...] = ()


@dataclass
class Measurements:
    """What accumulates while videos are judged. `MatrixJudge` owns one and changes it with every video.

    Attributes:
        changes: of frames, by the name of a source, or by the spec of a measured defense.
        cost: of everything that was judged.
        corpora: evidence of all videos for defenses that are fitted on the other videos, by source and defense.
    """

    changes: dict[str, Changes] = field(default_factory=dict)
    cost: Cost = field(default_factory=Cost)
    corpora: dict[Cell, Corpus] = field(default_factory=dict)

    def add_change(self, name: str, before: Tensor, after: Tensor) -> None:
        """Adds the change of some frames, (S, 3, H, W) uint8 each, to the sums of a source or defense."""
        self.changes.setdefault(name, Changes()).add(before, after)


@dataclass
class _CellWork:
    """The defense of a cell for one video, drawn as often as it is, and what it has made so far."""

    variants: Sequence[Defense | None]
    shrunk: list[list[Tensor]]  # of each variant, part by part: frames of the network's size
    seconds: float = 0.0


class MatrixJudge:
    """Judges videos, one after the other.

    Args:
        protocol: how videos are sampled and classified.
        matrix: what is judged.
        on_progress: called after each part of a video.
        measurements: of an earlier part of the run, to continue with.
    """

    def __init__(
        self,
        protocol: EvaluationProtocol,
        matrix: EvaluationMatrix,
        on_progress: OnProgress | None = None,
        measurements: Measurements | None = None,
    ) -> None:
        self._protocol, self._matrix = protocol, matrix
        self._on_progress = on_progress
        self.measurements = measurements or Measurements()

    def observe(self, video: Video) -> None:
        """Shows a video, under every source, to the defenses that are fitted on a set of videos.

        Raises:
            UnreadableVideo: if the video, or a perturbed copy of it, cannot be read.
        """
        readers: dict[Path, FrameReader] = {}
        cost = self.measurements.cost
        with cost.of("all"):
            for spec, defense in self._matrix.defenses.items():
                part = None if defense is None else fittable_part(defense)
                if part is None:
                    continue
                for name, source in self._matrix.sources.items():
                    if spec not in self._matrix.defenses_of(name):
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
                    corpus = self.measurements.corpora.setdefault((name, spec), Corpus(self._protocol.seed))
                    with cost.of("transform"):
                        corpus.add(video, part.evidence(Clip(perturbed.float() / 255, indices, count)))

    def predict(self, video: Video) -> list[Prediction]:
        """All predictions for one video.

        Raises:
            UnreadableVideo: if the video, or a perturbed copy of it, cannot be read.
        """
        files: dict[tuple[Path, int], list[str]] = {}
        for name, source in self._matrix.sources.items():
            files.setdefault((source.file_of(video), source.appended), []).append(name)
        predictions: list[Prediction] = []
        with self.measurements.cost.of("all"):
            for number, ((path, appended), sources) in enumerate(files.items()):

                def report(share: float, number: int = number) -> None:
                    if self._on_progress is not None:
                        self._on_progress(video, (number + share) / len(files))

                predictions += self._predict_file(video, path, appended, sources, report)
        return predictions

    def _predict_file(
        self, video: Video, path: Path, appended: int, sources: Sequence[str], report: Callable[[float], None]
    ) -> Iterator[Prediction]:
        """Predictions for the sources that share one file, which is decoded once, in parts if it is large."""
        cost = self.measurements.cost
        with cost.of("decode"):
            reader = FrameReader(path)
        own, times = len(reader.times), lengthened(reader.times, appended)
        clips = self._protocol.all_clip_indices(video, times)
        wanted = torch.cat([indices.flatten() for indices in clips.values()]).unique()
        cells = {
            (source, spec): self._work(video, source, spec)
            for source in sources
            for spec in self._matrix.defenses_of(source)
        }
        defenses = [one for work in cells.values() for one in work.variants] + [None] * bool(self._matrix.measured)
        parts = list(split_wanted(wanted, defenses, len(times), frames_at_once(reader.height, reader.width)))
        steps = (len(parts) + 1) * len(cells)  # each cell once a part, and once when it is classified
        done = 0
        for part, needed in parts:
            with cost.of("decode"):
                native = read_with_appended(reader, needed)
            for source in sources:
                perturbed = self._matrix.sources[source].change(native, needed, own)
                self.measurements.add_change(source, native, perturbed)
                cache = FloatCache(perturbed, needed)
                for spec in self._by_needed_frames(source):
                    self._defend_part(cells[source, spec], spec, cache, part, len(times))
                    done += 1
                    report(done / steps)
        for cell, work in cells.items():
            labels = [self._classify(torch.cat(frames), wanted, clips) for frames in work.shrunk]
            done += 1
            report(done / steps)
            yield from self._predictions(cell, labels, work.seconds)

    def _work(self, video: Video, source: str, spec: str) -> _CellWork:
        """The defense as it works on this video: fitted on the other videos, and drawn, where it must be."""
        defense = self._matrix.defenses[spec]
        variants: list[Defense | None] = [defense]
        if defense is not None:
            corpus = self.measurements.corpora.get((source, spec))
            ready = defense if corpus is None else fit_defense(defense, corpus.others(video))
            variants = [ready]
            if not ready.deterministic:
                variants = [self._protocol.drawn(ready, spec, video, draw) for draw in range(self._protocol.draws)]
        return _CellWork(variants, [[] for _ in variants])

    def _by_needed_frames(self, source: str) -> list[str]:
        """The defenses of a source; those that need the same frames follow each other."""
        return sorted(
            self._matrix.defenses_of(source), key=lambda spec: getattr(self._matrix.defenses[spec], "depends_on", "")
        )

    def _defend_part(self, work: _CellWork, spec: str, cache: FloatCache, part: Tensor, frame_count: int) -> None:
        """Runs the defense of a cell over one part of the video."""
        height, width = cache.frames.shape[-2:]
        at_once = frames_at_once(height, width) // FLOAT_SHARE
        for number, defense in enumerate(work.variants):
            for piece, _ in split_wanted(part, [defense], frame_count, at_once):
                defended = self._defended(work, defense, cache, piece, frame_count)
                if spec in self._matrix.measured:
                    bare = defended_levels(None, cache, piece, frame_count)
                    self.measurements.add_change(spec, bare, defended)
                work.shrunk[number].append(self._protocol.classifier.geometry.shrink(defended))

    def _defended(
        self, work: _CellWork, defense: Defense | None, cache: FloatCache, wanted: Tensor, frame_count: int
    ) -> Tensor:
        """`defended_levels`, on the clock. The float copies are not: several defenses share them."""
        if defense is None:
            return defended_levels(None, cache, wanted, frame_count)
        cache.floats(defense.needs(wanted, frame_count))
        start = time.perf_counter()
        with self.measurements.cost.of("transform"):
            made = defended_levels(defense, cache, wanted, frame_count)
        work.seconds += time.perf_counter() - start
        return made

    def _classify(self, shrunk: Tensor, wanted: Tensor, clips: Mapping[str, Tensor]) -> list[int]:
        """One class number a sampler, by the mean of the views' probabilities, from the frames at `wanted`."""
        frames = self._protocol.classifier.geometry.crop(shrunk).contiguous()
        indices = torch.cat(list(clips.values()))
        rows = torch.searchsorted(wanted, indices).flatten()
        pixels = frames.index_select(0, rows).unflatten(0, indices.shape)  # copies whole frames, not single bytes
        with self.measurements.cost.of("network"):
            probabilities = self._protocol.probabilities(pixels)
        mean = probabilities.view(-1, self._protocol.views, probabilities.shape[1]).mean(1)
        labels: list[int] = mean.argmax(1).tolist()
        return labels

    def _predictions(self, cell: Cell, labels: Sequence[Sequence[int]], seconds: float) -> Iterator[Prediction]:
        """Predictions of one cell from its class numbers, draw by draw and sampler by sampler."""
        source, spec = cell
        milliseconds = seconds * 1000 / len(labels)
        is_random = self._matrix.is_random(spec)
        for sampler, *drawn in zip(self._protocol.samplers, *labels, strict=True):
            yield Prediction(source, spec, sampler, drawn[0], milliseconds, tuple(drawn) if is_random else ())


def judge_all(
    judge: MatrixJudge, videos: Sequence[Video], done: Collection[str] = ()
) -> Iterator[tuple[Video, list[Prediction] | UnreadableVideo]]:
    """Each video's predictions, or why it cannot be judged.

    Args:
        judge: the judge of the matrix.
        videos: all videos of the evaluation.
        done: names of videos that were judged before: they are only shown to defenses that are fitted on a set of videos.
    """
    for video in videos:
        with suppress(UnreadableVideo):  # it is named below
            judge.observe(video)
    for video in videos:
        if video.name in done:
            continue
        try:
            yield video, judge.predict(video)
        except UnreadableVideo as error:
            yield video, error
