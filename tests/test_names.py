"""One name, one meaning: no two public classes or functions of the packages are called the same."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("lsap_cli", "perturbations", "defenses", "lsap_common")
ENTRIES = {"command", "main"}  # each file of the command line has one; a module that can be run has the other


def public_names() -> Iterator[tuple[str, str]]:
    """Every public class and function, and the file that it is in."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.parse(path.read_text(encoding="utf-8")).body:
                if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
                    yield node.name, path.relative_to(ROOT).as_posix()


def test_no_two_public_classes_or_functions_share_a_name() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for name, path in public_names():
        places[name].append(path)
    assert len(places) > 300
    assert {name: paths for name, paths in places.items() if len(paths) > 1 and name not in ENTRIES} == {}
