"""The pass of an evaluation over clean videos under natural corruptions."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from defenses import Defense
from lsap_cli.datasets.base import Video
from lsap_cli.errors import LsapError
from lsap_cli.evaluation.corruptions import corruption_names, natural_robustness
from lsap_cli.evaluation.equal_norm import equal_name, equal_norm, looked_at, match_corruptions, rounds
from lsap_cli.evaluation.judging import judge_videos
from lsap_cli.evaluation.matrix import EvaluationMatrix
from lsap_cli.evaluation.protocol import Evaluation
from lsap_cli.evaluation.rows import NO_ATTACK, NO_DEFENSE
from lsap_cli.evaluation.sources import Unperturbed
from lsap_cli.video.reading import UnreadableVideo


def corrupt(
    evaluation: Evaluation, videos: Sequence[Video], beside: Mapping[str, dict[str, Any] | None]
) -> dict[str, Any] | None:
    """Clean videos under natural corruptions, with the first sampler; predictions are written to corruptions.jsonl.

    Args:
        evaluation: how videos are classified; its run folder gets the predictions.
        videos: that could be read before.
        beside: `perturbation` and `noise`: `l2_rms` of what they changed and `accuracy`; None where it is not known.

    Returns:
        See `natural_robustness`, with `equal_norm` where the perturbation's norm is known; None without labeled videos.

    Raises:
        LsapError: if a video cannot be read any more.
    """
    protocol = evaluation.protocol
    sampler = protocol.first_sampler
    protocol = replace(protocol, samplers={sampler: protocol.samplers[sampler]}, draws=1)
    labeled = [video for video in videos if video.labels]
    perturbed = beside["perturbation"]
    equal: dict[str, Defense] = {}
    if perturbed and labeled:
        equal = _of_equal_norm(replace(evaluation, protocol=protocol), labeled, float(perturbed["l2_rms"]))
    corruptions = corruption_names() | {equal_name(kind): one for kind, one in equal.items()}
    matrix = EvaluationMatrix(
        {NO_ATTACK: Unperturbed()}, {NO_DEFENSE: None, **corruptions}, measured=tuple(corruptions)
    )
    evaluation.run.event("stage", name="corrupting", videos=len(labeled), corruptions=len(corruptions))
    corrupting = replace(evaluation, protocol=protocol)
    judged = judge_videos(corrupting, matrix, labeled, "corruptions.jsonl", must_be_readable=True)
    changes = judged.measurements.changes
    found = natural_robustness(judged.records, sampler, changes)
    if found is None or perturbed is None:
        return found
    return found | {"equal_norm": equal_norm(judged.records, equal, changes, float(perturbed["l2_rms"]), beside)}


def _of_equal_norm(evaluation: Evaluation, videos: Sequence[Video], norm: float) -> dict[str, Defense]:
    """The corruption of each kind that changes videos by about that much."""
    some, run = looked_at(videos), evaluation.run
    run.event("stage", name="corruptions of equal norm", videos=rounds() * len(some))
    try:
        return match_corruptions(evaluation.protocol, some, norm, lambda video: run.event("video", path=video.name))
    except UnreadableVideo as error:
        raise LsapError(f"a video could be judged, but not be read again: {error}", 1) from None
