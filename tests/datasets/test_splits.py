from pathlib import Path

import pytest

from lsap_cli.datasets.base import Video
from lsap_cli.datasets.splits import merged_groups, overlap, split_by_group
from lsap_cli.errors import LsapError
from lsap_cli.hashing import content_hash


def video(root: Path, name: str, content: str) -> Video:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return Video(path, name)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("share", [0.01, 0.2, 0.5, 0.99])
def test_no_group_is_in_both_parts_and_nothing_is_lost(seed: int, share: float) -> None:
    items = list(range(23))
    groups = [f"g{item % 7}" for item in items]
    fit, verification = split_by_group(items, groups, share, seed)
    assert sorted(fit + verification) == items
    assert fit
    assert verification
    assert not {groups[item] for item in fit} & {groups[item] for item in verification}


def test_the_share_is_met_as_nearly_as_groups_allow() -> None:
    fit, verification = split_by_group(list(range(40)), [str(item // 2) for item in range(40)], 0.25, 0)
    assert (len(fit), len(verification)) == (30, 10)


def test_the_same_seed_gives_the_same_split() -> None:
    items, groups = list(range(30)), [str(item) for item in range(30)]
    assert split_by_group(items, groups, 0.2, 4) == split_by_group(items, groups, 0.2, 4)
    assert split_by_group(items, groups, 0.2, 4) != split_by_group(items, groups, 0.2, 5)


@pytest.mark.parametrize("groups", [[], ["a"], ["a", "a", "a"]])
def test_one_recording_cannot_be_split(groups: list[str]) -> None:
    with pytest.raises(LsapError, match="at least two recordings are needed"):
        split_by_group(groups, groups, 0.2, 0)


def test_equal_files_share_a_group(tmp_path: Path) -> None:
    videos = [video(tmp_path, "a.mp4", "same"), video(tmp_path, "b.mp4", "other"), video(tmp_path, "c.mp4", "same")]
    assert merged_groups(videos, [content_hash(one.path) for one in videos]) == ["a.mp4", "b.mp4", "a.mp4"]


def test_groups_that_share_a_file_become_one(tmp_path: Path) -> None:
    videos = [
        video(tmp_path, "v_Run_g01_c01.avi", "first"),
        video(tmp_path, "v_Run_g01_c02.avi", "same"),
        video(tmp_path, "v_Run_g02_c01.avi", "same"),
        video(tmp_path, "v_Run_g02_c02.avi", "last"),
    ]
    groups = merged_groups(videos, [content_hash(one.path) for one in videos])
    assert len(set(groups)) == 1


def record(*videos: Video) -> dict[str, object]:
    seen = [{"name": one.name, "group": one.group, "sha256": content_hash(one.path)} for one in videos]
    return {"videos": seen}


def test_overlap_is_found_by_content_whatever_the_name(tmp_path: Path) -> None:
    fitted = video(tmp_path, "fit/a.mp4", "same")
    videos = [video(tmp_path, "new/b.mp4", "same"), video(tmp_path, "new/c.mp4", "other")]
    assert overlap(videos, record(fitted)) == ["new/b.mp4"]


def test_overlap_is_found_by_recording_whatever_the_content(tmp_path: Path) -> None:
    fitted = video(tmp_path, "fit/v_Run_g01_c01.avi", "one")
    videos = [video(tmp_path, "new/v_Run_g01_c02.avi", "two"), video(tmp_path, "new/v_Run_g02_c02.avi", "three")]
    assert overlap(videos, record(fitted)) == ["new/v_Run_g01_c02.avi"]


def test_an_equal_name_alone_is_no_overlap(tmp_path: Path) -> None:
    fitted = video(tmp_path / "fit", "a.mp4", "one")
    assert overlap([video(tmp_path / "new", "a.mp4", "two")], record(fitted)) == []


def test_a_perturbation_that_saw_nothing_overlaps_with_nothing(tmp_path: Path) -> None:
    assert overlap([video(tmp_path, "a.mp4", "one")], {}) == []
