"""The documentation site: its pages are in the navigation, its links lead somewhere, its reference is whole."""

import json
from pathlib import Path

import pytest
import yaml

from docs.site.checking import problems
from docs.site.reference import PACKAGES, commands_page, documented, names_page
from docs.site.staging import FROM_ROOT, places, stage
from lsap_cli.known_parts import LIST_KINDS, known_names

ROOT = Path(__file__).parents[1]
CONFIG = ROOT / "mkdocs.yml"


def named(entries: list[object]) -> list[str]:
    """Every page that a part of the navigation names."""
    found = []
    for entry in entries:
        for value in entry.values() if isinstance(entry, dict) else [entry]:
            found += named(value) if isinstance(value, list) else [str(value)]
    return found


def test_every_page_is_in_the_navigation_and_the_other_way_round() -> None:
    pages = {place.as_posix() for place in places(ROOT).values() if place.suffix == ".md"}
    made = {f"reference/{name.replace('.', '-')}.md" for name in PACKAGES} | {
        "reference/commands.md",
        "reference/names.md",
    }
    navigation = named(yaml.safe_load(CONFIG.read_text(encoding="utf-8"))["nav"])
    assert sorted(navigation) == sorted(pages | made)


def test_pages_are_staged_with_links_that_lead_to_staged_pages(tmp_path: Path) -> None:
    pages = stage(ROOT, tmp_path / "site")
    contributing = (tmp_path / "site" / "contributing.md").read_text(encoding="utf-8")
    assert "](benchmarks.md)" in contributing
    assert "](../contributing.md#adding-a-part)" not in contributing
    assert "](contributing.md#adding-a-part)" in (tmp_path / "site" / "python.md").read_text(encoding="utf-8")
    assert tmp_path / "site" / "notebooks" / "first-attack.md" in pages


def test_a_link_to_a_file_that_the_site_lacks_is_refused(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "docs" / "a.md").write_text("[one](../pyproject.toml) and `[code](../pyproject.toml)`\n")
    (tmp_path / "benchmarks" / "peers").mkdir(parents=True)
    for name in FROM_ROOT:
        (tmp_path / name).touch()
    with pytest.raises(ValueError, match=r"docs/a.md links to ../pyproject.toml"):
        stage(tmp_path, tmp_path / "out")


def test_the_reference_names_every_part_and_every_command() -> None:
    text = names_page()
    for kind in LIST_KINDS:
        assert all(f"| `{name}` |" in text for name in known_names(kind)), kind
    commands = commands_page()
    for heading in ("## lsap generate", "## lsap models check", "## lsap datasets show", "| `--epsilon`, `-e` |"):
        assert heading in commands


def test_the_reference_of_a_package_has_all_of_its_classes_and_functions() -> None:
    assert "perturbations.perturbation.Perturbation" in documented("perturbations")
    assert len(documented("defenses")) > 25


def test_dead_links_missing_places_and_addresses_outside_are_told(tmp_path: Path) -> None:
    (tmp_path / "b.html").write_text('<h1 id="here">b</h1>')
    (tmp_path / "a.html").write_text(
        '<a href="b.html#here">1</a> <a href="b.html#there">2</a> <a href="c.html">3</a>'
        '<a href="https://example.org">4</a> <script src="https://example.org/a.js"></script><img src="p.png">'
    )
    assert list(problems(tmp_path)) == [
        "a.html loads https://example.org/a.js",
        "a.html links to b.html#there, where there is no such place",
        "a.html links to c.html, which is not there",
        "a.html links to p.png, which is not there",
    ]


@pytest.mark.slow
def test_the_cells_of_the_notebook_run_in_their_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    monkeypatch.chdir(tmp_path)
    cells = json.loads((ROOT / "docs" / "notebooks" / "first-attack.ipynb").read_text(encoding="utf-8"))["cells"]
    notebook: dict[str, object] = {"__name__": "notebook"}
    for cell in cells:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), cell["id"], "exec"), notebook)
    printed = capsys.readouterr().out
    assert "clean accuracy 0.9" in printed or "clean accuracy 1.00" in printed
    assert (tmp_path / "notebook.safetensors").exists()


def test_the_notebook_is_committed_without_outputs() -> None:
    for path in (ROOT / "docs" / "notebooks").glob("*.ipynb"):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells)
        assert len({cell["id"] for cell in cells}) == len(cells)
