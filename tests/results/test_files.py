"""Reading and writing results: nothing is lost, and what a stranger's file holds never raises."""

import json
import os
from pathlib import Path

import pytest

from lsap_cli.results.documents import DefendResults, GenerateResults, Protocol, SkippedVideo
from lsap_cli.results.event_lines import OtherEvent, decode_event
from lsap_cli.results.events import StepEvent, VideoEvent
from lsap_cli.results.files import (
    decode_line,
    encode_document,
    encode_line,
    open_regular,
    read_document,
    read_facts_document,
    read_regular,
    write_document,
)
from lsap_cli.results.manifest import ManifestEntry
from lsap_cli.results.rates import rate_of
from lsap_cli.results.records import Record
from lsap_cli.results.results_file import read_results
from lsap_cli.results.rows import Row
from lsap_cli.results.run_facts import RunFacts

ROW = Row(attack="none", defense="none", sampler="uniform", videos=3, clean_accuracy=rate_of(2, 3))
PROTOCOL = Protocol(classifier="demo", classes=2, videos=3, labelled=3, frames=16)


def test_a_document_is_read_as_it_was_written(tmp_path: Path) -> None:
    results = DefendResults(rows=(ROW,), protocol=PROTOCOL, skipped=(SkippedVideo(path="a", reason="b"),))
    write_document(tmp_path / "results.json", results)
    loaded = read_results(tmp_path / "results.json")
    assert loaded.value == results
    assert loaded.problems == ()


def test_numbers_that_json_does_not_have_become_null() -> None:
    step = StepEvent(number=1, loss=float("nan"), coherence=float("inf"), gradient=0.5)
    read = decode_event(encode_line(step))
    assert read == StepEvent(number=1, loss=None, coherence=None, gradient=0.5)


def test_a_name_that_is_not_utf_8_is_written_as_its_escape() -> None:
    line = encode_line(VideoEvent(path="a\udcff.mp4"))
    assert json.loads(line)["path"] == "a\\udcff.mp4"


def test_lines_of_version_0_1_with_half_characters_are_read() -> None:
    record = {"video": "a\udcff", "attack": "none", "defense": "none", "sampler": "uniform", "prediction": "x",
              "clean_prediction": "x", "changed": False}  # fmt: skip
    read = decode_line(json.dumps(record).encode(), Record)
    assert read is not None
    assert read.video == "a\\udcff"


def test_an_event_of_version_0_1_is_read_whatever_its_order_and_what_it_lacks() -> None:
    line = b'{"time": 1.5, "kind": "step", "number": 3, "loss": null, "fooled": 2, "clips": 4}'
    assert decode_event(line) == StepEvent(time=1.5, number=3, fooled=2, clips=4)


def test_an_event_of_an_unknown_kind_is_kept_with_its_fields() -> None:
    assert decode_event(b'{"kind": "later", "time": 2, "x": [1]}') == OtherEvent(
        kind="later", time=2, fields={"x": [1]}
    )


@pytest.mark.parametrize(
    "line",
    [
        b"", b"[]", b"{", b'"step"', b'{"kind": "video", "path": 3}', b'{"kind": "step", "number": -1}',
        b'{"kind": "step", "number": 1' + b"0" * 400 + b"}", b'{"kind": "video", "path": "a", "time": 1e999}',
        b"[" * 100_000, b'{"kind": 3}',
    ],
)  # fmt: skip
def test_a_damaged_event_is_none(line: bytes) -> None:
    assert decode_event(line) is None


def test_parts_of_a_document_that_cannot_be_are_left_out_and_named(tmp_path: Path) -> None:
    content = json.loads(encode_document(DefendResults(rows=(ROW,), protocol=PROTOCOL)))
    content["rows"] += [{"attack": "none"}, 7]
    content["protocol"]["classes"] = "many"
    (tmp_path / "results.json").write_text(json.dumps(content), encoding="utf-8")
    loaded = read_results(tmp_path / "results.json")
    assert loaded.value == DefendResults(rows=(ROW,))
    rows, protocol = loaded.problems
    assert rows == "results.json is damaged: 2 of 3 entries of `rows` cannot be used"
    assert protocol.startswith("results.json is damaged: `protocol` cannot be used (")


def test_a_document_that_lacks_what_it_must_have_is_none_and_says_what(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text('{"schema": "lsap.generate/1", "rows": []}', encoding="utf-8")
    loaded = read_document(tmp_path / "results.json", GenerateResults)
    assert loaded.value is None
    assert loaded.problems == ("results.json is damaged: `out` is missing",)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"{", "results.json is damaged: it is not whole JSON"),
        (b"[]", "results.json is damaged: it holds no JSON object"),
        (b"\xff\xfe", "results.json is not text"),
        (b'{"schema": "lsap.other/3"}', "results.json has no schema that is known"),
        (b'{"schema": [1]}', "results.json has no schema that is known"),
    ],
)
def test_a_file_that_is_no_document_is_named(tmp_path: Path, content: bytes, problem: str) -> None:
    (tmp_path / "results.json").write_bytes(content)
    assert read_results(tmp_path / "results.json").problems == (problem,)


def test_a_file_that_is_not_there_is_no_problem(tmp_path: Path) -> None:
    loaded = read_facts_document(tmp_path)
    assert loaded.value is None
    assert loaded.problems == ()


def test_only_regular_files_of_bounded_size_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "run.json")
    (problem,) = read_facts_document(tmp_path).problems
    assert problem == "run.json cannot be read (it is no regular file)"
    (tmp_path / "folder").mkdir()
    (tmp_path / "large").write_bytes(b"0" * 2048)
    for name, reason in (("folder", "no regular file"), ("large", "too large to be read here")):
        with pytest.raises(OSError, match=reason):
            read_regular(tmp_path / name, most_bytes=1024)


def test_a_link_is_followed_inside_of_its_folder_and_never_out_of_it(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "real").write_bytes(b"inside")
    (tmp_path / "secret").write_bytes(b"outside")
    (tmp_path / "run" / "link").symlink_to("real")
    (tmp_path / "run" / "out").symlink_to("../secret")
    (tmp_path / "run" / "pictures").symlink_to(tmp_path)
    assert read_regular(tmp_path / "run" / "link") == b"inside"
    for name in ("out", "pictures/secret", "../secret"):
        with pytest.raises(OSError, match="leads out of the folder"):
            open_regular(tmp_path / "run" / name, within=tmp_path / "run")
    with pytest.raises(OSError, match="leads out of the folder"):
        read_regular(tmp_path / "run" / "out")


def test_facts_of_a_run_are_read_with_whatever_their_settings_hold(tmp_path: Path) -> None:
    facts = RunFacts(command="apply", status="running", settings={"workers": 2, "deep": {"a": [1, None]}})
    write_document(tmp_path / "run.json", facts)
    assert read_facts_document(tmp_path).value == facts


@pytest.mark.parametrize("output", ["../out.mkv", "/etc/x.mkv", "a/../../b.mkv"])
def test_an_entry_of_a_manifest_cannot_name_a_file_outside_of_the_folder(output: str) -> None:
    entry = ManifestEntry(
        source="a.mp4", output="a.mkv", source_sha256="", output_sha256="", perturbation_sha256="", codec="ffv1",
        frames=1, height=1, width=1, linf=0, l2_rms=0, map=0,
    )  # fmt: skip
    line = encode_line(entry)
    assert decode_line(line, ManifestEntry) == entry
    assert decode_line(line.replace(b'"output":"a.mkv"', f'"output":"{output}"'.encode()), ManifestEntry) is None
