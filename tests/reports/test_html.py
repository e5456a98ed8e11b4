import io
import json
import re
import struct
import zlib
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from lsap_cli.errors import LsapError
from lsap_cli.reports import run_pictures
from lsap_cli.reports.html import environment, write_report
from lsap_cli.reports.run_pictures import LARGEST_PICTURE
from lsap_cli.results.documents import DefendResults
from lsap_cli.results.files import LONGEST_LINE, write_document
from lsap_cli.results.run_facts import RunFacts
from tests.reports.fake_run import HOSTILE, make_results, write_run

VOID = {"meta", "img", "br", "link", "hr", "input", "wbr"}


class Page(HTMLParser):
    """A page taken apart: unbalanced tags, attributes and visible text."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.unbalanced: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.unbalanced.append(tag)

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", "".join(self.words))


def report(run: Path) -> tuple[str, Page]:
    text = write_report(run).read_text(encoding="utf-8")
    return text, Page(text)


def changed(run: Path, name: str, **values: Any) -> None:
    content = json.loads((run / name).read_text(encoding="utf-8"))
    (run / name).write_text(json.dumps(content | values), encoding="utf-8")


VARIATIONS: list[dict[str, Any]] = [
    {},
    {"labelled": False},
    {"target": "tai_chi"},
    {"samplers": ("uniform", "dense:stride=2", "random"), "overlap": (HOSTILE,)},
    {"attacks": ("none", "noise", "one", "two", HOSTILE)},
    {"attacks": ("none",), "defenses": ("none",)},
    {"defenses": ("none", HOSTILE), "samplers": (HOSTILE,), "target": HOSTILE},
    {"pictures": False},
]


@pytest.mark.parametrize("variation", VARIATIONS)
def test_the_page_is_well_formed_and_needs_nothing_outside_itself(tmp_path: Path, variation: dict[str, Any]) -> None:
    text, page = report(write_run(tmp_path / "run", **variation))
    assert page.unbalanced == []
    assert page.open == []
    assert "://" not in text
    assert "script" not in page.tags
    assert "link" not in page.tags
    assert "@import" not in text
    for _, name, value in page.attributes:
        assert not name.startswith("on")
        if name in ("src", "href"):
            assert value.startswith(("data:image/", "#"))
    ids = [value for _, name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))


def test_hostile_names_are_shown_and_not_interpreted(tmp_path: Path) -> None:
    text, page = report(write_run(tmp_path / "run", overlap=(HOSTILE,)))
    assert "<script" not in text
    assert "\u202e" not in text
    assert page.text.count('<script>alert("x")</script>&\\u202egpm.4.mp4\\n\\udcff') >= 4


@pytest.mark.parametrize("variation", VARIATIONS[:4])
def test_every_rate_of_every_row_stands_in_the_page_with_count_and_interval(
    tmp_path: Path, variation: dict[str, Any]
) -> None:
    run = write_run(tmp_path / "run", **variation)
    _, page = report(run)
    rows = json.loads((run / "results.json").read_text(encoding="utf-8"))["rows"]
    table = page.text[page.text.rindex("Every rate") : page.text.rindex("What was added")]
    expected = [
        f"{rate['value']:.2f} {rate['count']}/{rate['of']} {rate['low']:.2f}–{rate['high']:.2f}"
        for row in rows
        for rate in (row["attacked_accuracy"], row["fooling_rate"], row["success_rate"])
        if rate
    ]
    for rate in set(expected):
        assert table.count(rate) >= expected.count(rate)


def test_skipped_files_and_their_reasons_are_listed(tmp_path: Path) -> None:
    _, page = report(write_run(tmp_path / "run"))
    assert "2 files were left out" in page.text
    assert "moov atom not found" in page.text


def test_videos_that_are_missing_from_one_measurement_alone_are_told_apart(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    changed(run, "results.json", protocol=json.loads((run / "results.json").read_text())["protocol"] | {"listed": 13})
    _, page = report(run)
    assert "no rate counts 1 of them, the others are missing from the measurement that the reason names" in page.text


def test_a_set_that_shrank_is_told_beside_the_number_of_its_videos(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    changed(run, "results.json", protocol=json.loads((run / "results.json").read_text())["protocol"] | {"listed": 15})
    _, page = report(run)
    assert "12 videos (3 of 15 videos were left out)" in page.text
    assert "3 of 15 videos were left out: no rate counts them." in page.text


def test_a_waived_overlap_is_said_before_any_number(tmp_path: Path) -> None:
    _, page = report(write_run(tmp_path / "run", overlap=("clip_001.mp4",)))
    assert page.text.index("Not a test on unseen videos") < page.text.index("changed the prediction")
    assert "clip_001.mp4" in page.text


def test_a_run_without_overlap_has_no_warning(tmp_path: Path) -> None:
    _, page = report(write_run(tmp_path / "run"))
    assert ("div", "class", "warn") not in page.attributes
    assert "()" not in page.text


def test_files_that_exceed_the_budget_are_called_out(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    changed(run, "results.json", effective={"linf": 19.0, "l2_rms": 7.0, "map": 6.0})
    assert "The files exceed the budget" in report(run)[1].text


def test_a_missing_noise_control_is_called_out(tmp_path: Path) -> None:
    _, page = report(write_run(tmp_path / "run", attacks=("none", "universal")))
    assert "No noise control" in page.text


def test_the_page_warns_that_no_attack_is_adaptive_unless_one_is(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    assert "No attack of this run is adaptive" in report(run)[1].text
    changed(run, "results.json", ladder=[{"defense": "none", "rungs": [], "robust": [], "missing": []}])
    assert "No attack of this run is adaptive" not in report(run)[1].text


def test_pictures_are_embedded_with_the_scale_that_they_were_made_with(tmp_path: Path) -> None:
    _, page = report(write_run(tmp_path / "run"))
    sources = [value for tag, name, value in page.attributes if (tag, name) == ("img", "src")]
    assert len(sources) == 1 + 2 * 3
    assert "−8 and +8 levels of 255" in page.text
    assert "difference × 15" in page.text


def test_missing_pictures_become_a_sentence(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    (run / "pictures/perturbation.png").unlink()
    (run / "pictures/0_after.png").write_text("no picture")
    _, page = report(run)
    assert "There is no picture of the perturbation" in page.text
    assert "The pictures of this frame are missing" in page.text


def test_a_picture_outside_the_run_folder_is_not_embedded(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    (tmp_path / "secret.png").write_bytes((run / "pictures/perturbation.png").read_bytes())
    changed(run, "results.json", pictures={"perturbation": "../secret.png", "frames": []})
    assert "data:image" not in report(run)[0]


def test_a_run_that_has_only_rows_is_reported(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    write_document(run / "run.json", RunFacts(command="defend", status="done"))
    write_document(run / "results.json", DefendResults(rows=make_results()[0].rows))
    _, page = report(run)
    assert "8 of 12" in page.text
    assert "How much was added was not measured" in page.text


def test_a_run_without_rows_says_that_nothing_was_measured(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    changed(run, "results.json", rows=[])
    assert "Nothing was measured" in report(run)[1].text


def test_the_page_is_the_same_when_it_is_written_again(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    assert report(run)[0] == report(run)[0]
    assert [path.name for path in run.iterdir() if "partial" in path.name] == []


def test_the_page_and_its_tables_can_be_written_elsewhere(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    before = sorted(path.name for path in run.rglob("*"))
    page = write_report(run, tmp_path / "page.html")
    assert "<html" in page.read_text(encoding="utf-8")
    assert list((tmp_path / "tables").glob("*.csv"))
    assert sorted(path.name for path in run.rglob("*")) == before


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ({"command": "generate"}, "holds a run of generate"),
        ({"status": "running"}, "is running, not done"),
        ({"status": "failed"}, "is failed, not done"),
    ],
)
def test_only_a_finished_defend_run_has_a_report(tmp_path: Path, facts: dict[str, str], sentence: str) -> None:
    run = write_run(tmp_path / "run", pictures=False)
    changed(run, "run.json", **facts)
    with pytest.raises(LsapError, match=sentence):
        write_report(run)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("run.json", None, "not a run folder"),
        ("results.json", None, "has no results.json"),
        ("results.json", "{", "is not whole JSON"),
        ("results.json", "[]", "holds no JSON object"),
        ("results.json", '{"schema": "lsap.results/9"}', "no schema that is known"),
        (
            "results.json",
            '{"schema": "lsap.results/1", "rows": [{"attack": "none"}]}',
            "1 of 1 entries of `rows` cannot be used",
        ),
        ("records.jsonl", "{broken\n", "is damaged in line 1"),
    ],
)
def test_a_broken_run_folder_is_refused_in_one_sentence(
    tmp_path: Path, name: str, content: str | None, sentence: str
) -> None:
    run = write_run(tmp_path / "run", pictures=False)
    (run / name).unlink()
    if content is not None:
        (run / name).write_text(content, encoding="utf-8")
    with pytest.raises(LsapError, match=sentence):
        write_report(run)
    assert not (run / "report.html").exists()


def claims(width: int, height: int) -> bytes:
    """A small PNG whose header claims another size."""
    file = io.BytesIO()
    Image.new("L", (2, 2)).save(file, "png")
    head = b"IHDR" + struct.pack(">II", width, height) + file.getvalue()[24:29]
    return file.getvalue()[:12] + head + struct.pack(">I", zlib.crc32(head)) + file.getvalue()[33:]


def test_pictures_that_cannot_be_on_the_page_are_named(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    sentences: list[str] = []
    write_report(run, say=sentences.append)
    assert sentences == []
    for name, what in {
        "perturbation.png": claims(9000, 9000),
        "0_before.png": claims(2**31 - 1, 2**31 - 1),
        "0_after.png": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    }.items():
        (run / "pictures" / name).write_bytes(what)
    with (run / "pictures/0_difference.png").open("r+b") as file:
        file.truncate(LARGEST_PICTURE + 1)
    page = write_report(run, say=sentences.append).read_text(encoding="utf-8")
    assert page.count("data:image") == 3
    assert sentences == [
        "4 of the run's pictures are not on the page: pictures/perturbation.png (it claims 9000 x 9000 pixels, and 67 "
        "million are the most); pictures/0_before.png (it claims more pixels than are believed); pictures/0_after.png "
        "(it is no PNG, JPEG or WebP picture), and 1 more"
    ]


def test_a_link_for_the_folder_of_pictures_is_not_followed(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    (run / "pictures").rename(tmp_path / "elsewhere")
    (run / "pictures").symlink_to(tmp_path / "elsewhere")
    sentences: list[str] = []
    assert "data:image" not in write_report(run, say=sentences.append).read_text(encoding="utf-8")
    assert "pictures/perturbation.png (it is a link that leads out of the folder)" in sentences[0]


def test_all_pictures_of_a_page_have_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = write_run(tmp_path / "run")
    size = (run / "pictures/perturbation.png").stat().st_size
    monkeypatch.setattr(run_pictures, "LARGEST_SUM", size + 1)
    sentences: list[str] = []
    assert write_report(run, say=sentences.append).read_text(encoding="utf-8").count("data:image") == 1
    assert "6 of the run's pictures are not on the page" in sentences[0]


def test_records_elsewhere_or_without_an_end_of_line_are_not_read(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    records = run / "records.jsonl"
    records.rename(tmp_path / "records.jsonl")
    records.symlink_to(tmp_path / "records.jsonl")
    with pytest.raises(LsapError, match=r"records\.jsonl cannot be read \(it is a link that leads out of the folder\)"):
        write_report(run)
    records.unlink()
    records.write_bytes(bytes(LONGEST_LINE + 10))
    with pytest.raises(LsapError, match="damaged in line 1"):
        write_report(run)


def test_every_section_has_an_anchor_and_stands_in_the_contents(tmp_path: Path) -> None:
    page = write_report(write_run(tmp_path / "run")).read_text(encoding="utf-8")
    contents = page.partition('<ul class="contents">')[2].partition("</ul>")[0]
    named = re.findall(r'href="#([^"]+)"', contents)
    assert len(named) == len(set(named)) == page.count("<h2")
    for name in named:
        assert page.count(f'id="{name}"') == 1


def test_plots_are_files_too_and_the_same_each_time(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    write_report(run)
    first = {path.name: path.read_bytes() for path in (run / "figures").iterdir()}
    assert {"accuracy-uniform.svg", "accuracy-uniform.pdf"} <= set(first)
    assert all(content.startswith(b"%PDF" if name.endswith("pdf") else b"<?xml") for name, content in first.items())
    write_report(run)
    assert {path.name: path.read_bytes() for path in (run / "figures").iterdir()} == first


def test_plots_are_not_written_through_a_link(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    (tmp_path / "elsewhere").mkdir()
    (run / "figures").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(LsapError, match="is a link"):
        write_report(run)
    assert not list((tmp_path / "elsewhere").iterdir())


def test_the_command_line_stands_on_the_page_as_a_shell_takes_it(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    about = json.loads((run / "run.json").read_text(encoding="utf-8"))
    about["command_line"] = ["lsap", "defend", "my videos", "--defense", "jpeg + bit-depth"]
    (run / "run.json").write_text(json.dumps(about), encoding="utf-8")
    page = write_report(run).read_text(encoding="utf-8")
    assert "lsap defend &#39;my videos&#39; --defense &#39;jpeg + bit-depth&#39;</pre>" in page


def test_a_name_goes_on_in_a_new_line_behind_its_marks_and_short_words_are_never_torn() -> None:
    text = (
        environment()
        .from_string(
            '{% from "macros.html" import cell_of with context %}{% for cell in cells %}{{ cell_of(cell) }}{% endfor %}'
        )
        .render(cells=["uniform", "dense:stride=2", "64/255", "a&b/<c>.mp4", "0123456789abcdef"])
    )
    assert re.findall("<td[^>]*>.*?</td>", text) == [
        '<td class="short"><bdi>uniform</bdi></td>',
        '<td class="short"><bdi>dense:<wbr>stride=2</bdi></td>',
        '<td class="short"><bdi>64/255</bdi></td>',
        '<td class="short"><bdi>a&amp;b/<wbr>&lt;c&gt;.mp4</bdi></td>',
        '<td class="long"><bdi>0123456789abcdef</bdi></td>',
    ]
    template = environment().loader
    assert template is not None
    style = template.get_source(environment(), "page.css")[0]
    assert ".grid bdi { overflow-wrap: break-word; }" in style  # "anywhere" would let a table tear each word
