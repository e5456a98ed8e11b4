"""Reading and writing results. What a stranger's file holds never raises: what cannot be used is named.

Only regular files of bounded size are opened, without waiting for a writer, so a pipe or a device among them does no
harm.
"""

import json
import math
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO, Generic, TypeVar, get_args, get_origin

import msgspec

from lsap_cli.results.base import Result
from lsap_cli.results.run_facts import RunFacts

Found = TypeVar("Found", bound=Result)

RESULTS_FILE = "results.json"
RUN_FILE = "run.json"
LARGEST_DOCUMENT = 64 * 2**20  # bytes
LONGEST_LINE = 2**20  # bytes
CANNOT_BE = (
    msgspec.ValidationError,
    ValueError,
    OverflowError,
    RecursionError,
)  # a value of another type, or of no size


@dataclass(frozen=True)
class Loaded(Generic[Found]):
    """What was read of a file.

    Attributes:
        value: None where there is no file, or nothing of it can be used.
        problems: sentences, one for each part that is damaged; empty where there is no file.
    """

    value: Found | None
    problems: tuple[str, ...] = ()


def encode_line(result: msgspec.Struct) -> bytes:
    """One line of a .jsonl file; NaN and infinities become null, characters outside UTF-8 become escapes."""
    return _encode(result) + b"\n"


def encode_document(result: msgspec.Struct) -> bytes:
    """A .json file, indented."""
    return msgspec.json.format(_encode(result), indent=1) + b"\n"


def write_document(path: Path, result: Result) -> None:
    """Writes a .json file, whole or not at all."""
    write_atomically(path, encode_document(result))


def write_atomically(path: Path, content: bytes | str) -> None:
    """Writes a file atomically: a reader gets the old one or the new one, never a part."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    with write_errors_named(path):
        try:
            partial.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)


@contextmanager
def write_errors_named(path: Path) -> Iterator[None]:
    """Puts a file's name into an OSError of the block: that of a full disk has none, or that of a partial file."""
    try:
        yield
    except OSError as error:
        error.filename = str(path)
        raise


def read_document(path: Path, kind: type[Found]) -> Loaded[Found]:
    """A .json file of one kind. Parts that are damaged are left out and named."""
    return read_kind(path, _decoder(kind), lambda _: kind)


@lru_cache
def _decoder(kind: type[Found]) -> msgspec.json.Decoder[Found]:
    """Of whole files of one kind: a list of runs reads thousands of them."""
    return msgspec.json.Decoder(kind)


def read_kind(
    path: Path, decoder: msgspec.json.Decoder[Found], kind_of: Callable[[Mapping[str, Any]], type[Found] | None]
) -> Loaded[Found]:  # Any: a JSON object, before it has a type
    """A .json file of one of several kinds. Parts that are damaged are left out and named.

    Args:
        path: of the file.
        decoder: of whole files.
        kind_of: the kind of a file that is damaged, by the JSON object in it; None: no kind that is known.
    """
    content, problem = _read_bytes(path)
    if content is None:
        return Loaded(None, () if problem is None else (problem,))
    try:
        return Loaded(decoder.decode(content))
    except (msgspec.MsgspecError, RecursionError, ValueError):
        value, problem = _parse_object(content, path.name)
    if value is None:
        return Loaded(None, (problem or "",))
    kind = kind_of(value)
    if kind is None:
        return Loaded(None, (f"{path.name} has no schema that is known",))
    return _convert(value, kind, path.name)


def read_facts_document(folder: Path) -> Loaded[RunFacts]:
    """run.json of a run folder."""
    return read_document(folder / RUN_FILE, RunFacts)


def decode_line(line: bytes, kind: type[Found]) -> Found | None:
    """One line of a .jsonl file; None where it is damaged."""
    try:
        return msgspec.json.decode(line, type=kind)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return _decode_loosely(line, kind)


def decode_lines(block: bytes, kind: type[Found]) -> Iterator[Found | None]:
    """The lines of a .jsonl file; None for each that is damaged. Empty lines are passed over."""
    decoder = msgspec.json.Decoder(kind)
    for line in block.split(b"\n"):
        if not line.strip():
            continue
        try:
            yield decoder.decode(line)
        except (msgspec.MsgspecError, RecursionError, ValueError):
            yield _decode_loosely(line, kind)


