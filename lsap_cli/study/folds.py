"""Folds of a set: each video is judged by a perturbation that saw neither it nor its recording."""

import random
from collections import Counter
from collections.abc import Sequence

from lsap_cli.errors import LsapError


def assign_folds(groups: Sequence[str], labels: Sequence[str], folds: int, seed: int) -> list[int]:
    """The fold of each video: whole recordings, folds of about one size, each label spread over them.

    Recordings are shuffled, the largest placed first, each into the fold that has fewest videos of its label, and among
    those the fewest videos.

    Args:
        groups: the recording of each video.
        labels: likewise; empty for none.
        folds: how many, at least 2.
        seed: of the shuffle.

    Raises:
        LsapError: if there are fewer recordings than folds.
    """
    members: dict[str, list[int]] = {}
    for number, group in enumerate(groups):
        members.setdefault(group, []).append(number)
    if len(members) < folds:
        raise LsapError(
            f"{len(groups)} videos of {len(members)} recording(s) cannot make {folds} folds: each needs a recording "
            "of its own; give more recordings, or fewer folds"
        )
    names = sorted(members)
    random.Random(seed).shuffle(names)
    names.sort(key=lambda name: -len(members[name]))
    sizes, of_label = Counter[int](), Counter[tuple[int, str]]()
    chosen = [0] * len(groups)
    for name in names:
        label = Counter(labels[number] for number in members[name]).most_common(1)[0][0]
        fold = min(range(folds), key=lambda one: (of_label[one, label], sizes[one], one))
        if not all(sizes[one] for one in range(folds)):  # no fold stays empty
            fold = min((one for one in range(folds) if not sizes[one]), key=lambda one: (of_label[one, label], one))
        for number in members[name]:
            chosen[number] = fold
            sizes[fold] += 1
            of_label[fold, labels[number]] += 1
    return chosen
