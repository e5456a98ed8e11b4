import csv
import hashlib
import os
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from lsap_cli.datasets.base import Video
from lsap_cli.datasets.listing import list_videos
from lsap_cli.datasets.selection import Skipped, videos_of_run
from lsap_cli.errors import LsapError
from lsap_cli.hashing import content_hash, readable_hash
from lsap_cli.results.events import RunEvent, SkippedEvent
from lsap_cli.runs import Run
from lsap_cli.video.reading import UnreadableVideo, read_frame_times

LABELS = ["massaging person's head", "riding a bike", "tai chi"]


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def write_csv(path: Path, *rows: tuple[str, ...]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return path


def listed(source: Path) -> dict[str, tuple[int, ...]]:
    return {video.name: video.labels for video in list_videos(source, LABELS).videos}


def test_labels_come_from_sub_folders_whatever_their_case_and_punctuation(tmp_path: Path) -> None:
    touch(tmp_path, "tai_chi/a.mp4", "Massaging Person's Head/b.avi", "riding-a-bike/c.mkv")
    assert listed(tmp_path) == {
        "Massaging Person's Head/b.avi": (0,),
        "riding-a-bike/c.mkv": (1,),
        "tai_chi/a.mp4": (2,),
    }


def test_letters_of_every_script_tell_labels_apart(tmp_path: Path) -> None:
    touch(tmp_path, "猫/a.mp4", "犬/b.mp4", "été/c.mp4")
    videos = list_videos(tmp_path, ["猫", "犬", "été", "ete"]).videos
    assert {video.name: video.labels for video in videos} == {"猫/a.mp4": (0,), "犬/b.mp4": (1,), "été/c.mp4": (2,)}


def test_the_nearest_folder_that_is_a_label_counts(tmp_path: Path) -> None:
    touch(tmp_path, "tai_chi/riding_a_bike/a.mp4", "tai_chi/deeper/b.mp4", "train/tai_chi/c.mp4")
    assert listed(tmp_path) == {
        "tai_chi/deeper/b.mp4": (2,),
        "tai_chi/riding_a_bike/a.mp4": (1,),
        "train/tai_chi/c.mp4": (2,),
    }


def test_an_unlabelled_folder_gives_videos_without_labels_and_no_warning(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4", "b.mp4")
    listing = list_videos(tmp_path, LABELS)
    assert [video.labels for video in listing.videos] == [(), ()]
    assert listing.warnings == []


def test_a_sub_folder_that_is_no_label_is_named(tmp_path: Path) -> None:
    touch(tmp_path, "tai_chi/a.mp4", "tai_chee/b.mp4")
    listing = list_videos(tmp_path, LABELS)
    assert listed(tmp_path) == {"tai_chee/b.mp4": (), "tai_chi/a.mp4": (2,)}
    assert len(listing.warnings) == 1
    assert "'tai_chee'" in listing.warnings[0]


def test_one_file_is_a_set_of_one(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4")
    assert list_videos(tmp_path / "a.mp4", LABELS).videos == [Video(tmp_path / "a.mp4", "a.mp4")]


def test_a_list_gives_labels_and_what_is_accepted_besides(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4", "sub/b.mp4", "c.mp4")
    source = write_csv(
        tmp_path / "clips.csv",
        ("path", "label", "also_accepted", "licence"),
        ("a.mp4", "tai chi", "riding a bike | massaging_person_s_head", "MIT"),
        ("sub/b.mp4", "Riding a Bike", "", "MIT"),
        ("c.mp4", "", "", ""),
    )
    assert listed(source) == {"a.mp4": (2, 1, 0), "sub/b.mp4": (1,), "c.mp4": ()}
    assert [video.path for video in list_videos(source, LABELS).videos][1] == tmp_path / "sub/b.mp4"


def test_a_list_of_paths_alone_is_an_unlabelled_set(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4")
    assert listed(write_csv(tmp_path / "clips.csv", ("path",), ("a.mp4",))) == {"a.mp4": ()}


@pytest.mark.parametrize(
    ("header", "warned"),
    [(("path", "labels"), True), (("class", "path"), True), (("path", "label", "source"), False)],
)
def test_a_list_without_a_label_column_but_with_others_is_warned_of(
    tmp_path: Path, header: tuple[str, ...], warned: bool
) -> None:
    touch(tmp_path, "a.mp4")
    cells = tuple({"path": "a.mp4", "source": "x"}.get(name, "tai chi") for name in header)
    warnings = list_videos(write_csv(tmp_path / "clips.csv", header, cells), LABELS).warnings
    assert any("no column 'label'" in warning for warning in warnings) == warned


def test_a_list_written_by_a_spreadsheet_is_read(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4")
    (tmp_path / "clips.csv").write_bytes("path,label\r\na.mp4,tai chi\r\n".encode("utf-8-sig"))
    assert listed(tmp_path / "clips.csv") == {"a.mp4": (2,)}


def test_a_label_in_a_list_that_the_classifier_lacks_is_named(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4")
    source = write_csv(tmp_path / "clips.csv", ("path", "label"), ("a.mp4", "dancing"))
    listing = list_videos(source, LABELS)
    assert listing.videos[0].labels == ()
    assert "'dancing'" in listing.warnings[0]


def test_columns_are_found_by_name_whatever_their_spaces_and_capitals(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4", "b.mp4")
    told = {
        "path,label": "",
        "path, label": "' label' is read as 'label'",
        "Path,LABEL": "'Path' is read as 'path', 'LABEL' is read as 'label'",
        " path ,label ": "' path ' is read as 'path', 'label ' is read as 'label'",
        '"path", " label"': "' label' is read as 'label'",
    }
    for header, note in told.items():
        (tmp_path / "clips.csv").write_text(f'{header}\na.mp4, tai chi\nb.mp4, "riding, a bike"\n')
        assert listed(tmp_path / "clips.csv") == {"a.mp4": (2,), "b.mp4": (1,)}
        notes = list_videos(tmp_path / "clips.csv", LABELS).notes
        assert notes == ([f"{tmp_path / 'clips.csv'}: {note}"] if note else [])


def test_a_line_with_more_cells_than_columns_is_left_out_with_what_would_work(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4", "b.mp4")
    (tmp_path / "clips.csv").write_text("path,label\na.mp4,tai chi\nb.mp4,left, very slowly\n")
    found = list_videos(tmp_path / "clips.csv", LABELS)
    assert [one.name for one in found.videos] == ["a.mp4"]
    (place,) = found.unreadable
    assert place.name == "clips.csv, line 3"
    assert re.fullmatch(r'has 3 cells, .* names 2 columns; .* "left, very slowly"', place.reason)


def test_a_row_with_wrong_quotes_is_left_out_and_one_that_swallows_the_rest_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4", "b.mp4", "c.mp4")
    source = tmp_path / "clips.csv"
    source.write_text('path,label\na.mp4,tai chi\n"b.mp4"x,tai chi\nc.mp4,tai chi\n')
    found = list_videos(source, LABELS)
    assert [one.name for one in found.videos] == ["a.mp4", "c.mp4"]
    assert [one.name for one in found.unreadable] == ["clips.csv, line 3"]
    source.write_text('path,label\na.mp4,tai chi\n"b.mp4,tai chi\nc.mp4,tai chi\n')
    with pytest.raises(LsapError, match=r"is not a CSV list .*: a quote is opened in line 3 and never closed"):
        list_videos(source, LABELS)


def test_a_column_that_is_named_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "clips.csv").write_text("path,label,Label\na.mp4,tai chi,tai chi\n")
    with pytest.raises(LsapError, match=r"clips\.csv names the column 'label' twice"):
        list_videos(tmp_path / "clips.csv", LABELS)


def test_a_video_of_an_unknown_label_is_judged_by_what_is_accepted_besides_and_the_warning_says_so(
    tmp_path: Path,
) -> None:
    source = write_csv(
        tmp_path / "clips.csv",
        ("path", "label", "also_accepted"),
        ("a.mp4", "qigong", "tai chi"),
        ("b.mp4", "dancing", ""),
    )
    found = list_videos(source, LABELS)
    assert [video.labels for video in found.videos] == [(2,), ()]
    assert [warning.partition(": label ")[2] for warning in found.warnings] == [
        "'dancing' matches no label of the classifier: those videos have no label",
        "'qigong' matches no label of the classifier: those videos are judged by their lines' other labels",
    ]


TURNS = ["turn (left)", "turn: left!", "up"]


def test_an_exact_name_wins_over_another_label_with_the_same_slug(tmp_path: Path) -> None:
    touch(tmp_path, "turn (left)/a.mp4", "turn: left!/b.mp4", "UP/c.mp4")
    assert {video.name: video.labels for video in list_videos(tmp_path, TURNS).videos} == {
        "UP/c.mp4": (2,),
        "turn (left)/a.mp4": (0,),
        "turn: left!/b.mp4": (1,),
    }


def test_a_name_that_fits_two_labels_is_refused_and_both_are_named(tmp_path: Path) -> None:
    touch(tmp_path, "turn_left/a.mp4")
    source = write_csv(tmp_path / "clips.csv", ("path", "label"), ("turn_left/a.mp4", "turn_left"))
    for where in (tmp_path, source):
        with pytest.raises(LsapError, match=r"'turn_left' fits 2 labels .* 'turn \(left\)' .* 'turn: left!'"):
            list_videos(where, TURNS)


def test_time_and_memory_of_a_long_list_grow_with_its_length_not_faster(tmp_path: Path) -> None:
    def seconds(rows: int) -> float:
        source = write_csv(tmp_path / "clips.csv", ("path", "label"), *((f"{n}.mp4", "tai chi") for n in range(rows)))
        start = time.process_time()
        assert len(list_videos(source, LABELS).videos) == rows
        return time.process_time() - start

    seconds(100)
    assert seconds(16_000) < 16 * max(seconds(2_000), 0.005)


def test_a_listed_video_that_is_missing_stays_in_the_list_so_that_it_is_named_later(tmp_path: Path) -> None:
    source = write_csv(tmp_path / "clips.csv", ("path", "label"), ("gone.mp4", "tai chi"))
    assert listed(source) == {"gone.mp4": (2,)}


def test_a_blank_behind_a_path_is_not_a_part_of_it_unless_a_file_is_called_so(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4", "b.mp4 ")
    rows = (("a.mp4 ", "tai chi"), ("b.mp4 ", "tai chi"), ("gone.mp4\t ", "tai chi"))
    source = write_csv(tmp_path / "clips.csv", ("path", "label"), *rows)
    assert {*listed(source)} == {"a.mp4", "b.mp4 ", "gone.mp4"}
    assert list_videos(source, LABELS).missing == {"gone.mp4"}


def test_which_files_of_a_list_are_there_takes_one_look_at_each_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"{folder}/{number}.mp4" for folder in ("one", "two", "gone") for number in range(40)]
    touch(tmp_path, *names[:79])
    source = write_csv(tmp_path / "clips.csv", ("path",), *((name,) for name in names))
    scandir, looks = os.scandir, list[str]()

    def look(folder: str) -> Iterator[os.DirEntry[str]]:
        looks.append(folder)
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", look)
    assert list_videos(source, []).missing == {*names[79:]}
    assert sorted(looks) == [f"{tmp_path}/{folder}" for folder in ("gone", "one", "two")]


def test_of_a_folder_that_cannot_be_listed_no_file_counts_as_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_: str) -> None:
        raise PermissionError(13, "Permission denied")

    source = write_csv(tmp_path / "clips.csv", ("path",), ("a.mp4",))
    monkeypatch.setattr(os, "scandir", refused)
    assert not list_videos(source, []).missing


@pytest.mark.parametrize(
    "path",
    ["loop.mp4", "a\0b.mp4", "x" * 300 + ".mp4", "d/" * 3000 + "a.mp4", "folder.mp4"],
    ids=["loop", "null", "long", "deep", "folder"],
)
def test_a_path_that_no_file_can_have_is_refused_or_left_to_be_named_as_unreadable(tmp_path: Path, path: str) -> None:
    (tmp_path / "loop.mp4").symlink_to(tmp_path / "loop.mp4")
    (tmp_path / "folder.mp4").mkdir()
    source = write_csv(tmp_path / "clips.csv", ("path", "label"), (path, "tai chi"))
    with suppress(LsapError):
        (video,) = list_videos(source, LABELS).videos
        with pytest.raises(UnreadableVideo):
            read_frame_times(video.path)


@pytest.mark.parametrize("path", ["../a.mp4", "sub/../../a.mp4", "..\\a.mp4", "link.mp4", "folder/a.mp4", "{}/a.mp4"])
def test_a_list_may_name_files_anywhere(tmp_path: Path, path: str) -> None:
    root = tmp_path / "set"
    root.mkdir()
    touch(tmp_path, "a.mp4")
    (root / "link.mp4").symlink_to(tmp_path / "a.mp4")
    (root / "folder").symlink_to(tmp_path)
    source = write_csv(root / "clips.csv", ("path", "label"), (path.format(tmp_path), "tai chi"))
    (video,) = list_videos(source, LABELS).videos
    assert video.path.samefile(tmp_path / "a.mp4")
    assert ".." not in video.name
    assert not video.name.startswith("/")


def test_a_list_of_lines_without_a_path_is_refused_with_the_number_of_the_first(tmp_path: Path) -> None:
    source = write_csv(tmp_path / "clips.csv", ("path", "label"), ("", "tai chi"))
    with pytest.raises(LsapError, match=r"no video that can be read: clips\.csv, line 2 names no file"):
        list_videos(source, LABELS)


def test_a_video_that_is_listed_twice_is_used_once_and_named(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4")
    source = write_csv(tmp_path / "clips.csv", ("path", "label"), ("a.mp4", "tai chi"), ("./a.mp4", "tai chi"))
    found = list_videos(source, LABELS)
    assert [one.name for one in found.videos] == ["a.mp4"]
    assert [(one.name, one.reason) for one in found.unreadable] == [
        ("clips.csv, line 3", "names a.mp4, which an earlier line names, too")
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"file,label\na.mp4,tai chi\n", "has no column 'path'"),
        (b"", "is empty; its first line names the columns"),
        (b"path,label\n\xff\xfe.mp4,tai chi\n", "save it as UTF-8"),
        (b'path,label\n"a.mp4,tai chi\n', "is not a CSV list"),
        (b"path,label\n", "holds no video"),
    ],
    ids=["column", "empty", "bytes", "quote", "no rows"],
)
def test_a_list_that_is_none_is_refused_by_name(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "clips.csv").write_bytes(content)
    with pytest.raises(LsapError, match=r"clips\.csv") as caught:
        list_videos(tmp_path / "clips.csv", LABELS)
    assert message in str(caught.value)


def test_nothing_there_is_said_with_what_would_work(tmp_path: Path) -> None:
    with pytest.raises(LsapError, match="does not exist; give a folder of videos, a list of them, or FORMAT:PATH"):
        list_videos(tmp_path / "gone", LABELS)
    with pytest.raises(LsapError, match="holds no video"):
        list_videos(tmp_path, LABELS)


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("Biking/v_Biking_g01_c04.avi", "v_biking_g01"),
        ("v_HorseRiding_g12_c01.avi", "v_horseriding_g12"),
        ("V_YoYo_G25_C07.AVI", "v_yoyo_g25"),
        ("x/plain.mp4", "x/plain.mp4"),
        ("v_no_group.mp4", "v_no_group.mp4"),
    ],
)
def test_cuts_of_one_recording_share_a_group(name: str, group: str) -> None:
    assert Video(Path(name), name).group == group


def test_a_content_hash_is_the_files_sha256(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"video" * 50_000)
    assert content_hash(tmp_path / "a") == hashlib.sha256(b"video" * 50_000).hexdigest()


def test_what_cannot_be_read_has_no_hash(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")  # opening it would wait for ever
    assert [readable_hash(tmp_path / name) for name in ("pipe.mp4", "none.mp4")] == [None, None]


def test_a_folder_of_links_is_a_set_and_a_link_that_leads_nowhere_is_named(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4")
    (tmp_path / "tai_chi").mkdir()
    (tmp_path / "tai_chi" / "a.mp4").symlink_to(tmp_path / "a.mp4")
    (tmp_path / "tai_chi" / "gone.mp4").symlink_to(tmp_path / "gone.mp4")
    found = list_videos(tmp_path / "tai_chi", LABELS)
    assert ([video.name for video in found.videos], found.size) == (["a.mp4"], 2)
    assert [(place.name, place.reason) for place in found.unreadable] == [
        ("gone.mp4", "cannot be looked at (a link that leads nowhere)")
    ]


def test_places_that_cannot_be_looked_at_belong_to_the_set_and_are_named_by_a_run(tmp_path: Path) -> None:
    touch(tmp_path / "set", "a.mp4")
    os.mkfifo(tmp_path / "set" / "pipe.mp4")
    events: list[RunEvent] = []
    skipped: Skipped = []
    with Run(tmp_path / "run", "apply", {}, [events.append]) as run:
        for _ in range(2):  # a set is read for each model; a place is named once
            found = videos_of_run(tmp_path / "set", [], run, skipped)
    assert ([place.name for place in found.unreadable], found.size) == (["pipe.mp4"], 2)
    assert skipped == [{"path": "pipe.mp4", "reason": "it cannot be looked at (no regular file)"}]
    assert [event.path for event in events if isinstance(event, SkippedEvent)] == ["pipe.mp4"]


def test_a_set_of_which_nothing_can_be_looked_at_says_why(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    with pytest.raises(LsapError, match=r"no video that can be read: .*pipe\.mp4 cannot be looked at"):
        list_videos(tmp_path, [])
