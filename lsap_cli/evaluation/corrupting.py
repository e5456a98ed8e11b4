"""The pass of an evaluation over clean videos under natural corruptions."""

from collections.abc import Sequence
from dataclasses import replace

import msgspec

from defenses import Defense
from lsap_cli.datasets.base import Video
from lsap_cli.errors import LsapError
from lsap_cli.evaluation.corruptions import corruption_names, natural_robustness
from lsap_cli.evaluation.equal_norm import WITHIN, equal_corruptions, equal_name, looked_at, match_corruptions, rounds
from lsap_cli.evaluation.judging import judge_videos
from lsap_cli.evaluation.matrix import EvaluationMatrix
from lsap_cli.evaluation.protocol import Evaluation
from lsap_cli.evaluation.sources import Unperturbed
from lsap_cli.results.events import StageEvent, VideoEvent
from lsap_cli.results.records import NO_ATTACK, NO_DEFENSE
from lsap_cli.results.robustness import EqualNorm, NaturalRobustness, PerturbationSize
from lsap_cli.video.reading import UnreadableVideo


def corrupt(
    evaluation: Evaluation,
    videos: Sequence[Video],
    perturbation: PerturbationSize | None,
    noise: PerturbationSize | None,
) -> NaturalRobustness | None:
    """Clean videos under natural corruptions, with the first sampler; predictions are written to corruptions.jsonl.

    Args:
        evaluation: how videos are classified; its run folder gets the predictions.
        videos: that could be read before.
        perturbation: what it changed and did; None where it is not known.
        noise: the same of its control.

    Returns:
        See `natural_robustness`, with `equal_norm` where the perturbation's norm is known; None without labeled videos.

    Raises:
        LsapError: if a video cannot be read any more.
    """
    protocol = evaluation.protocol
    sampler = protocol.first_sampler
    protocol = replace(protocol, samplers={sampler: protocol.samplers[sampler]}, draws=1)
    labeled = [video for video in videos if video.labels]
    equal: dict[str, Defense] = {}
    if perturbation and labeled:
        equal = _of_equal_norm(replace(evaluation, protocol=protocol), labeled, perturbation.l2_rms)
    corruptions = corruption_names() | {equal_name(kind): one for kind, one in equal.items()}
    matrix = EvaluationMatrix(
        {NO_ATTACK: Unperturbed()}, {NO_DEFENSE: None, **corruptions}, measured=tuple(corruptions)
    )
    evaluation.run.event(StageEvent(name="corrupting", videos=len(labeled), corruptions=len(corruptions)))
    corrupting = replace(evaluation, protocol=protocol)
    judged = judge_videos(corrupting, matrix, labeled, "corruptions.jsonl", must_be_readable=True)
    changes = judged.measurements.changes.by_defense
    natural = natural_robustness(judged.records, sampler, changes)
    if natural is None or perturbation is None:
        return natural
    kinds = equal_corruptions(judged.records, equal, changes, perturbation.l2_rms)
    equal_norm = EqualNorm(
        l2_rms=perturbation.l2_rms, within=WITHIN, perturbation=perturbation, noise=noise, kinds=kinds
    )
    return msgspec.structs.replace(natural, equal_norm=equal_norm)


def _of_equal_norm(evaluation: Evaluation, videos: Sequence[Video], norm: float) -> dict[str, Defense]:
    """The corruption of each kind that changes videos by about that much."""
    some, run = looked_at(videos), evaluation.run
    run.event(StageEvent(name="corruptions of equal norm", videos=rounds() * len(some)))
    try:
        return match_corruptions(evaluation.protocol, some, norm, lambda video: run.event(VideoEvent(path=video.name)))
    except UnreadableVideo as error:
        raise LsapError(f"a video could be judged, but not be read again: {error}", 1) from None
