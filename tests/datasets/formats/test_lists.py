import json
from fractions import Fraction
from pathlib import Path

import pytest
from PIL import Image

from lsap_cli.datasets.base import VideoSet
from lsap_cli.datasets.listing import list_videos
from lsap_cli.errors import LsapError
from lsap_cli.set_sources import SetSource
from lsap_cli.video.media import VideoPart, VideoSpan
from lsap_cli.video.picture_sequences import PictureSequence

LABELS = ["apply eye makeup", "tai chi", "wall pushups"]


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def pictures(folder: Path, *numbers: int, name: str = "img_{:05d}.png") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        Image.new("RGB", (4, 2), (number, 0, 0)).save(folder / name.format(number))


def read(
    path: Path, text: str, root: Path | None = None, fps: float | None = None, names: Path | None = None
) -> VideoSet:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())
    return list_videos(
        SetSource.parse(path, None if root is None else str(root), fps, None if names is None else str(names)), LABELS
    )


def listed(found: VideoSet) -> dict[str, tuple[int, ...]]:
    return {video.name: video.labels for video in found.videos}


@pytest.mark.parametrize("separator", [" ", ",", "\t", ", ", "  "])
def test_a_list_is_split_at_its_last_blank_comma_or_tab(tmp_path: Path, separator: str) -> None:
    touch(tmp_path, "a b.mp4", "sub/c,d.mp4")
    found = read(tmp_path / "val.txt", f"a b.mp4{separator}0\r\nsub/c,d.mp4{separator}2\r\n")
    assert listed(found) == {"a b.mp4": (0,), "sub/c,d.mp4": (2,)}
    assert any("list of lines 'path label'" in note for note in found.notes)


@pytest.mark.parametrize(
    ("text", "classes"),
    [
        ("one\ntwo a\n", [(), ()]),
        ("one 0\ntwo a 2\n", [(0,), (2,)]),
        ("one,0\ntwo a,2\n", [(0,), (2,)]),
        ("one tai chi\ntwo a wall pushups\n", [(1,), (2,)]),
        ("one\ttai chi\ntwo a\twall pushups\n", [(1,), (2,)]),
    ],
)
def test_a_bare_path_is_a_list_of_names_without_suffix_where_these_are_videos(
    tmp_path: Path, text: str, classes: list[tuple[int, ...]]
) -> None:
    touch(tmp_path, "one.mp4")
    pictures(tmp_path / "two a", 1, 2)
    found = read(tmp_path / "val.txt", text)
    assert (found.format, listed(found)) == ("list", dict(zip(("one.mp4", "two a"), classes, strict=True)))


def test_a_file_of_labels_beside_their_folders_is_no_list_of_videos(tmp_path: Path) -> None:
    touch(tmp_path, "yoga/a.mp4", "tai chi/b.mp4")
    with pytest.raises(LsapError, match="of no list that is known"):
        read(tmp_path / "labels.txt", "yoga\ntai chi\n")


@pytest.mark.parametrize(("numbers", "classes"), [((0, 1), [0, 1]), ((1, 3), [0, 2]), ((-1, 0), [None, 0])])
def test_labels_count_from_0_or_from_1_as_the_numbers_show(
    tmp_path: Path, numbers: tuple[int, int], classes: list[int | None]
) -> None:
    touch(tmp_path, "a.mp4", "b.mp4")
    found = read(tmp_path / "val.txt", "".join(f"{name}.mp4 {one}\n" for name, one in zip("ab", numbers, strict=True)))
    assert [video.labels[0] if video.labels else None for video in found.videos] == classes
    assert any("count from" in note for note in found.notes)


def test_folders_that_are_called_as_classes_show_where_numbers_begin(tmp_path: Path) -> None:
    touch(tmp_path, "TaiChi/a.mp4")
    found = read(tmp_path / "val.txt", "TaiChi/a.mp4 2\n")
    assert listed(found) == {"TaiChi/a.mp4": (1,)}
    assert any("count from 1 (as the folders' names show" in note for note in found.notes)


def test_numbers_that_are_not_the_networks_are_refused_where_folders_show_it(tmp_path: Path) -> None:
    touch(tmp_path, "tai_chi/a.mp4")
    with pytest.raises(LsapError, match=r"its numbers are not the network's.*--labels FILE"):
        read(tmp_path / "val.txt", "tai_chi/a.mp4 7\n")


