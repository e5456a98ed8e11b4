"""Every format keeps one contract: a bare path is taken for it, names are paths inside the set, labels are classes."""

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from lsap_cli.datasets.formats import FORMATS, about_formats
from lsap_cli.datasets.listing import list_videos
from lsap_cli.set_sources import SetSource
from lsap_cli.video.reading import read_header
from tests.tiny import make_bytes, write_tiny

LABELS = ["tai chi", "yoga"]
Add = Callable[[str], None]  # puts a tiny video below the set's folder


def ucf101(root: Path, add: Add) -> Path:
    add("tai_chi/v_a_g01_c01.avi")
    add("yoga/v_b_g02_c01.avi")
    return written(root / "testlist01.txt", "tai_chi/v_a_g01_c01.avi\r\nyoga/v_b_g02_c01.avi\r\n")


def hmdb51(root: Path, add: Add) -> Path:
    for name, label in (("a!#&()+;@[x]_1.avi", "tai_chi"), ("b.avi", "yoga")):
        add(f"videos/{label}/{name}")
        written(root / "splits" / f"{label}_test_split1.txt", f"{name} 2 \nother.avi 0 \ntrained.avi 1 \n")
    return root / "splits"


def kinetics(root: Path, add: Add) -> Path:
    add("tai_chi/-abc_000012_000022.mp4")
    add("d_f.mp4")
    lines = ["label,youtube_id,time_start,time_end,split", "tai chi,-abc,12,22,val", '"yoga",d_f,0,10,val']
    return written(root / "val.csv", "\n".join(lines) + "\n")


def ssv2(root: Path, add: Add) -> Path:
    add("1.webm")
    add("22.webm")
    rows = [{"id": "1", "label": "x", "template": "[tai] chi"}, {"id": "22", "label": "x", "template": "Yoga"}]
    return written(root / "validation.json", json.dumps(rows))


def diving48(root: Path, add: Add) -> Path:
    add("rgb/One_0001.mp4")
    add("rgb/Two_0001.mp4")
    written(root / "Diving48_vocab.json", json.dumps([["tai", "chi"], ["yoga"]]))
    rows = [{"vid_name": name, "label": label, "start_frame": 0, "end_frame": 9} for name, label in VIDEOS_OF_DIVING]
    return written(root / "Diving48_V2_test.json", json.dumps(rows))


VIDEOS_OF_DIVING = (("One_0001", 0), ("Two_0001", 1))


def jester(root: Path, add: Add) -> Path:
    pictures(root / "20bn-jester-v1" / "1")
    pictures(root / "20bn-jester-v1" / "2")
    return written(root / "jester-v1-validation.csv", "1;Tai Chi\n2;Yoga\n")


def charades(root: Path, add: Add) -> Path:
    for name in ("AAAAA", "BBBBB", "CCCCC"):
        add(f"Charades_v1_480/{name}.mp4")
    written(root / "Charades_v1_classes.txt", "c000 Tai chi\nc001 Yoga\n")
    lines = [
        "id,subject,actions,length",
        "AAAAA,S1,c000 0.00 9.00;c001 1.00 3.00,10",
        "BBBBB,S2,c001 0.00 9.00,10",
        '"CCCCC",S2,c001 0.00 4.00;c000 0.00 4.00,10',
    ]
    return written(root / "Charades_v1_test.csv", "\n".join(lines) + "\n")


def hf_folder(root: Path, add: Add) -> Path:
    add("test/a.mp4")
    add("train/b.mp4")
    written(root / "test" / "metadata.jsonl", '{"file_name": "a.mp4", "label": "tai chi"}\n')
    written(root / "train" / "metadata.csv", "file_name,label\nb.mp4,yoga\n")
    return root


def webdataset(root: Path, add: Add) -> Path:
    add("one.mp4")
    video = (root / "one.mp4").read_bytes()
    (root / "one.mp4").unlink()
    with tarfile.open(root / "shard-000.tar", "w") as shard:
        for name, content in (
            ("./a.mp4", video),
            ("a.cls", b"0\n"),
            ("b.mp4", video),
            ("b.json", b'{"label": "yoga"}'),
        ):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            shard.addfile(member, io.BytesIO(content))
    return root


def json_list(root: Path, add: Add) -> Path:
    add("a.mp4")
    add("b.mp4")
    rows = {"a.mp4": {"label": "TAI_CHI", "split": "train"}, "b.mp4": {"label": "YOGA", "split": "train"}}
    written(root / "metadata.json", json.dumps(rows))
    return root


def csv_list(root: Path, add: Add) -> Path:
    add("a.mp4")
    add("b.mp4")
    return written(root / "list.csv", "path,label\na.mp4,tai chi\nb.mp4,yoga\n")


def path_list(root: Path, add: Add) -> Path:
    add("a.mp4")
    add("b.mp4")
    return written(root / "val.txt", "a.mp4 0\nb.mp4 1\n")


def frames(root: Path, add: Add) -> Path:
    pictures(root / "tai_chi" / "a")
    pictures(root / "yoga" / "b")
    return root


def folder(root: Path, add: Add) -> Path:
    add("tai_chi/a.mp4")
    add("yoga/b.mp4")
    return root


def single(root: Path, add: Add) -> Path:
    add("a.mp4")
    return root / "a.mp4"


EXAMPLES: dict[str, Callable[[Path, Add], Path]] = {
    "ucf101": ucf101,
    "hmdb51": hmdb51,
    "kinetics": kinetics,
    "ssv2": ssv2,
    "diving48": diving48,
    "jester": jester,
    "charades": charades,
    "hf-folder": hf_folder,
    "webdataset": webdataset,
    "json": json_list,
    "csv": csv_list,
    "list": path_list,
    "frames": frames,
    "folder": folder,
    "file": single,
}


def written(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())
    return path


def pictures(path: Path) -> None:
    path.mkdir(parents=True)
    for number in (1, 2):
        Image.new("RGB", (4, 2)).save(path / f"{number:05d}.png")


@pytest.fixture(scope="module")
def tiny_video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny(tmp_path_factory.mktemp("video") / "a.mkv", make_bytes(2))


def test_every_format_has_an_example_and_a_sentence() -> None:
    assert list(EXAMPLES) == list(FORMATS)
    assert all(about.endswith(".") for _, about in about_formats())


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_format_is_found_read_and_labelled(name: str, tmp_path: Path, tiny_video: Path) -> None:
    def add(where: str) -> None:
        (tmp_path / where).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / where).hardlink_to(tiny_video)

    path = EXAMPLES[name](tmp_path, add)
    bare = list_videos(path, LABELS)
    assert bare.format == name
    assert [video.labels for video in bare.videos] == ([()] if name == "file" else [(0,), (1,)])
    assert bare.videos == list_videos(SetSource.parse(f"{name}:{path}"), LABELS).videos
    names = [video.name for video in bare.videos]
    assert len(set(names)) == len(names)
    assert not any(one.startswith("/") or ".." in Path(one).parts for one in names)
    assert all(read_header(video.media).width for video in bare.videos)
    assert bool(bare.notes) == (name not in ("csv", "folder", "file")) or name == "file"
    assert [place.name for place in bare.unreadable] == (["Charades_v1_test.csv, line 4"] if name == "charades" else [])
