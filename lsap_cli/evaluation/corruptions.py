"""Natural robustness: mean accuracy under corruptions, and what share of the clean accuracy that is."""

from collections.abc import Mapping, Sequence

import numpy as np

from defenses import Defense
from defenses.corruptions import CORRUPTIONS
from lsap_cli.evaluation.bootstrap import estimate, weights_by_recording
from lsap_cli.results.rates import rate
from lsap_cli.results.records import NO_ATTACK, NO_DEFENSE, Record
from lsap_cli.results.robustness import NaturalRobustness
from lsap_cli.video.changes import Changes


def corruption_names() -> dict[str, Defense]:
    """Every corruption at every severity, as a defense of a matrix: `corruption jpeg 3`."""
    return {
        name_of(kind, severity): defense
        for kind, severities in CORRUPTIONS.items()
        for severity, defense in enumerate(severities, 1)
    }


def name_of(kind: str, severity: int | str) -> str:
    """What a corruption is called among the defenses of a matrix."""
    return f"corruption {kind} {severity}"


def natural_robustness(
    records: Sequence[Record], sampler: str, changes: Mapping[str, Changes]
) -> NaturalRobustness | None:
    """The mPC and rPC of Mini Kinetics-C (Yi et al., NeurIPS 2021) and what they are made of.

    mPC is the mean accuracy over kinds and severities; rPC is mPC / clean accuracy. Intervals are the bootstrap's over
    recordings, of both accuracies at once.

    Args:
        records: of clean videos, undefended and behind `corruption_names`.
        sampler: whose records are taken.
        changes: what each corruption did to the frames, by its name.

    Returns:
        Without `equal_norm`; None without labeled videos.
    """
    selected = [
        one for one in records if one.sampler == sampler and one.attack == NO_ATTACK and one.correct is not None
    ]
    clean = [one for one in selected if one.defense == NO_DEFENSE]
    if not clean:
        return None
    right: Mapping[str, dict[str, bool]] = _by_name(selected)
    kinds = {
        kind: [right[name_of(kind, severity)] for severity in range(1, len(severities) + 1)]
        for kind, severities in CORRUPTIONS.items()
    }
    videos = [one.video for one in clean]
    matrix = np.asarray([[cell[video] for video in videos] for cells in kinds.values() for cell in cells], dtype=float)
    undisturbed = np.asarray([right[NO_DEFENSE][video] for video in videos], dtype=float)
    recordings = [one.recording for one in clean]
    count, means = len(set(recordings)), np.stack([matrix.mean(0), undisturbed])
    drawn, drawn_clean = np.concatenate(
        [[weights @ one / weights.sum(1) for one in means] for weights in weights_by_recording(recordings)], axis=1
    )
    mpc, accuracy = float(matrix.mean()), float(undisturbed.mean())
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = drawn / drawn_clean
    return NaturalRobustness(
        clean=rate([bool(one) for one in undisturbed]),
        kinds={kind: tuple(rate(list(cell.values())) for cell in cells) for kind, cells in kinds.items()},
        l2_rms={
            kind: tuple(changes[name_of(kind, severity)].l2_rms for severity in range(1, len(cells) + 1))
            for kind, cells in kinds.items()
        },
        mpc=estimate(mpc, drawn, count),
        rpc=estimate(mpc / accuracy, relative, count) if accuracy else None,
    )


def _by_name(records: Sequence[Record]) -> dict[str, dict[str, bool]]:
    right: dict[str, dict[str, bool]] = {}
    for one in records:
        right.setdefault(one.defense, {})[one.video] = bool(one.correct)
    return right
