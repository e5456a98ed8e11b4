"""What `defend` measures beside the matrix of attacks and defenses: detectors, natural corruptions, certificates."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from defenses import Defense
from lsap_cli.datasets.base import Video
from lsap_cli.errors import LsapError
from lsap_cli.evaluation.certificates import Certified, certificate_rows, certify_video
from lsap_cli.evaluation.corruptions import corruption_names, natural_robustness
from lsap_cli.evaluation.detection import Score, detector_rows, score_all
from lsap_cli.evaluation.equal_norm import equal_name, equal_norm, looked_at, match_corruptions, rounds
from lsap_cli.evaluation.judging import judge_videos
from lsap_cli.evaluation.protocol import Attack, Clean, Judge
from lsap_cli.evaluation.rows import NO_ATTACK, NO_DEFENSE
from lsap_cli.jobs.defending.task import Task
from lsap_cli.runs import Run
from lsap_cli.video.reading import UnreadableVideo


@dataclass(frozen=True)
class Detections:
    """What the detectors found.

    Attributes:
        rows: one for each detector and attack that it was shown.
        flagged: by detector, attack and video, whether the score was above the threshold.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    flagged: dict[tuple[str, str, str], bool] = field(default_factory=dict)


def detect(
    task: Task, run: Run, judged: Collection[str], attacks: Mapping[str, Attack], knows: Mapping[str, Collection[str]]
) -> Detections:
    """Shows videos to the detectors; scores go to detections.jsonl.

    Args:
        task: with detectors, videos and how they are judged.
        run: is told what happens.
        judged: names of the videos that could be read.
        attacks: that are shown, by name.
        knows: attacks that are shown to some detectors only, with the specs of these.
    """
    if not task.detectors:
        return Detections()
    videos = [video for video in task.videos if video.name in judged]
    run.event("stage", name="detecting", videos=len(videos), detectors=list(task.detectors))
    scores: list[Score] = []
    seen: set[str] = set()  # a video comes again with the scores that take the others
    judge = replace(task.judge, attacks=attacks)
    for video, outcome in score_all(judge, task.detectors, videos, knows):
        if isinstance(outcome, UnreadableVideo):
            raise LsapError(f"{video.name} could be judged, but not be read again: {outcome}", 1)
        scores += outcome
        if video.name not in seen:
            run.event("video", path=video.name)
        seen.add(video.name)
    rows, flagged = detector_rows(scores, task.detectors, NO_ATTACK)
    with (run.folder / "detections.jsonl").open("w", encoding="utf-8") as lines:
        for one in scores:
            alarm = flagged[one.detector, one.attack, one.video]
            lines.write(json.dumps(one.as_json() | {"flagged": alarm}) + "\n")
    return Detections(rows, flagged)


def corrupt(
    task: Task,
    run: Run,
    judged: Collection[str],
    beside: Mapping[str, dict[str, Any] | None],
    resume: bool,
) -> dict[str, Any] | None:
    """Clean videos under natural corruptions, with the first sampler; predictions go to corruptions.jsonl.

    Args:
        task: what is judged.
        run: whose folder gets the predictions.
        judged: names of the videos that can be.
        beside: `perturbation` and `noise`: `l2_rms` of what they changed and `accuracy`; None where it is not known.
        resume: whether to take what an earlier part of the run has judged.
    """
    sampler = next(iter(task.judge.samplers))
    videos = [video for video in task.videos if video.name in judged and video.labels]
    judge = replace(
        task.judge,
        samplers={sampler: task.judge.samplers[sampler]},
        attacks={NO_ATTACK: Clean()},
        draws=1,
        changes={},
    )
    perturbed = beside["perturbation"]
    equal = _equally_large(judge, videos, float(perturbed["l2_rms"]), run) if perturbed and videos else {}
    corruptions = corruption_names() | {equal_name(kind): one for kind, one in equal.items()}
    judge = replace(judge, defenses={NO_DEFENSE: None, **corruptions}, measured=tuple(corruptions))
    run.event("stage", name="corrupting", videos=len(videos), corruptions=len(corruptions))
    records = judge_videos(judge, videos, run, "corruptions.jsonl", resume=resume)
    found = natural_robustness(records, sampler, judge.changes)
    if found is None or perturbed is None:
        return found
    return found | {"equal_norm": equal_norm(records, equal, judge.changes, float(perturbed["l2_rms"]), beside)}


def _equally_large(judge: Judge, videos: Sequence[Video], norm: float, run: Run) -> dict[str, Defense]:
    """The corruption of each kind that changes videos by about that much."""
    some = looked_at(videos)
    run.event("stage", name="corruptions of equal norm", videos=rounds() * len(some))
    found: dict[str, Defense] = {}
    try:
        for step in match_corruptions(judge, some, norm):
            if isinstance(step, Video):
                run.event("video", path=step.name)
            else:
                found = step
    except UnreadableVideo as error:
        raise LsapError(f"a video could be judged, but not be read again: {error}", 1) from None
    return found


def certify(task: Task, run: Run, judged: Collection[str]) -> list[dict[str, Any]]:
    """What randomized smoothing can promise within the perturbation's budget; certificates go to certificates.jsonl."""
    if not task.smoothings or task.perturbation is None:
        return []
    videos = [video for video in task.videos if video.name in judged]
    run.event("stage", name="certifying", videos=len(videos), smoothings=list(task.smoothings))
    epsilon = float(task.perturbation.budget.epsilon)
    certified: list[Certified] = []
    with (run.folder / "certificates.jsonl").open("w", encoding="utf-8") as lines:
        for video in videos:
            mine = list(certify_video(task.judge, task.smoothings, video, epsilon))
            certified += mine
            lines.writelines(json.dumps(one.as_json(task.classifier.labels)) + "\n" for one in mine)
            run.event("video", path=video.name)
    return certificate_rows(certified)
