"""The version of the code that cells depend on: a hash of what its files do, without comments and docstrings."""

import hashlib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from types import CodeType

ROOT = Path(__file__).parents[2]
MATTERS = (
    "perturbations", "defenses", "lsap_common", "lsap_cli/adaptive", "lsap_cli/applying", "lsap_cli/classifiers",
    "lsap_cli/datasets", "lsap_cli/demo", "lsap_cli/evaluation", "lsap_cli/learning", "lsap_cli/video",
    "lsap_cli/jobs", "lsap_cli/specs.py", "lsap_cli/plugins.py", "lsap_cli/hashing.py",
)  # fmt: skip
"""Packages and files whose code decides what a cell finds: no screens, no reports, no writing of runs."""
NOT_OF_CELLS = ("generate", "apply", "train", "demo", "predict", "show_set", "transfer", "defend_estimate", "clusters")
"""Modules of `lsap_cli/jobs` that no cell goes through."""


@lru_cache(maxsize=1)
def code_version() -> str:
    """SHA-256 over all of these files, in hexadecimal."""
    digest = hashlib.sha256()
    for path in source_files(ROOT):
        digest.update(f"{path.relative_to(ROOT)}\0{source_digest(path.read_text(encoding='utf-8'))}\n".encode())
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
    digest = hashlib.sha256()
    _add_code(digest, compile(text, "source", "exec", dont_inherit=True, optimize=2))
    return digest.hexdigest()


def _add_code(digest: "hashlib._Hash", code: CodeType) -> None:
    """Takes in a code object but for where its lines are."""
    names = (code.co_name, code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
    counts = (code.co_argcount, code.co_kwonlyargcount, code.co_posonlyargcount, code.co_flags)
    digest.update(repr((names, counts)).encode("utf-8", "backslashreplace"))
    digest.update(code.co_code)
    digest.update(code.co_exceptiontable)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            _add_code(digest, constant)
        else:
            digest.update(_constant_text(constant).encode("utf-8", "backslashreplace"))


def _constant_text(constant: object) -> str:
    """A constant as text, the same in every process: the order of a set is not."""
    if isinstance(constant, frozenset):
        return f"{{{', '.join(sorted(map(_constant_text, constant)))}}}"
    if isinstance(constant, tuple):
        return f"({', '.join(map(_constant_text, constant))})"
    return repr(constant)
