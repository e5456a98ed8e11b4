"""Law 5: fit, verification and evaluation videos never overlap, by content and by recording."""

import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from lsap_cli.datasets.base import Video
from lsap_cli.errors import LsapError
from lsap_cli.video.media import readable_media_hash

Item = TypeVar("Item")
VERIFY_SHARE = 0.2
MOST_VERIFIED = 24


def verified_share(videos: int) -> float:
    """The share of some videos that `generate` verifies on."""
    return min(VERIFY_SHARE, MOST_VERIFIED / videos)


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
    chosen = verified_groups(Counter(groups), share, seed)
    return (
        [item for item, group in zip(items, groups, strict=True) if group not in chosen],
        [item for item, group in zip(items, groups, strict=True) if group in chosen],
    )


def verified_groups(sizes: Mapping[str, int], share: float, seed: int) -> set[str]:
    """The groups that are verified on.

    Args:
        sizes: items of each group; at least two groups.
        share: of all items.
        seed: of the shuffle.

    Raises:
        LsapError: if there are fewer than two groups.
    """
    names, items = sorted(sizes), sum(sizes.values())
    if len(names) < 2:
        raise LsapError(
            f"{items} usable video(s) of {len(names)} recording(s): "
            "to learn and to verify, at least two recordings are needed"
        )
    random.Random(seed).shuffle(names)
    chosen: set[str] = set()
    count = 0
    for name in names[:-1]:
        if count >= max(1, round(share * items)):
            break
        chosen.add(name)
        count += sizes[name]
    return chosen


def merged_groups(videos: Sequence[Video], hashes: Sequence[str]) -> list[str]:
    """Each video's group, where groups that share a file with equal content are one."""
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while parent.setdefault(name, name) != name:
            name = parent[name]
        return name

    first_with: dict[str, str] = {}
    for video, content in zip(videos, hashes, strict=True):
        parent[root(video.group)] = root(first_with.setdefault(content, video.group))
    return [root(video.group) for video in videos]


def overlap(videos: Iterable[Video], record: Mapping[str, Any]) -> list[str]:
    """Names of the videos that a perturbation was learned from: same content or same recording.

    Args:
        videos: to be evaluated on; files that cannot be read are passed over.
        record: a perturbation's record, whose `videos` lists what it was fitted and verified on.

    Raises:
        LsapError: if the record's list is damaged.
    """
    try:
        seen = [(one["name"], one["group"], one["sha256"]) for one in record.get("videos", [])]
    except (KeyError, TypeError):
        raise LsapError(
            "the perturbation's record of the videos it was learned from is damaged; generate it again"
        ) from None
    hashes = {sha256 for _, _, sha256 in seen}
    recordings = {group for name, group, _ in seen if group != name}
    return [video.name for video in videos if video.group in recordings or readable_media_hash(video.media) in hashes]


def shared_videos(videos: Sequence[Video], fit: Sequence[Video]) -> list[str]:
    """Names of videos that are, by content or recording, among those that attackers learn from (law 5)."""
    seen: list[Mapping[str, str]] = [
        {"name": one.name, "group": one.group, "sha256": sha256}
        for one in fit
        if (sha256 := readable_media_hash(one.media)) is not None
    ]
    return overlap(videos, {"videos": seen})
