"""One video through the whole matrix: perturbation sources x defenses x samplers, on its own frames at their own size.

This is the order of a deployed classifier: decode, perturb (or read the perturbed file), defend, sample, resize, crop,
classify.
"""

import time
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from defenses import Clip, Defense
from defenses.fitting import fit_defense
from lsap_cli.datasets.base import Video
from lsap_cli.evaluation.cost import Clock, Cost
from lsap_cli.evaluation.frames import (
    FLOAT_SHARE,
    defended_levels,
    read_with_appended,
    split_indices,
)
from lsap_cli.evaluation.matrix import Cell, EvaluationMatrix, FrameChanges, Measurements, Prediction
from lsap_cli.evaluation.protocol import EvaluationProtocol, NoPrediction
from lsap_cli.evaluation.workers import JudgingWorkers, NetworkCopies
from lsap_cli.video.changes import Changes
from lsap_cli.video.media import Media
from lsap_cli.video.memory_limit import (
    frames_at_once,
    has_room_beside,
    require_room_at_once,
    workers_at_once,
)
from lsap_cli.video.reading import FrameReader
from perturbations.samplers import lengthened


@dataclass
class _CellWork:
    """The defense of a cell for one video, drawn as often as it is, and what it has made so far.

    Attributes:
        cell: which.
        variants: the defense, or its draws.
        shrunk: of each variant, part by part: frames of the network's size.
        seconds: that the defense took.
        labels: once all parts are there, draw by draw and sampler by sampler.
        error: why there are none.
    """

    cell: Cell
    variants: Sequence[Defense | None]
    shrunk: list[list[Tensor]]
    seconds: float = 0.0
    labels: "list[list[_Label]]" = field(default_factory=list)
    error: NoPrediction | None = None


@dataclass
class _Done:
    """A part of a video behind one defense: what it took and changed."""

    cost: Cost = field(default_factory=Cost)
    changes: FrameChanges = field(default_factory=FrameChanges)


class _Label(NamedTuple):
    """The class that a video gets, its probability, and with two classes the probability of the second."""

    number: int
    confidence: float
    positive: float | None


