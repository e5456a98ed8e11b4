"""Law 5: fit, verification and evaluation videos never overlap, by content and by recording."""

import random
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from lsap_cli.datasets.listing import Video, content_hash
from lsap_cli.errors import LsapError

Item = TypeVar("Item")


def split_by_group(
    items: Sequence[Item], groups: Sequence[str], share: float, seed: int
) -> tuple[list[Item], list[Item]]:
    """Two parts, no group in both: (fit, verification).

    Args:
        items: at least two, in at least two groups.
        groups: each item's group; equal videos must have the same one.
        share: of the items for verification; at least one item is in each part.
        seed: of the shuffle.

    Raises:
        LsapError: if there are fewer than two groups.
    """
    names = sorted(set(groups))
    if len(names) < 2:
        raise LsapError(
            f"{len(items)} usable video(s) of {len(names)} recording(s): to learn and to verify, at least two recordings are needed"
        )
    random.Random(seed).shuffle(names)
    wanted = max(1, round(share * len(items)))
    chosen: set[str] = set()
    for name in names[:-1]:
        if sum(group in chosen for group in groups) >= wanted:
            break
        chosen.add(name)
    return (
        [item for item, group in zip(items, groups, strict=True) if group not in chosen],
        [item for item, group in zip(items, groups, strict=True) if group in chosen],
    )


def merged_groups(videos: Sequence[Video], hashes: Sequence[str]) -> list[str]:
    """Each video's group, where files with equal content share one."""
    first_with: dict[str, str] = {}
    return [first_with.setdefault(content, video.group) for video, content in zip(videos, hashes, strict=True)]


def overlap(videos: Iterable[Video], record: Mapping[str, Any]) -> list[str]:
    """Names of the videos that a perturbation has seen: same content or same recording.

    Args:
        videos: to be evaluated on.
        record: a perturbation's record, whose `videos` lists what it was fitted and verified on.
    """
    seen = record.get("videos", [])
    hashes = {one["sha256"] for one in seen}
    groups = {one["group"] for one in seen if one["group"] != one["name"]}
    return [video.name for video in videos if video.group in groups or content_hash(video.path) in hashes]