def open_regular(path: Path, within: Path | None = None) -> BinaryIO:
    """Opens a regular file for reading, without waiting for a writer.

    Args:
        path: of the file.
        within: the folder that no link may lead out of; by default the one that the file is in.

    Raises:
        OSError: if it cannot be opened, is no regular file, or is a link that leads out; `strerror` says which.
    """
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
    is_link = path.is_symlink() if within is None else True  # below `within`, a folder on the way may be a link
    if is_link and not path.resolve().is_relative_to((within or path.parent).resolve()):
        raise OSError(0, "it is a link that leads out of the folder")
    handle = os.open(path, flags if is_link else flags | os.O_NOFOLLOW)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(0, "it is no regular file")
    return os.fdopen(handle, "rb")


def read_regular(path: Path, most_bytes: int = LARGEST_DOCUMENT) -> bytes:
    """The content of a regular file.

    Raises:
        OSError: as `open_regular`, or if it is larger.
    """
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > most_bytes:
            raise OSError(0, f"it has {size / 2**20:.0f} MB: too large to be read here")
        return file.read(size + 1)  # not more: the memory for all of it would be set aside


def _encode(result: msgspec.Struct) -> bytes:
    try:
        return msgspec.json.encode(result)
    except UnicodeEncodeError:  # a file name that is not UTF-8
        return msgspec.json.encode(_escaped(msgspec.to_builtins(result)))


def _escaped(value: Any) -> Any:  # any JSON value
    """The same value, each character that UTF-8 does not have as its escape."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, dict):
        return {_escaped(key): _escaped(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_escaped(one) for one in value]
    return value


def _read_bytes(path: Path) -> tuple[bytes | None, str | None]:
    """A file's content and None; or None and what is wrong with it (None: there is no file)."""
    try:
        return read_regular(path), None
    except FileNotFoundError:
        return None, None
    except OSError as error:
        return None, f"{path.name} cannot be read ({error.strerror or error})"


def _parse_object(content: bytes, name: str) -> tuple[dict[str, Any] | None, str | None]:  # any JSON values
    """A JSON object and None; or None and what is wrong. Numbers that are not finite become null."""
    try:
        value = json.loads(content.decode("utf-8"), parse_constant=lambda _: None, parse_float=_finite)
    except UnicodeDecodeError:
        return None, f"{name} is not text"
    except (ValueError, RecursionError):
        return None, f"{name} is damaged: it is not whole JSON"
    if not isinstance(value, dict):
        return None, f"{name} is damaged: it holds no JSON object"
    return value, None


def _finite(text: str) -> float | None:
    value = float(text)
    return value if math.isfinite(value) else None


def _convert(content: dict[str, Any], kind: type[Found], name: str) -> Loaded[Found]:  # any JSON values
    """A typed object of a JSON object, without the parts that cannot be."""
    try:
        return Loaded(msgspec.convert(content, kind))
    except CANNOT_BE:
        pass
    problems: list[str] = []
    parts: dict[str, Any] = {}  # typed by the fields
    for field in msgspec.structs.fields(kind):
        if field.encode_name in content:
            _convert_part(content[field.encode_name], field.type, field.name, parts, problems)
        if field.name not in parts and field.required:
            if get_origin(field.type) is not tuple:
                problems = problems or [f"`{field.name}` is missing"]
                return Loaded(None, tuple(f"{name} is damaged: {one}" for one in problems))
            parts[field.name] = ()
    return Loaded(kind(**parts), tuple(f"{name} is damaged: {one}" for one in problems))


def _convert_part(
    value: Any, kind: Any, name: str, parts: dict[str, Any], problems: list[str]
) -> None:  # any JSON value
    """Takes one field over, or those items of a list that can be."""
    try:
        parts[name] = msgspec.convert(value, kind)
    except CANNOT_BE as error:
        if get_origin(kind) is not tuple or not isinstance(value, list):
            problems.append(f"`{name}` cannot be used ({error})")
            return
        parts[name] = tuple(_usable_items(value, get_args(kind)[0]))
        lost = len(value) - len(parts[name])
        problems.append(f"{lost} of {len(value)} entries of `{name}` cannot be used")


def _usable_items(values: list[Any], kind: Any) -> Iterator[Any]:  # any JSON values, of the type that the field has
    for item in values:
        with suppress(*CANNOT_BE):
            yield msgspec.convert(item, kind)


def _decode_loosely(line: bytes, kind: type[Found]) -> Found | None:
    """A line with escapes of half characters, which version 0.1 wrote for names that are not UTF-8."""
    if rb"\ud" not in line:
        return None
    try:
        return msgspec.convert(_escaped(json.loads(line)), kind)
    except (msgspec.ValidationError, ValueError, RecursionError):
        return None
