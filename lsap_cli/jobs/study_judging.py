"""The outcomes of cells: the videos of their fold, clean, under noise, and perturbed, as `defend` judges them."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from defenses import Defense
from defenses.fitting import fittable_part
from lsap_cli.datasets.base import Video
from lsap_cli.errors import LsapError
from lsap_cli.evaluation.detection import DetectionMatrix, score_all
from lsap_cli.evaluation.matrix import EvaluationMatrix, FrameChanges, Prediction
from lsap_cli.evaluation.matrix_judge import MatrixJudge
from lsap_cli.evaluation.protocol import EvaluationProtocol, NoPrediction
from lsap_cli.evaluation.records import make_records
from lsap_cli.evaluation.sources import PerturbationSource, Unperturbed
from lsap_cli.jobs.study_learning import CellPatterns
from lsap_cli.jobs.study_outcomes import Goal, clip_elements, make_outcome
from lsap_cli.jobs.study_sources import added_name, added_of, sources_of
from lsap_cli.jobs.study_workshop import StudyWorkshop, same_sampler
from lsap_cli.results.events import VideoEvent
from lsap_cli.results.manifest import EffectiveNorms
from lsap_cli.results.records import NO_ATTACK, NO_DEFENSE, NOISE, PERTURBED, Record
from lsap_cli.results.skipped import SkippedVideo
from lsap_cli.results.study import StudyOutcome
from lsap_cli.specs import build_defense, build_detector, build_samplers
from lsap_cli.study.axes import NONE, OWN
from lsap_cli.study.cells import PlannedCell
from lsap_cli.video.reading import UnreadableVideo

KINDS = (NO_ATTACK, NOISE, PERTURBED)


@dataclass(frozen=True)
class JudgedCell:
    """What judging one cell gave.

    Attributes:
        outcomes: of all videos of its fold.
        skipped: videos without one.
        elements: of a clip of the victim.
    """

    outcomes: tuple[StudyOutcome, ...]
    skipped: tuple[SkippedVideo, ...]
    elements: int


def judge_cells(shop: StudyWorkshop, cells: Sequence[PlannedCell], patterns: CellPatterns) -> dict[str, JudgedCell]:
    """Judges cells that differ in samplers, frames, files, defenses and detectors alone, in one pass over the videos.

    Args:
        shop: of this process.
        cells: of one perturbation, one victim and no ladder.
        patterns: what is added.

    Returns:
        By the cell's hash.

    Raises:
        LsapError: if one of them cannot be judged.
    """
    judging = _Judging.of(shop, cells, patterns)
    outcomes: dict[str, list[StudyOutcome]] = {cell.hash: [] for cell in cells}
    skipped: list[SkippedVideo] = []
    for video, found in judging.videos_with_outcomes():
        if isinstance(found, UnreadableVideo | NoPrediction):
            skipped.append(SkippedVideo(path=video.name, reason=str(found)))
        else:
            for cell in cells:
                outcomes[cell.hash] += found[cell.hash]
        shop.listener(VideoEvent(path=video.name))
    if len(skipped) == len(judging.videos):
        raise LsapError(
            f"none of the {len(skipped)} videos of the fold can be judged; {skipped[0].path}: {skipped[0].reason}", 1
        )
    elements = clip_elements(judging.protocol.classifier)
    scored = {cell.hash: judging.with_scores(cell, outcomes[cell.hash]) for cell in cells}
    return {cell.hash: JudgedCell(tuple(scored[cell.hash]), tuple(skipped), elements) for cell in cells}


@dataclass(frozen=True)
class _Judging:
    """How some cells are judged together."""

    shop: StudyWorkshop
    cells: Sequence[PlannedCell]
    patterns: CellPatterns
    protocol: EvaluationProtocol
    videos: Sequence[Video]
    defenses: Mapping[str, Defense | None]

    @classmethod
    def of(cls, shop: StudyWorkshop, cells: Sequence[PlannedCell], patterns: CellPatterns) -> "_Judging":
        first = cells[0]
        network = shop.network(first.point.victim)
        own = network.classifier.sampler_spec
        wanted = [own if cell.axes["judged_sampler"] == OWN else cell.axes["judged_sampler"] for cell in cells]
        samplers = build_samplers(list(dict.fromkeys(wanted)))
        specs = dict.fromkeys(cell.point.text("defense") for cell in cells)
        defenses = {NO_DEFENSE: None} | {spec: build_defense(spec) for spec in specs if spec != NONE}
        videos = [network.videos[one.name] for one in shop.setup.folds[first.fold]]
        return cls(shop, cells, patterns, shop.protocol(first.point.victim, samplers), videos, defenses)

    @property
    def fitted(self) -> bool:
        """Whether a defense looks at the other videos first."""
        return any(one is not None and fittable_part(one) is not None for one in self.defenses.values())

    def sampler_of(self, cell: PlannedCell) -> str:
        """The spec by which the protocol knows a cell's sampler."""
        text = cell.axes["judged_sampler"]
        spec = self.protocol.classifier.sampler_spec if text == OWN else text
        return same_sampler(self.protocol.samplers, build_samplers([spec])[spec])

    def videos_with_outcomes(
        self,
    ) -> Iterator[tuple[Video, dict[str, list[StudyOutcome]] | UnreadableVideo | NoPrediction]]:
        """Each video's outcomes by the cell's hash, or why it has none."""
        assert not self.fitted or self.patterns.shared is not None  # as the study file was checked
        together = [list(self.videos)] if self.fitted else [[video] for video in self.videos]
        for videos in together:
            try:
                with self._sources(videos) as sources:
                    judge = self._judge(sources)
                    self._observe(judge, videos)
                    for video in videos:
                        yield video, self._outcomes(judge, video)
            except UnreadableVideo as error:
                if len(videos) > 1:
                    raise LsapError(f"a video of the fold cannot be written: {error}", 1) from None
                yield videos[0], error

    def _sources(self, videos: Sequence[Video]) -> AbstractContextManager[dict[str, PerturbationSource]]:
        return sources_of(self.cells, self.patterns, videos, self.shop.setup.seed, self.shop.setup.folder)

    def _judge(self, sources: Mapping[str, PerturbationSource]) -> MatrixJudge:
        subsets = {
            added_name(added_of(cell, kind)): [
                other.point.text("defense") for other in self.cells if added_of(other, kind) == added_of(cell, kind)
            ]
            for cell in self.cells
            for kind in (NOISE, PERTURBED)
        }
        return MatrixJudge(self.protocol, EvaluationMatrix(sources, self.defenses, subsets), readers=self.shop.readers)

    def _observe(self, judge: MatrixJudge, videos: Sequence[Video]) -> None:
        if self.fitted:
            for video in videos:
                judge.observe(video)

    def _outcomes(
        self, judge: MatrixJudge, video: Video
    ) -> dict[str, list[StudyOutcome]] | UnreadableVideo | NoPrediction:
        try:
            clean = self._clean(video)
            judge.measurements.changes = FrameChanges()
            predictions = judge.predict(video)
        except (UnreadableVideo, NoPrediction) as error:
            return error
        norms = {name: one.norms for name, one in judge.measurements.changes.by_source.items()}
        records = make_records(video, [*clean, *predictions], self.protocol.classifier.labels)
        found = {one.cell: one for one in records}
        return {cell.hash: list(self._of_cell(cell, found, norms)) for cell in self.cells}

    def _of_cell(
        self,
        cell: PlannedCell,
        found: Mapping[tuple[str, str, str], Record],
        norms: Mapping[str, EffectiveNorms | None],
    ) -> Iterator[StudyOutcome]:
        goal = Goal.of(cell, self.protocol.classifier)
        for kind in KINDS:
            source = NO_ATTACK if kind == NO_ATTACK else added_name(added_of(cell, kind))
            record = found[source, cell.point.text("defense"), self.sampler_of(cell)]
            yield make_outcome(record, kind, goal, None if kind == NO_ATTACK else norms.get(source))

    def _clean(self, video: Video) -> list[Prediction]:
        """Predictions of the clean video behind every defense, made once for all cells of the process."""
        victim = self.cells[0].point.victim
        fold = self.cells[0].fold if self.fitted else None
        keys = {
            (spec, sampler): (victim, sampler, spec, fold, video.name)
            for spec in self.defenses
            for sampler in self.protocol.samplers
        }
        if any(key not in self.shop.clean for key in keys.values()):
            judge = MatrixJudge(
                self.protocol, EvaluationMatrix({NO_ATTACK: Unperturbed()}, self.defenses), readers=self.shop.readers
            )
            self._observe(judge, self.videos)
            for one in judge.predict(video):
                self.shop.clean[keys[one.defense, one.sampler]] = one
        return [self.shop.clean[key] for key in keys.values()]

    def with_scores(self, cell: PlannedCell, outcomes: Sequence[StudyOutcome]) -> list[StudyOutcome]:
        """The outcomes with the detector's score of each."""
        spec = cell.point.text("detector")
        if spec == NONE:
            return list(outcomes)
        assert self.patterns.shared is not None  # as the study file was checked
        sampler = self.sampler_of(cell)
        protocol = self.shop.protocol(cell.point.victim, {sampler: self.protocol.samplers[sampler]})
        scores: dict[tuple[str, str], float] = {}
        known = {one.video for one in outcomes}
        videos = [one for one in self.videos if one.name in known]
        clean = self.shop.clean_scores.setdefault((cell.point.victim, sampler, spec, cell.fold), {})
        names = {added_name(added_of(cell, kind)): kind for kind in (NOISE, PERTURBED)} | {NO_ATTACK: NO_ATTACK}
        with sources_of([cell], self.patterns, videos, self.shop.setup.seed, self.shop.setup.folder) as sources:
            if not known <= clean.keys():
                sources = {NO_ATTACK: Unperturbed(), **sources}
            matrix = DetectionMatrix({spec: build_detector(spec)}, sources)
            for video, found in score_all(protocol, matrix, videos, self.shop.readers):
                if isinstance(found, UnreadableVideo | NoPrediction):
                    raise LsapError(f"{video.name} could be judged, but not be scored: {found}", 1)
                scores |= {(video.name, names[one.attack]): one.score for one in found}
                self.shop.listener(VideoEvent(path=video.name))
        clean |= {video: score for (video, kind), score in scores.items() if kind == NO_ATTACK}
        scores |= {(video, NO_ATTACK): score for video, score in clean.items()}
        return [_scored(one, scores[one.video, one.added]) for one in outcomes]


def _scored(outcome: StudyOutcome, score: float) -> StudyOutcome:
    from msgspec.structs import replace

    return replace(outcome, score=score)
