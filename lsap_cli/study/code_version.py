"""The version of the code that cells depend on: a hash of what its files do, without comments and docstrings."""

import ast
import gc
import hashlib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
MATTERS = (
    "perturbations", "defenses", "lsap_common", "lsap_cli/adaptive", "lsap_cli/applying", "lsap_cli/classifiers",
    "lsap_cli/datasets", "lsap_cli/demo", "lsap_cli/evaluation", "lsap_cli/learning", "lsap_cli/video",
    "lsap_cli/jobs", "lsap_cli/specs.py", "lsap_cli/spec_text.py", "lsap_cli/plugins.py", "lsap_cli/hashing.py",
)  # fmt: skip
"""Packages and files whose code decides what a cell finds: no screens, no reports, no writing of runs."""
NOT_OF_CELLS = (
    "generate", "generate_cluster", "generate_results", "apply", "train", "harden", "harden_judging", "demo", "predict",
    "parts_table", "show_set", "transfer", "defend_estimate", "clusters", "study", "study_estimate", "study_results",
)  # fmt: skip
"""Modules of `lsap_cli/jobs` that no cell goes through."""
WITH_DOCSTRINGS = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


@lru_cache(maxsize=1)
def code_version() -> str:
    """SHA-256 over all of these files, in hexadecimal."""
    digest, collected = hashlib.sha256(), gc.isenabled()
    gc.disable()  # the search for circles among so many nodes takes longer than all the rest
    try:
        for path in source_files(ROOT):
            digest.update(f"{path.relative_to(ROOT)}\0{source_digest(path.read_text(encoding='utf-8'))}\n".encode())
    finally:
        if collected:
            gc.enable()
    return digest.hexdigest()


def source_files(root: Path) -> Iterator[Path]:
    """The Python files that matter, in a fixed order."""
    for name in MATTERS:
        place = root / name
        for path in [place] if place.is_file() else sorted(place.rglob("*.py")):
            if not (path.parent.name == "jobs" and path.stem in NOT_OF_CELLS):
                yield path


def source_digest(text: str) -> str:
    """A hash of what some source does: comments, docstrings and line breaks do not change it."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, WITH_DOCSTRINGS) and node.body and _is_docstring(node.body[0]):
            node.body = node.body[1:]
    return hashlib.sha256(ast.dump(tree).encode("utf-8", "backslashreplace")).hexdigest()


def _is_docstring(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )
