"""The tables of docs/file-formats.md are those that the classes make."""

import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import msgspec
import pytest

import lsap_cli.results
from lsap_cli.results.base import Result
from lsap_cli.results.documents import RunResults
from lsap_cli.results.events import Event, RunEvent
from lsap_cli.results.tables import FIELDS, main, meanings, updated

for module in pkgutil.iter_modules(lsap_cli.results.__path__, "lsap_cli.results."):
    importlib.import_module(module.name)  # so that every class is known, whichever test ran before

DOCUMENT = Path(__file__).parents[2] / "docs" / "file-formats.md"


def every_class(base: type[Result] = Result) -> Iterator[type[Result]]:
    for kind in base.__subclasses__():
        yield kind
        yield from every_class(kind)


def test_the_tables_in_the_document_are_made_from_the_classes() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert updated(text) == text, "run python -m lsap_cli.results.tables docs/file-formats.md"


def test_every_class_that_is_in_a_file_has_a_table() -> None:
    shown = {name.rpartition(".")[2] for _, name, _ in FIELDS.findall(DOCUMENT.read_text(encoding="utf-8"))}
    # bases, and values that no file holds
    inner = {"RunEvent", "AttackRung", "OtherEvent", "TrainingFacts", "PairedDifference"}
    kinds = [kind for kind in every_class() if kind.__module__.startswith("lsap_cli.results.")]  # what runs write
    expected = {kind.__name__ for kind in kinds if not issubclass(kind, RunEvent)} - inner
    assert expected - shown == set()
    assert {kind.__name__ for kind in get_args(RunResults)} <= shown
    assert "Event" in shown


@pytest.mark.parametrize("kind", sorted(every_class(), key=str))
def test_every_field_is_described(kind: type[Result]) -> None:
    texts = meanings(kind)
    assert [field.name for field in msgspec.structs.fields(kind) if not texts.get(field.name)] == []


def test_a_table_that_differs_is_found_and_written_anew(tmp_path: Path) -> None:
    path = tmp_path / "formats.md"
    path.write_text("before\n<!-- fields of rates.Rate -->\nold\n<!-- end of fields -->\nafter\n", encoding="utf-8")
    assert main(["--check", str(path)]) == 1
    assert "old" in path.read_text(encoding="utf-8")
    assert main([str(path)]) == 0
    text = path.read_text(encoding="utf-8")
    assert text.startswith("before\n")
    assert text.endswith("<!-- end of fields -->\nafter\n")
    assert "| `count` | whole number | videos that have the property. |" in text
    assert main(["--check", str(path)]) == 0


def test_all_kinds_of_events_differ() -> None:
    kinds = [kind.__struct_config__.tag for kind in get_args(Event)]
    assert len(set(kinds)) == len(kinds)
