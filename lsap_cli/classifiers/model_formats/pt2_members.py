"""What is in a `.pt2` archive, looked at before torch loads it, so that nothing in the file can run code.

torch's loader would unpickle constants and example clips, evaluate sizes as Python expressions, and call any function
that a node of the graph names below `torch`. Only what an exported network needs passes.
"""

import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import torch

from lsap_cli.errors import LsapError

LARGEST_JSON = 2**28  # bytes of a graph
TARGETS = re.compile(r"torch\.ops\.\w+\.\w+(\.\w+)?|math\.\w+|torch\.sym_\w+")
OPERATORS = re.compile(r"_operator\.(add|sub|mul|floordiv|truediv|mod|pow|neg|eq|ne|lt|le|gt|ge|and_|or_|not_|getitem)")
NAMES = re.compile(r"[A-Za-z_]\w*")
SYMBOL = r"z?[su]f?\d+|zuf\d+"
QUOTED = re.compile(rf"'({SYMBOL}|[0-9.]+(?:e[+-]?\d+)?)'")
FUNCTIONS = re.compile(
    "Symbol|Integer|Float|Rational|Add|Mul|Pow|positive|nonnegative|negative|integer|real|precision|Max|Min|Mod|"
    "PythonMod|FloorDiv|CleanDiv|CeilDiv|CeilToInt|FloorToInt|IntTrueDiv|FloatTrueDiv|TruncToInt|TruncToFloat|ToFloat|"
    "RoundToInt|PowByNatural|FloatPow|ModularIndexing|Where|Identity|Eq|Ne|Lt|Le|Gt|Ge|Equality|Unequality|"
    "StrictLessThan|LessThan|StrictGreaterThan|GreaterThan|And|Or|Not|true|false|True|False|oo|int_oo"
)
"""Of sizes in a graph, as sympy and torch write them."""
EXPRESSION = re.compile(r"[\w\s+\-*/%(),.<>=!&|~]*")


def check_members(path: Path, where: str) -> bool:
    """Refuses an archive that holds anything that could run code.

    Args:
        path: of the archive.
        where: who asks, for sentences.

    Returns:
        Whether it holds an example clip.

    Raises:
        LsapError: naming the member, or that the file is no exported program.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if not any(PurePosixPath(name).match("*/models/*.json") for name in names):
                raise LsapError(f"{where}: {path} is not an exported program of torch.export.save")
            problem = next((problem for name in names if (problem := _problem(archive, name))), None)
    except (OSError, zipfile.BadZipFile, ValueError, RecursionError) as error:
        raise LsapError(f"{where}: {path} cannot be read as an exported program ({error})") from None
    if problem:
        raise LsapError(f"{where}: {path} is refused: {problem}; export the network again with torch.export.save")
    return any(PurePosixPath(name).match("*/data/sample_inputs/*") for name in names)


def _problem(archive: zipfile.ZipFile, name: str) -> str | None:
    """What is wrong with a member, in words; None where nothing is."""
    path = PurePosixPath(name)
    if path.suffix == ".json":
        if archive.getinfo(name).file_size > LARGEST_JSON:
            return f"its member {name} is larger than {LARGEST_JSON:,} bytes"
        return _json_problem(name, json.loads(archive.read(name)))
    if path.suffix == ".pt":
        return None if _is_tensors_only(archive.read(name)) else f"its member {name} is a pickle that could run code"
    if path.match("*/data/weights/weight_*") or path.match("*/data/constants/tensor_*"):
        return None  # bytes of a tensor, unless the members' table says that they are a pickle
    if path.match("*/.data/*") or path.name in ("archive_format", "archive_version", "byteorder", "version"):
        return None
    return f"its member {name} is no part of an exported network"


def _is_tensors_only(content: bytes) -> bool:
    if not content:
        return True
    try:
        torch.load(io.BytesIO(content), weights_only=True)
    except Exception:  # of many kinds, all of which mean no
        return False
    return True


def _json_problem(name: str, data: Any) -> str | None:
    for one in _mappings(data):
        if one.get("use_pickle"):
            return f"its member {name} declares {one.get('path_name')} to be a pickle"
        target = one.get("target")
        if isinstance(target, str) and "inputs" in one and not _is_operator(target):
            return f"its graph calls {target}"
        for value in (one.get("expr_str"), one.get("as_expr")):
            if isinstance(value, str) and not _is_expression(value):
                return f"its graph has the size {value[:80]!r}"
    return None


def _mappings(data: Any) -> Iterator[dict[str, Any]]:
    """All objects of a JSON document."""
    todo = [data]
    while todo:
        one = todo.pop()
        if isinstance(one, dict):
            yield one
            todo += one.values()
        elif isinstance(one, list):
            todo += one


def _is_operator(target: str) -> bool:
    return bool(TARGETS.fullmatch(target) or OPERATORS.fullmatch(target))


def _is_expression(text: str) -> bool:
    """Whether a size is arithmetic of symbols and numbers."""
    bare = QUOTED.sub(r"\1", text)
    if not EXPRESSION.fullmatch(bare) or re.search(r"\.\s*[A-Za-z_]", bare):
        return False
    return all(FUNCTIONS.fullmatch(name) or re.fullmatch(SYMBOL, name) for name in NAMES.findall(bare))
