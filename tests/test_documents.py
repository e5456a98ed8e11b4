"""The tables of the documents name what the tables of the code name."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from defenses import DEFENSES
from defenses.certify import SMOOTHINGS
from defenses.detectors import DETECTORS
from lsap_cli import plugins
from lsap_cli.classifiers import InputFormat, ModelCard, OutputFormat, SamplingFormat
from lsap_cli.classifiers.formats import ServiceFormat
from lsap_cli.specs import describe
from lsap_cli.video.codecs import CODECS
from perturbations.attacks import ATTACKS
from perturbations.samplers import SAMPLERS

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def tables(page: Path) -> Iterator[tuple[list[str], list[list[str]]]]:
    """The tables of a page: header and rows, as cells."""
    block: list[list[str]] = []
    for line in [*page.read_text(encoding="utf-8").splitlines(), ""]:
        if line.startswith("|"):
            block.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("| "))])
        elif block:
            yield block[0], block[2:]
            block = []


def names_in(cell: str) -> list[str]:
    """`h265:crf=20`, `vp9` -> h265, vp9."""
    return [spec.partition(":")[0] for spec in re.findall(r"`([^`]+)`", cell)]


def first_names(page: Path, *header: str) -> list[list[str]]:
    """For each table of a page with this header: the names in its first column."""
    return [
        [name for row in rows for name in names_in(row[0])]
        for cells, rows in tables(page)
        if tuple(cells[: len(header)]) == header
    ]


@pytest.mark.parametrize(
    ("header", "names"),
    [
        ("sampler", tuple(SAMPLERS)),
        ("binding", plugins.binding_names()),
        ("codec", tuple(CODECS)),
        ("format of a set", plugins.set_format_names()),
    ],
    ids=["samplers", "bindings", "codecs", "formats"],
)
def test_a_table_of_names_is_somewhere_and_is_whole_wherever_it_is(header: str, names: Sequence[str]) -> None:
    found = [table for page in PAGES for table in first_names(page, header)]
    assert found
    for table in found:
        assert set(table) == set(names)


def test_the_tables_of_defenses_smoothings_and_detectors_are_whole_and_in_order() -> None:
    found = first_names(ROOT / "docs" / "defenses.md", "name", "settings and defaults")
    assert found == [list(DEFENSES), list(SMOOTHINGS), list(DETECTORS)]


def test_the_table_of_attacks_is_whole_and_in_order() -> None:
    assert first_names(ROOT / "docs" / "attacks.md", "name", "what it does") == [list(ATTACKS)]


def test_the_readme_names_every_attack() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    paragraph = readme[readme.index("`generate --attack` takes") :].partition("\n\n")[0]
    assert set(re.findall(r"`([a-z0-9-]+)`", paragraph)) == set(ATTACKS)


def test_the_settings_in_the_documents_are_the_defaults() -> None:
    specs = {
        **dict(zip(DEFENSES, describe(DEFENSES), strict=True)),
        **dict(zip(DETECTORS, describe(DETECTORS), strict=True)),
    }
    for cells, rows in tables(ROOT / "docs" / "defenses.md"):
        if cells[:2] == ["name", "settings and defaults"]:
            for row in rows:
                (name,) = names_in(row[0])
                written = re.match(r"`([^`]*)`", row[1])
                if name in specs:
                    assert (written.group(1).replace("\\|", "|") if written else "") == specs[name].partition(":")[2]


def test_the_fields_of_a_model_card_are_those_of_its_classes() -> None:
    found = first_names(ROOT / "docs" / "model-card.md", "field")
    expected = [ModelCard, InputFormat, SamplingFormat, OutputFormat, ServiceFormat]
    tables_of_card = {"input", "sampling", "output", "service"}
    assert [set(table) for table in found] == [set(kind.__struct_fields__) - tables_of_card for kind in expected]


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"], ids=lambda page: page.name)
def test_running_text_has_no_line_over_120_characters(page: Path) -> None:
    lines = page.read_text(encoding="utf-8").splitlines()
    long = [number for number, line in enumerate(lines, 1) if len(line) > 120 and not line.startswith(("|", "!["))]
    assert not long
