from pathlib import Path

import pytest
from PIL import Image

from lsap_cli.datasets import facts as set_facts_module
from lsap_cli.datasets.facts import AT_A_TIME, set_facts
from lsap_cli.datasets.listing import list_videos
from lsap_cli.datasets.splits import split_by_group, verified_share
from lsap_cli.results.sets import SetFacts
from tests.tiny import make_bytes, write_tiny


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    """Three labels, four videos of three recordings by hard links, and a file that is no video."""
    first = write_tiny(tmp_path / "one.mkv", make_bytes(6, 16, 24))
    for name in ("tai_chi/v_a_g01_c01.mkv", "tai_chi/v_a_g01_c02.mkv", "yoga/v_b_g01_c01.mkv", "other/c.mkv"):
        (tmp_path / "set" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "set" / name).hardlink_to(first)
    (tmp_path / "set" / "yoga" / "broken.mkv").write_bytes(b"no video")
    return tmp_path / "set"


def facts_of(source: Path) -> SetFacts:
    return set_facts(
        str(source), list_videos(source, ["tai chi", "yoga"]), 0, model_labels=["tai chi", "yoga"], deadline=None
    )


def test_a_set_is_counted_by_label_and_recording_and_labels_without_a_class_are_told(videos: Path) -> None:
    facts = facts_of(videos)
    assert (facts.format, facts.videos, facts.groups, facts.largest_group) == ("folder", 4, 3, 2)
    assert [(one.label, one.videos, one.known, one.model_class) for one in facts.classes] == [
        ("tai_chi", 2, True, "tai chi"),
        ("other", 1, False, None),
        ("yoga", 1, True, "yoga"),
    ]


def test_headers_tell_sizes_rates_and_what_would_be_left_out(videos: Path) -> None:
    facts = facts_of(videos)
    assert [(one.value, one.videos) for one in facts.sizes] == [("24x16", 4)]
    assert [one.path for one in facts.left_out] == ["yoga/broken.mkv"]
    assert (facts.looked_at, facts.unreadable) == (5, 1)


def test_the_split_of_generate_has_no_recording_on_both_sides(videos: Path) -> None:
    split = facts_of(videos).split
    assert split is not None
    assert (split.fit + split.verify, split.fit_groups + split.verify_groups) == (4, 3)


def test_files_that_are_missing_are_named_even_where_no_header_is_read(tmp_path: Path) -> None:
    lines = "".join(f"{number}.mkv 0\n" for number in range(100))
    (tmp_path / "val.txt").write_text(lines)
    video_set = list_videos(tmp_path / "val.txt", [])
    facts = set_facts("val.txt", video_set, 0, model_labels=None, deadline=0.0)  # is over
    assert (facts.looked_at < 100, len(facts.left_out)) == (True, 100)
    assert (facts.videos, facts.unreadable) == (0, 100)


def test_headers_that_time_allows_are_those_of_different_videos_in_an_order_of_the_seed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at: list[str] = []

    def attempt(media: Path) -> str:
        looked_at.append(media.name)
        return "no header"

    monkeypatch.setattr(set_facts_module, "_attempt", attempt)
    (tmp_path / "val.txt").write_text("".join(f"{number:03d}.mkv 0\n" for number in range(300)))
    video_set = list_videos(tmp_path / "val.txt", [])
    for seed in (0, 1):
        assert set_facts("val.txt", video_set, seed, model_labels=None, deadline=0.0).looked_at == AT_A_TIME
    first, second = looked_at[:AT_A_TIME], looked_at[AT_A_TIME:]
    assert len({*first}) == len({*second}) == AT_A_TIME
    assert len({*first, *second}) > AT_A_TIME
    assert sorted(first)[-1] > "200.mkv"  # of the whole list


def test_the_split_that_is_shown_is_that_of_the_videos(videos: Path) -> None:
    names = [video.group for video in list_videos(videos, []).videos if "broken" not in video.name]
    fit, verify = split_by_group(names, names, verified_share(len(names)), 0)
    shown = facts_of(videos).split
    assert shown is not None
    assert (shown.fit, shown.verify) == (len(fit), len(verify))
    assert (shown.fit_groups, shown.verify_groups) == (len({*fit}), len({*verify}))


def test_a_frame_folder_whose_pictures_change_their_size_would_be_left_out(tmp_path: Path) -> None:
    for name, last in (("yoga/one", (4, 2)), ("yoga/two", (6, 2))):
        (tmp_path / name).mkdir(parents=True)
        Image.new("RGB", (4, 2)).save(tmp_path / name / "00001.png")
        Image.new("RGB", last).save(tmp_path / name / "00002.png")
    (left_out,) = facts_of(tmp_path).left_out
    assert (left_out.path, left_out.reason) == ("yoga/two", "its pictures change from 4 x 2 to 6 x 2 at 00002.png")