def test_numbers_beyond_the_networks_classes_have_no_label_and_are_told(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4", "b.mp4")
    found = read(tmp_path / "val.txt", "a.mp4 0\nb.mp4 3\n")
    assert listed(found) == {"a.mp4": (0,), "b.mp4": ()}
    assert any("'3' is the number of no class: the network has 3" in note for note in found.notes)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("names.txt", "wall pushups\ntai chi\n"),
        ("classInd.txt", "0 WallPushups\r\n1 TaiChi\r\n"),
        ("names.csv", "id,name\n0,wall pushups\n1,tai chi\n"),
        ("names.json", '{"wall pushups": "0", "tai chi": "1"}'),
        ("id2label.json", '{"0": "wall pushups", "1": "tai chi"}'),
        ("names.json", '["wall pushups", "tai chi"]'),
    ],
)
def test_a_file_of_names_says_what_numbers_mean(tmp_path: Path, name: str, content: str) -> None:
    touch(tmp_path, "a.mp4", "b.mp4")
    (tmp_path / name).write_text(content)
    found = read(tmp_path / "val.txt", "a.mp4 0\nb.mp4 1\n", names=tmp_path / name)
    assert listed(found) == {"a.mp4": (2,), "b.mp4": (1,)}


def test_lines_of_another_shape_are_named_by_their_number_and_the_rest_goes_on(tmp_path: Path) -> None:
    pictures(tmp_path / "one", 1, 2, 3)
    pictures(tmp_path / "two", 1, 2, 3)
    found = read(tmp_path / "val.txt", "one 3 0\n/abs/path/x.mp4 1\ntwo 2 1\n\njunk\n")
    assert listed(found) == {"one": (0,), "two": (1,)}
    assert [place.name for place in found.unreadable] == ["val.txt, line 2", "val.txt, line 5"]
    assert all("another shape than 'folder frames label'" in place.reason for place in found.unreadable)
    assert found.size == 4


def test_a_list_of_frame_folders_says_where_each_starts_and_how_many_frames_it_has(tmp_path: Path) -> None:
    pictures(tmp_path / "long", *range(1, 9))
    found = read(tmp_path / "val.txt", "long 0 3 1\nlong 3 5 2\n", fps=5.0)
    folder = tmp_path / "long"
    parts = [PictureSequence(folder, Fraction(5), 0, 3), PictureSequence(folder, Fraction(5), 3, 5)]
    assert [video.media for video in found.videos] == parts
    assert len({video.group for video in found.videos}) == 1
    assert len({video.name for video in found.videos}) == 2


def test_paths_are_absolute_or_below_root(tmp_path: Path) -> None:
    touch(tmp_path, "videos/a.mp4", "other/b.mp4")
    found = read(tmp_path / "lists" / "val.txt", f"a.mp4 0\n{tmp_path}/other/b.mp4 1\n", root=tmp_path / "videos")
    assert [video.path.is_file() for video in found.videos] == [True, True]
    assert [video.name for video in found.videos] == ["videos/a.mp4", "other/b.mp4"]
    assert any(f"by their paths in {tmp_path}, where all of them lie" in note for note in found.notes)


@pytest.mark.parametrize("above", ["..", "{}"])
def test_videos_outside_of_the_lists_folder_are_called_by_their_paths_in_the_folder_that_all_are_in(
    tmp_path: Path, above: str
) -> None:
    touch(tmp_path, "set/train/a/v1.mp4", "set/train/b/v1.mp4")
    above = above.format(tmp_path)
    found = read(tmp_path / "lists" / "val.txt", f"{above}/set/train/a/v1.mp4 0\n{above}/set/train/b/v1.mp4 1\n")
    assert [video.name for video in found.videos] == ["a/v1.mp4", "b/v1.mp4"]


def test_a_video_alone_outside_of_its_lists_folder_is_called_by_its_name(tmp_path: Path) -> None:
    touch(tmp_path, "set/v1.mp4")
    found = read(tmp_path / "lists" / "val.txt", f"{tmp_path}/lists/../set/v1.mp4 0\n")
    assert [video.name for video in found.videos] == ["v1.mp4"]