class VideoJudge:
    """Judges one video.

    Args:
        networks: the protocol's network, for several threads.
        protocol: how it is sampled and classified.
        matrix: what is judged.
        measurements: gets the cost; has the evidence of the other videos.
        video: which.
        readers: of videos that were decoded before; this one is added. None: nothing is kept.

    Attributes:
        changes: of the video's frames.
    """

    def __init__(
        self,
        networks: NetworkCopies,
        protocol: EvaluationProtocol,
        matrix: EvaluationMatrix,
        measurements: Measurements,
        video: Video,
        readers: MutableMapping[Media, FrameReader] | None = None,
    ) -> None:
        self.changes = FrameChanges()
        self._networks = networks
        self._protocol, self._matrix, self._video = protocol, matrix, video
        self._corpora, self._cost = measurements.corpora, measurements.cost
        self._readers: dict[Media, FrameReader] = {}
        self._kept = self._readers if readers is None else readers

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
    ) -> list[Prediction]:
        """Predictions for the sources that share one file, which is decoded once, in parts if it is large."""
        reader = self._reader(path)
        times = lengthened(reader.times, appended)
        clips = self._protocol.all_clip_indices(self._video, times)
        sampled = torch.cat([indices.flatten() for indices in clips.values()]).unique()
        cells = [self._work(source, spec) for source in sources for spec in self._matrix.defenses_of(source)]
        defenses = [one for work in cells for one in work.variants] + [None] * bool(self._matrix.measured)
        parts = list(split_indices(sampled, defenses, len(times), frames_at_once(reader.height, reader.width)))
        require_room_at_once(max(len(needed) for _, needed in parts), reader.height, reader.width)
        steps, done = len(parts) * len(cells), 0
        most = workers_at_once(reader.height, reader.width)
        with JudgingWorkers[_Done](self._networks, len(cells), most) as workers:
            for number, (part, needed) in enumerate(parts, 1):
                to_classify = (sampled, clips) if number == len(parts) else None
                for one in self._judge_part(workers, cells, _Part(path, appended, part, needed), to_classify):
                    self._cost.add_beside(one.cost, workers.count)
                    self.changes.merge(one.changes)
                    done += 1
                    report(done / steps)
        for work in cells:
            if work.error is not None:
                raise work.error
        return [one for work in cells for one in self._predictions(work)]

    def _judge_part(
        self,
        workers: "JudgingWorkers[_Done]",
        cells: Sequence[_CellWork],
        part: "_Part",
        to_classify: tuple[Tensor, Mapping[str, Tensor]] | None,
    ) -> Iterator[_Done]:
        """Decodes a part, and lets the threads work on all of its cells; what one took is told when it has ended."""
        reader = self._reader(part.path)
        own = len(reader.times)
        with self._cost.of("decode"):
            native = read_with_appended(reader, part.needed)
        clean = self._clean_frames(part.path, native, part.needed)
        sources = list(dict.fromkeys(work.cell[0] for work in cells))
        beside = has_room_beside(len(sources), len(part.needed), *native.shape[-2:])
        for source in sources:
            perturbed = self._matrix.sources[source].change(native, part.needed, own)
            if clean is not None:
                self.changes.by_source.setdefault(source, Changes()).add(clean, perturbed)
            clip = Clip(perturbed, part.needed, own + part.appended)
            for work in cells:
                if work.cell[0] == source:
                    yield from workers.do(self._cell_part(work, clip, part.sampled, workers, to_classify))
            if not beside:
                yield from workers.finish()  # what waits holds the frames of its attack
                del perturbed, clip
        yield from workers.finish()

    def _cell_part(
        self,
        work: _CellWork,
        clip: Clip,
        part: Tensor,
        workers: "JudgingWorkers[_Done]",
        to_classify: tuple[Tensor, Mapping[str, Tensor]] | None,
    ) -> Callable[[EvaluationProtocol], _Done]:
        """What is done of one cell with one part, in one thread; the last part is classified."""

        def judge(protocol: EvaluationProtocol) -> _Done:
            done = _Done()
            self._defend_part(work, clip, part, workers, done)
            if to_classify is not None:
                classifying = _Classifying(protocol, *to_classify, done.cost, workers.clock)
                try:
                    work.labels = [classifying.labels(torch.cat(frames)) for frames in work.shrunk]
                except NoPrediction as error:
                    source, spec = work.cell
                    work.error = NoPrediction(f"{error}; attack '{source}', defense '{spec}'")
                work.shrunk.clear()
            return done

        return judge

    def _reader(self, path: Media) -> FrameReader:
        """The file's frames, decoded once."""
        readers = self._kept if path == self._video.media else self._readers
        if path not in readers:
            with self._cost.of("decode"):
                readers[path] = FrameReader(path)
        return readers[path]

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
        return _CellWork((source, spec), variants, [[] for _ in variants])

    def _defend_part(
        self, work: _CellWork, clip: Clip, part: Tensor, workers: "JudgingWorkers[_Done]", done: _Done
    ) -> None:
        """Runs the defense of a cell over one part of the video."""
        height, width = clip.frames.shape[-2:]
        at_once = max(1, frames_at_once(height, width) // FLOAT_SHARE // workers.count)
        _, spec = work.cell
        for shrunk, defense in zip(work.shrunk, work.variants, strict=True):
            for piece, _ in split_indices(part, [defense], clip.video_length, at_once):
                start = time.perf_counter()
                with done.cost.of("transform", workers.clock) if defense is not None else nullcontext():
                    defended = defended_levels(defense, clip, piece)
                work.seconds += (time.perf_counter() - start) * (defense is not None)
                if spec in self._matrix.measured:
                    bare = defended_levels(None, clip, piece)
                    done.changes.by_defense.setdefault(spec, Changes()).add(bare, defended)
                shrunk.append(self._protocol.classifier.geometry.shrink(defended))

    def _predictions(self, work: _CellWork) -> Iterator[Prediction]:
        """Predictions of one cell from its class numbers."""
        source, spec = work.cell
        milliseconds = work.seconds * 1000 / len(work.labels)
        is_random = self._matrix.is_random(spec)
        for sampler, *drawn in zip(self._protocol.samplers, *work.labels, strict=True):
            draws = tuple(one.number for one in drawn) if is_random else ()
            first = drawn[0]
            yield Prediction(
                source, spec, sampler, first.number, milliseconds, draws, first.positive, self._confidence(first)
            )

    def _confidence(self, label: _Label) -> float | None:
        """The probability of the class, where the network gives probabilities at all."""
        return None if self._protocol.classifier.gives.kind == "label" else label.confidence


@dataclass(frozen=True)
class _Part:
    """A part of one file: the frames that samplers choose of it, and those that defenses need for them."""

    path: Media
    appended: int
    sampled: Tensor
    needed: Tensor


@dataclass(frozen=True)
class _Classifying:
    """How a cell is classified.

    Attributes:
        protocol: with a network that no other thread uses.
        sampled: frames of all samplers, rising.
        clips: (views, T) indices of each sampler.
        cost: gets the network's.
        clock: of the processor.
    """

    protocol: EvaluationProtocol
    sampled: Tensor
    clips: Mapping[str, Tensor]
    cost: Cost
    clock: Clock

    def labels(self, shrunk: Tensor) -> list[_Label]:
        """One label a sampler, by the mean of the views' and crops' probabilities, from the frames at `sampled`."""
        classifier, indices = self.protocol.classifier, torch.cat(list(self.clips.values()))
        rows = torch.searchsorted(self.sampled, indices).flatten()
        made = []
        for cropped in classifier.geometry.crops_of(shrunk, classifier.crops):
            frames = cropped.contiguous()
            pixels = frames.index_select(0, rows).unflatten(0, indices.shape)  # copies whole frames, not single bytes
            with self.cost.of("network", self.clock):
                made.append(self.protocol.probabilities(pixels))
        probabilities = made[0] if len(made) == 1 else torch.stack(made).mean(0)
        mean = probabilities.view(-1, self.protocol.views, probabilities.shape[1]).mean(1)
        positive = mean[:, 1].tolist() if mean.shape[1] == 2 else [None] * len(mean)
        likeliest = mean.max(1)
        return [
            _Label(*three)
            for three in zip(likeliest.indices.tolist(), likeliest.values.tolist(), positive, strict=True)
        ]
