"""Rung P over all evaluation videos: learned in memory and judged at once, on the video's own frames."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from defenses import Defense
from lsap_cli.adaptive.learning.fit_videos import AttackedClassifier
from lsap_cli.adaptive.per_video.attack import learn_own_pattern
from lsap_cli.adaptive.planning.plan import AdaptivePlan
from lsap_cli.datasets.base import Video
from lsap_cli.datasets.selection import skip
from lsap_cli.datasets.store import FrameStore, StoredVideo
from lsap_cli.errors import LsapError
from lsap_cli.evaluation.judging import whole_lines
from lsap_cli.evaluation.matrix import EvaluationMatrix
from lsap_cli.evaluation.matrix_judge import MatrixJudge
from lsap_cli.evaluation.predictions import AT_A_TIME, MEMORY
from lsap_cli.evaluation.protocol import Evaluation, NoPrediction
from lsap_cli.evaluation.records import make_records
from lsap_cli.evaluation.sources import AddedPerturbation, PerturbationSource, Unperturbed
from lsap_cli.results.events import StageEvent, VideoEvent
from lsap_cli.results.files import write_atomically
from lsap_cli.results.line_file import LineFile
from lsap_cli.results.per_video import PerVideoAttack
from lsap_cli.results.records import NO_ATTACK, NO_DEFENSE, Record
from lsap_cli.video.reading import UnreadableVideo

RECORDS = "per-video.jsonl"  # `PerVideoAttack`, a line each


@dataclass(frozen=True)
class PerVideoTask:
    """Against what each video gets a pattern of its own.

    Attributes:
        defenses: by spec, as they are judged; None: none.
        learned_through: by spec, with the gradient that an attacker uses.
        like: the plan, whose given perturbation says binding and budget.
        attacked: the network, and what the attacker wants.
    """

    defenses: Mapping[str, Defense | None]
    learned_through: Mapping[str, Defense | None]
    plan: AdaptivePlan
    attacked: AttackedClassifier


def attack_each_video(evaluation: Evaluation, task: PerVideoTask, videos: Sequence[Video]) -> list[PerVideoAttack]:
    """Learns and judges a pattern for each video behind each defense; what is done is written, a line a video.

    Args:
        evaluation: how videos are judged; its run folder gets `per-video.jsonl`.
        task: against what.
        videos: that could be judged before.

    Raises:
        LsapError: if a video cannot be read any more.
    """
    if not task.learned_through:
        return []
    run, path = evaluation.run, evaluation.run.folder / RECORDS
    done = whole_lines(path, PerVideoAttack) if evaluation.resume else []
    known = {one.video for one in done}
    write_atomically(path, b"")
    left = [video for video in videos if video.name not in known]
    run.event(StageEvent(name="a pattern for each video (P)", videos=len(left), defenses=tuple(task.learned_through)))
    with LineFile(path, append=True) as lines:
        lines.write(*done)
        for video, attacks in _attack_all(evaluation, task, left):
            lines.write(attacks)
            done.append(attacks)
            run.event(VideoEvent(path=video.name, judged=len(attacks.records)))
    order = {video.name: number for number, video in enumerate(videos)}
    return sorted((one for one in done if one.video in order), key=lambda one: order[one.video])


def _attack_all(
    evaluation: Evaluation, task: PerVideoTask, videos: Sequence[Video]
) -> Iterator[tuple[Video, PerVideoAttack]]:
    geometry = evaluation.protocol.classifier.geometry
    for start in range(0, len(videos), AT_A_TIME):
        with FrameStore(geometry.shrink, MEMORY) as store:
            for video, stored in store.load(videos[start : start + AT_A_TIME]):
                if isinstance(stored, UnreadableVideo):
                    raise LsapError(f"{video.name} could be judged, but not be read again: {stored}", 1)
                try:
                    yield video, _attack(evaluation, task, stored)
                except NoPrediction as error:
                    skip(evaluation.run, evaluation.skipped, video, error)


def _attack(evaluation: Evaluation, task: PerVideoTask, stored: StoredVideo) -> PerVideoAttack:
    """One video behind every defense."""
    given = task.plan.given
    assert given is not None
    like = given.perturbation.binding, given.perturbation.budget
    protocol, video = evaluation.protocol, stored.video
    clips = [clip for views in protocol.all_clip_indices(video, stored.times).values() for clip in views]
    sources: dict[str, PerturbationSource] = {NO_ATTACK: Unperturbed()}
    subsets: dict[str, list[str]] = {NO_ATTACK: [NO_DEFENSE]}
    steps: dict[str, int] = {}
    seconds: dict[str, float] = {}
    for spec, defense in task.learned_through.items():
        begin = time.monotonic()
        own = learn_own_pattern(stored, clips, defense, like, task.attacked, evaluation.run)
        seconds[spec], steps[spec] = round(time.monotonic() - begin, 2), own.steps
        name = per_video_attack(spec)
        sources[name], subsets[name] = AddedPerturbation(own.perturbation), [spec]
    judge = MatrixJudge(protocol, EvaluationMatrix(sources, task.defenses, subsets))
    records = make_records(video, judge.predict(video), protocol.classifier.labels)
    return PerVideoAttack(video=video.name, steps=steps, seconds=seconds, records=_of_patterns(records))


def _of_patterns(records: Sequence[Record]) -> tuple[Record, ...]:
    return tuple(one for one in records if one.attack != NO_ATTACK)


def per_video_attack(spec: str) -> str:
    """The name of rung P of a defense in records."""
    return f"P own pattern ({'no defense' if spec == NO_DEFENSE else spec})"