def test_a_list_none_of_whose_files_is_there_says_what_would_help(tmp_path: Path) -> None:
    sentence = "none of its files is there; --root DIR says where its paths begin"
    assert any(sentence in note for note in read(tmp_path / "val.txt", "a.mp4 0\nb.mp4 1\n").notes)
    touch(tmp_path / "videos", "b.mp4")
    assert not any(
        sentence in one for one in read(tmp_path / "val.txt", "a.mp4 0\nb.mp4 1\n", tmp_path / "videos").notes
    )


def test_a_missing_suffix_is_completed_where_one_file_fits(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4", "b.mp4", "b.avi", "C.MP4")
    found = read(tmp_path / "val.txt", "x/../a 0\nb.webm 0\nc.mp4 1\na.b 1\n".replace("a.b 1\n", ""))
    assert [video.path.name for video in found.videos] == ["a.mp4", "C.MP4"]
    assert [place.name for place in found.unreadable] == ["val.txt, line 2"]
    assert any("called otherwise than listed" in note for note in found.notes)


def test_a_label_may_be_a_name(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4", "b.mp4")
    assert listed(read(tmp_path / "val.txt", "a.mp4,tai chi\nb.mp4,wall pushups\n")) == {"a.mp4": (1,), "b.mp4": (2,)}


def test_ucf101_takes_labels_from_folders_whether_or_not_a_line_has_a_number(tmp_path: Path) -> None:
    touch(
        tmp_path, "UCF-101/ApplyEyeMakeup/v_ApplyEyeMakeup_g01_c01.avi", "UCF-101/WallPushups/v_WallPushUps_g01_c02.avi"
    )
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "classInd.txt").write_text("1 ApplyEyeMakeup\r\n2 WallPushups\r\n")
    lines = ["ApplyEyeMakeup/v_ApplyEyeMakeup_g01_c01.avi{}", "WallPushups/v_WallPushUps_g01_c02.avi{}"]
    for name, numbers in (("testlist01.txt", ("", "")), ("trainlist01.txt", (" 1", " 2"))):
        text = "\r\n".join(line.format(number) for line, number in zip(lines, numbers, strict=True))
        found = read(tmp_path / "lists" / name, text + "\r\n")
        assert [video.labels for video in found.videos] == [(0,), (2,)]
        assert all(video.path.is_file() for video in found.videos)
        assert found.format == "ucf101"
        assert found.warnings == []


def test_frame_folders_are_found_and_put_in_natural_order(tmp_path: Path) -> None:
    pictures(tmp_path / "tai_chi" / "one", 9, 10, 11, name="{}.png")
    pictures(tmp_path / "wall_pushups" / "two", 0, 1, name="frame_{:010d}.png")
    pictures(tmp_path / "tai_chi" / "one", 9, 10, name="flow_x_{}.png")
    found = list_videos(tmp_path, LABELS)
    assert listed(found) == {"tai_chi/one": (1,), "wall_pushups/two": (2,)}
    one = found.videos[0].media
    assert isinstance(one, PictureSequence)
    assert [picture.path.name for picture in one.pictures()] == ["9.png", "10.png", "11.png"]
    assert any("25 pictures a second" in note for note in found.notes)


def test_gaps_in_frame_folders_are_named(tmp_path: Path) -> None:
    pictures(tmp_path / "tai_chi" / "one", 1, 2, 5)
    assert any("missing in 'tai_chi/one (such as 3)'" in warning for warning in list_videos(tmp_path, LABELS).warnings)


def test_a_folder_of_videos_with_pictures_beside_them_is_one_of_videos(tmp_path: Path) -> None:
    pictures(tmp_path / "previews", 1, 2)
    touch(tmp_path, "tai_chi/a.mp4")
    assert listed(list_videos(tmp_path, LABELS)) == {"tai_chi/a.mp4": (1,)}


def test_a_list_that_is_no_list_is_never_opened_as_a_video(tmp_path: Path) -> None:
    for name, word in (("notes.txt", "list:.*notes.txt"), ("data.json", "json:.*data.json"), ("x.zip", "unpack")):
        (tmp_path / name).write_text("some words of a person, and not a list\n")
        with pytest.raises(LsapError, match=word):
            list_videos(tmp_path / name, LABELS)


def test_a_set_without_labels_says_that_accuracies_stay_empty(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4")
    assert any("every accuracy stays empty" in note for note in list_videos(tmp_path, LABELS).notes)


def test_numbers_of_labels_that_no_list_can_have_are_refused(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4")
    names = tmp_path / "names.json"
    names.write_text('{"' + "9" * 5000 + '": "tai chi"}')
    with pytest.raises(LsapError, match="holds no names of labels"):
        read(tmp_path / "val.txt", "a.mp4 0\n", names=names)


def test_a_semicolon_sets_the_label_off_too(tmp_path: Path) -> None:
    touch(tmp_path, "a;1 2.mp4", "b.mp4")
    assert listed(read(tmp_path / "val.txt", "a;1 2.mp4;0\nb.mp4; 1\n")) == {"a;1 2.mp4": (0,), "b.mp4": (1,)}
    assert listed(read(tmp_path / "n.txt", "b.mp4;tai chi\n")) == {"b.mp4": (1,)}


def test_numbers_of_varying_count_behind_videos_are_labels(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4", "b.mp4", "c.mp4")
    found = read(tmp_path / "val.txt", "a.mp4 1 3\nb.mp4 1 2 3 3\nc.mp4 2\n")
    assert listed(found) == {"a.mp4": (0, 2), "b.mp4": (0, 1, 2), "c.mp4": (1,)}
    assert any("several labels" in note for note in found.notes)
    assert any("count from 1 (the highest is 3" in note for note in found.notes)


def test_a_count_of_frames_between_a_video_and_its_label_is_no_label(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4", "b.mp4")
    found = read(tmp_path / "val.txt", "a.mp4 127 0\nb.mp4 90 2\n")
    assert listed(found) == {"a.mp4": (0,), "b.mp4": (2,)}
    assert any("is not read" in note for note in found.notes)


def test_three_numbers_behind_a_video_are_a_part_of_it_and_its_label(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4")
    found = read(tmp_path / "val.txt", "a.mp4 30 60 0\na.mp4 90 60 2\n")
    assert listed(found) == {"a_30f-90f.mp4": (0,), "a_90f-150f.mp4": (2,)}
    assert {video.group for video in found.videos} == {"a.mp4"}


@pytest.mark.parametrize("first", ["path label", "video_path,class", "# made by a script", "#"])
def test_a_header_and_comments_are_no_videos(tmp_path: Path, first: str) -> None:
    touch(tmp_path, "a.mp4", "b.mp4")
    found = read(tmp_path / "val.lst", f"{first}\na.mp4 0\nb.mp4 1\n")
    assert listed(found) == {"a.mp4": (0,), "b.mp4": (1,)}
    assert found.unreadable == ()
    assert any(first in note for note in found.notes)


def test_a_list_of_single_frames_is_refused_with_what_would_work(tmp_path: Path) -> None:
    lines = 'original_vido_id video_id frame_id path labels\nA 1 0 A/1.jpg ""\nA 1 1 A/2.jpg "75,3"\n'
    with pytest.raises(LsapError, match=r"lists single frames.*the folder of their frame folders as frames:FOLDER"):
        read(tmp_path / "val.csv", lines)


def test_a_list_in_utf_16_is_refused_by_that(tmp_path: Path) -> None:
    (tmp_path / "val.txt").write_bytes("a.mp4 0\nb.mp4 1\n".encode("utf-16"))
    with pytest.raises(LsapError, match="is UTF-16 text, which no list is; save it as UTF-8"):
        list_videos(tmp_path / "val.txt", LABELS)


def test_ucf101_lists_with_ends_of_windows_and_a_name_of_another_spelling_are_read(tmp_path: Path) -> None:
    touch(tmp_path, "HandstandPushups/v_HandStandPushups_g01_c01.avi")
    lines = "HandstandPushups/v_HandStandPushups_g01_c01.avi\r\n"
    found = list_videos(written(tmp_path / "testlist01.txt", lines), ["HandstandPushups", "handstand pushups2"])
    assert [(video.labels, video.group) for video in found.videos] == [((0,), "v_handstandpushups_g01")]


def test_cuts_of_one_film_are_one_recording_of_hmdb51_whatever_they_show(tmp_path: Path) -> None:
    for label, names in (
        ("kick", "A_Film_kick_f_cm_np1_ba_med_5.avi"),
        ("draw_sword", "A_Film_draw_sword_u_nm_np2_le_goo_0.avi"),
    ):
        written(tmp_path / f"{label}_test_split1.txt", f"{names} 2 \n")
    assert [video.group for video in list_videos(tmp_path, ["kick"]).videos] == ["A_Film", "A_Film"]


def test_a_row_with_a_cell_too_many_is_named_and_left_out(tmp_path: Path) -> None:
    lines = "label,youtube_id,time_start,time_end,split\nflipping, not cooking,abc,1,11,val\ntai chi,def,1,11,val\n"
    found = list_videos(written(tmp_path / "val.csv", lines), LABELS)
    assert listed(found) == {"tai chi/def_000001_000011.mp4": (1,)}
    assert [place.name for place in found.unreadable] == ["val.csv, line 2"]
    assert "has 6 cells" in found.unreadable[0].reason


def test_a_list_of_kinetics_may_have_no_labels(tmp_path: Path) -> None:
    found = list_videos(written(tmp_path / "t.csv", "youtube_id,time_start,time_end,split\n-a,1,11,test\n"), LABELS)
    assert listed(found) == {"-a_000001_000011.mp4": ()}


def test_the_json_of_kinetics_is_read_as_its_csv(tmp_path: Path) -> None:
    touch(tmp_path, "val/abc_000001_000011.mp4")
    videos = {
        "abc": {"annotations": {"label": "tai chi", "segment": [1.0, 11.0]}, "duration": 10.0, "subset": "validate"},
        "def": {"annotations": {"segment": [0, 10]}, "subset": "test"},
        "ghi": {"subset": "test"},
    }
    found = list_videos(written(tmp_path / "val.json", json.dumps(videos)), LABELS)
    assert (found.format, listed(found)) == ("kinetics", {"abc_000001_000011.mp4": (1,), "def_000000_000010.mp4": ()})
    assert [place.name for place in found.unreadable] == ["val.json, entry 3"]


def test_actions_of_charades_that_are_none_are_said_to_be_so(tmp_path: Path) -> None:
    with pytest.raises(LsapError, match="has 'stove' for its actions, and not code, start and end"):
        list_videos(written(tmp_path / "t.csv", "id,subject,actions\nAAAAA,S1,stove\n"), LABELS)


def test_frame_folders_may_have_several_labels_behind_the_number_of_their_frames(tmp_path: Path) -> None:
    for name in ("one", "two", "three"):
        pictures(tmp_path / name, *range(1, 6))
    found = read(tmp_path / "val.txt", "one 5 1\ntwo 4 0 2\nthree 5 0 1 2\n")
    assert listed(found) == {"one": (1,), "two": (0, 2), "three": (0, 1, 2)}
    assert [len(video.media.pictures()) for video in found.videos if isinstance(video.media, PictureSequence)] == [
        5,
        4,
        5,
    ]
    assert any("several labels behind the number of their frames" in note for note in found.notes)


def test_a_slip_of_the_pen_in_a_list_of_starts_is_no_list_of_several_labels(tmp_path: Path) -> None:
    pictures(tmp_path / "long", *range(1, 90))
    lines = "".join(f"long {4 * part} 4 1\n" for part in range(20))
    found = read(tmp_path / "val.txt", lines + "long 80 4\n")
    assert len(found.videos) == 20
    assert [place.name for place in found.unreadable] == ["val.txt, line 21"]


def test_folders_whose_names_end_with_integers_have_one_label(tmp_path: Path) -> None:
    for name in ("clip", "clip 1 2"):
        pictures(tmp_path / name, 1, 2, 3)
    assert listed(read(tmp_path / "val.txt", "clip 3 0\nclip 1 2 3 2\n")) == {"clip": (0,), "clip 1 2": (2,)}


@pytest.mark.parametrize("count", [0, -1])
def test_a_count_of_frames_that_nobody_took_is_that_of_the_folder(tmp_path: Path, count: int) -> None:
    pictures(tmp_path / "one", 1, 2, 3)
    media = read(tmp_path / "val.txt", f"one {count} 2\n").videos[0].media
    assert isinstance(media, PictureSequence)
    assert len(media.pictures()) == 3


def test_a_list_of_frame_folders_is_read_where_the_videos_themselves_are_there(tmp_path: Path) -> None:
    touch(tmp_path, "a.avi", "b.avi")
    assert [video.media for video in read(tmp_path / "val.txt", "a 30 1\nb 50 2\n").videos] == [
        tmp_path / "a.avi",
        tmp_path / "b.avi",
    ]
    part = read(tmp_path / "parts.txt", "a 10 20 1\n").videos[0]
    assert part.media == VideoPart(tmp_path / "a.avi", VideoSpan(Fraction(10), Fraction(30), in_frames=True))


def test_a_list_of_videos_is_read_where_their_frame_folders_are_there(tmp_path: Path) -> None:
    pictures(tmp_path / "rgb" / "x_00001", 1, 2)
    pictures(tmp_path / "rawframes" / "TaiChi" / "v_TaiChi_g01_c01", 1, 2)
    dives = read(tmp_path / "Diving48_V2_test.json", '[{"vid_name": "x_00001", "label": 1, "start_frame": 0}]')
    assert dives.videos[0].media == PictureSequence(tmp_path / "rgb" / "x_00001", Fraction(25))
    actions = read(tmp_path / "testlist01.txt", "TaiChi/v_TaiChi_g01_c01.avi\n")
    assert listed(actions) == {"TaiChi/v_TaiChi_g01_c01": (1,)}
    assert not actions.missing


def test_a_list_finds_its_videos_in_the_folders_that_are_usual_beside_it(tmp_path: Path) -> None:
    touch(tmp_path, "videos_val/tai_chi/a.mp4")
    found = read(tmp_path / "val_list_videos.txt", "tai_chi/a.mp4 1\n")
    assert [video.path for video in found.videos] == [tmp_path / "videos_val" / "tai_chi" / "a.mp4"]


def test_lists_of_other_sets_that_are_called_as_those_of_ucf101_are_read_as_what_they_are(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4", "b.mp4")
    found = read(tmp_path / "testlist01.txt", "a.mp4 0\nb.mp4 2\n")
    assert (found.format, listed(found)) == ("list", {"a.mp4": (0,), "b.mp4": (2,)})


def test_a_folder_without_videos_says_what_its_files_are(tmp_path: Path) -> None:
    touch(tmp_path, "data/train-00000.parquet", "README.md")
    with pytest.raises(LsapError, match=r"holds no video \(its files end with .*\.parquet \(1\)"):
        list_videos(tmp_path, LABELS)


def written(path: Path, text: str) -> Path:
    path.write_bytes(text.encode())
    return path


@pytest.mark.parametrize(
    ("text", "classes"),
    [
        ("0 a.mp4\n2 c d.mp4\n", {"a.mp4": (0,), "c d.mp4": (2,)}),
        ("tai chi,a.mp4\nwall pushups,c d.mp4\n", {"a.mp4": (1,), "c d.mp4": (2,)}),
        ("label,path\n# made by hand\ntai chi,a.mp4\n", {"a.mp4": (1,)}),
        ("1\tfolder\n", {"folder": (1,)}),
    ],
    ids=["numbers", "names", "header", "folders"],
)
def test_labels_before_paths_are_read_where_the_files_show_it(
    tmp_path: Path, text: str, classes: dict[str, tuple[int, ...]]
) -> None:
    touch(tmp_path, "a.mp4", "c d.mp4")
    pictures(tmp_path / "folder", 1, 2)
    (tmp_path / "val.txt").write_text(text)
    found = list_videos(SetSource.parse(f"list:{tmp_path / 'val.txt'}"), LABELS)
    assert listed(found) == classes
    assert any("list of lines 'label path'" in note for note in found.notes)
    assert found.unreadable == ()


def test_a_file_whose_name_begins_with_a_number_is_no_label_and_a_path(tmp_path: Path) -> None:
    touch(tmp_path, "0 a.mp4", "a.mp4", "2 b.mp4", "b.mp4")
    found = read(tmp_path / "val.txt", "0 a.mp4\n2 b.mp4\n")
    assert listed(found) == {"0 a.mp4": (), "2 b.mp4": ()}


def test_labels_before_paths_whose_files_are_not_there_are_told(tmp_path: Path) -> None:
    found = read(tmp_path / "val.txt", "0 a.mp4\n2 b.mp4\n")
    assert any("'0 a.mp4', may be 'label path'" in note and "--root" in note for note in found.notes)


@pytest.mark.parametrize("first", ["path,label", "# made by a script"])
def test_a_header_above_labels_that_are_names_is_no_video(tmp_path: Path, first: str) -> None:
    touch(tmp_path, "a.mp4", "b.mp4")
    found = read(tmp_path / "val.txt", f"{first}\na.mp4,tai chi\nb.mp4,wall pushups\n")
    assert listed(found) == {"a.mp4": (1,), "b.mp4": (2,)}


def test_integers_behind_a_name_without_its_suffix_belong_to_it_where_that_video_is_there(tmp_path: Path) -> None:
    touch(tmp_path, "my videos/clip 0.mp4", "my videos/clip 12.mp4")
    found = read(tmp_path / "val.txt", "my videos/clip 0 2\nmy videos/clip 12 1\n")
    assert listed(found) == {"my videos/clip 0.mp4": (2,), "my videos/clip 12.mp4": (1,)}


def test_names_of_several_words_are_lists_of_words_in_diving48s_vocabulary(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4", "b.mp4")
    names = tmp_path / "vocab.json"
    names.write_text(json.dumps([["Back", "15som", "FREE"], ["Tai", "Chi"]]))
    found = read(tmp_path / "val.txt", "a.mp4 0\nb.mp4 1\n", names=names)
    assert [video.label for video in found.videos] == ["Back 15som FREE", "Tai Chi"]


def test_a_label_behind_a_video_may_hold_blanks(tmp_path: Path) -> None:
    for name in ("a.mp4", "b c.mp4"):
        (tmp_path / name).touch()
    source = written(tmp_path / "list.txt", "a.mp4 tai chi\nb c.mp4 tai chi\n")
    found = list_videos(source, LABELS)
    assert [(one.name, one.label) for one in found.videos] == [("a.mp4", "tai chi"), ("b c.mp4", "tai chi")]


@pytest.mark.parametrize("odd", ["/elsewhere/c.mp4 2", "c.mp4 4 90 2"])
def test_a_line_with_another_count_of_numbers_is_named_and_the_rest_goes_on(tmp_path: Path, odd: str) -> None:
    touch(tmp_path, "a.mp4", "b.mp4", "c.mp4", "d.mp4")
    found = read(tmp_path / "val.txt", f"a.mp4 127 0\nb.mp4 90 2\nd.mp4 80 1\n{odd}\n")
    assert listed(found) == {"a.mp4": (0,), "b.mp4": (2,), "d.mp4": (1,)}
    count = odd.count(" ")
    (place,) = found.unreadable
    assert place.name == "val.txt, line 4"
    assert place.reason == f"has {count} number{'s' * (count > 1)}, and most lines have 2"


@pytest.mark.parametrize("lines", ["a.mp4 0.0\nb.mp4 2.0\n", "path,label\na.mp4,0.0\nb.mp4,2.0\n"])
def test_whole_numbers_with_a_decimal_point_are_labels(tmp_path: Path, lines: str) -> None:
    touch(tmp_path, "a.mp4", "b.mp4")
    found = read(tmp_path / "val.csv", lines)
    assert listed(found) == {"a.mp4": (0,), "b.mp4": (2,)}
    assert any("labels such as '0.0' are read as whole numbers" in note for note in found.notes)


def test_a_label_with_a_decimal_point_behind_a_count_of_frames_is_a_whole_number(tmp_path: Path) -> None:
    pictures(tmp_path / "x" / "one", 1, 2)
    pictures(tmp_path / "x" / "two", 1, 2)
    assert listed(read(tmp_path / "val.txt", "x/one 2 0.0\nx/two 2 1.0\n")) == {"x/one": (0,), "x/two": (1,)}


def test_a_label_of_the_network_that_is_written_with_a_decimal_point_stays(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4")
    (tmp_path / "val.csv").write_text("path,label\na.mp4,1.0\n")
    assert [video.labels for video in list_videos(tmp_path / "val.csv", ["2.0", "1.0"]).videos] == [(1,)]


def test_numbered_names_say_where_a_list_counts_from_if_it_does_not_show_it(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4", "b.mp4")
    bare = read(tmp_path / "val.txt", "a.mp4 1\nb.mp4 2\n")
    assert any(
        "if they count from 1, give their names with --labels FILE, as lines '1 NAME'" in one for one in bare.notes
    )
    names = tmp_path / "names.txt"
    names.write_text("1 apply eye makeup\n2 tai chi\n3 wall pushups\n")
    assert listed(read(tmp_path / "val.txt", "a.mp4 1\nb.mp4 2\n", names=names)) == {"a.mp4": (0,), "b.mp4": (1,)}
