"""A study file: read, and refused before any work where a key, a name or a table cannot be meant."""

import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lsap_cli.classifiers.spec_checks import absolute_spec
from lsap_cli.errors import LsapError
from lsap_cli.limits import LARGEST_SEED, MOST_CLIPS, MOST_FOLDS, MOST_STEPS, MOST_WORKERS
from lsap_cli.set_sources import is_there
from lsap_cli.study.axes import AXES, NONE, USUAL, Axis, AxisValue, text_of_value
from lsap_cli.study.grid import OF_NETWORKS, StudyGrid
from lsap_cli.study.measures import USUAL_MEASURES
from lsap_cli.study.request import StudyRequest, TableRequest, refused
from lsap_cli.study.shipped import PREFIX, shipped_path
from lsap_cli.study.table_checks import check_table_request
from lsap_cli.study.tables import controls_of
from lsap_common import unknown_name

Raw = Mapping[str, Any]  # of a TOML file: any values until they are checked here
SECTIONS = ("study", "grid", "table", "names")
STUDY_KEYS: dict[str, tuple[type | tuple[type, ...], str]] = {
    "title": (str, "a text"),
    "videos": (str, "a folder of videos, or a list"),
    "root": (str, "the folder where a list's paths begin"),
    "fps": ((int, float), "pictures a second of frame folders"),
    "labels": (str, "a file with the names of a list's numbers"),
    "folds": (int, "of the recordings"),
    "seed": (int, "of the folds and of what is drawn while judging"),
    "batch": (int, "clips of a learning step"),
    "seconds": ((int, float), "a number above 0: at most, of learning one perturbation"),
    "views": (int, "clips of a judged video"),
    "threads": (int, "of each worker"),
    "ladder_steps": (int, "of each adaptive attacker"),
}
RANGES = {
    "folds": (2, MOST_FOLDS), "seed": (0, LARGEST_SEED), "batch": (1, MOST_CLIPS), "views": (1, MOST_CLIPS),
    "threads": (1, MOST_WORKERS), "ladder_steps": (1, MOST_STEPS),
}  # fmt: skip
"""The least and the largest whole number of a key."""
MOST_POINTS = 100_000  # combinations of values, over all grids
OF_LSAP = ("cells",)  # tables that lsap makes beside those of the file and their controls
LONGEST_NAME = 100  # characters of a table's name, which names files
TABLE_KEYS = ("name", "title", "note", "rows", "columns", "measures", "where", "grid")


def read_study(
    spec: str,
    models: Sequence[str] = (),
    videos: str | None = None,
    folds: int | None = None,
    seconds: float | None = None,
) -> StudyRequest:
    """A study file, or one that lsap ships.

    Args:
        spec: a path, or `paper:NAME`.
        models: of the command line, in place of those that the grids learn on.
        videos: of the command line, in place of the file's.
        folds: likewise; None: the file's.
        seconds: of learning one perturbation, likewise.

    Raises:
        LsapError: naming the file, the key and what would work.
    """
    path = shipped_path(spec) if spec.startswith(PREFIX) else Path(spec)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise LsapError(f"the study file {path} cannot be read ({error.strerror or error})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise LsapError(f"the study file {path} is no TOML: {error}") from None
    except RecursionError:
        raise LsapError(f"the study file {path} cannot be read: its lists stand in one another too deeply") from None
    reader = _Reader(path)
    request = reader.request(content)
    needing = [one for one in request.grids if one.needs_models]
    if needing and not models:
        raise LsapError(f"{path}: it leaves its networks to the command line; give --model, once for each")
    if len(set(map(absolute_spec, models))) < len(models):
        raise LsapError("--model is given twice with the same network; give each once")
    if models:
        request = replace(request, grids=tuple(one.with_models(models) for one in request.grids))
    if videos is not None:
        request = replace(request, videos=videos, root=None)
    request = replace(request, folds=folds or request.folds, seconds=seconds or request.seconds)
    reader.check(request)
    return request


@dataclass(frozen=True)
class _Reader:
    """Reads one file; every error names it."""

    path: Path

    def error(self, place: str, sentence: str) -> LsapError:
        return refused(self.path, place, sentence)

    def request(self, content: Raw) -> StudyRequest:
        self._known("the file", content, SECTIONS, "section")
        grids = tuple(self._grid(number, one) for number, one in enumerate(self._list(content, "grid"), 1))
        if not grids:
            raise self.error("grid", 'there is none; a study needs a [grid] with its axes, as in attack = ["lsap"]')
        tables = tuple(self._table(number, one) for number, one in enumerate(self._list(content, "table"), 1))
        names = content.get("names", {})
        if not isinstance(names, dict) or not all(isinstance(one, str) for one in names.values()):
            raise self.error("names", 'it gives values of axes other words, as in "ifgsm" = "I-FGSM"')
        return StudyRequest(self.path, grids, tables, names, **self._study(content.get("study", {})))

    def check(self, request: StudyRequest) -> None:
        """What the sections together must fulfill."""
        self._each_once("grid", [one.name for one in request.grids if one.name])
        self._check_names(request)
        count = sum(one.size for one in request.grids)
        if count > MOST_POINTS:
            raise self.error("grid", f"it has {count} points, and a study takes {MOST_POINTS}; give fewer values")
        points = request.points()
        for point in points:
            problem = point.problem()
            if problem:
                raise self.error("grid", problem)
        for table in request.tables:
            check_table_request(table, request, points)
        with_controls = [one for table in request.tables for one in (table, controls_of(table)) if one is not None]
        self._each_once("table", [*(one.name for one in with_controls), *OF_LSAP])

    def _each_once(self, what: str, names: Sequence[str]) -> None:
        """Names of files, which some systems do not tell apart by their case."""
        folded = [name.casefold() for name in names]
        for name in names:
            if folded.count(name.casefold()) > 1:
                raise self.error(what, f"two of them have the name '{name}'; give each its own")

    def _check_names(self, request: StudyRequest) -> None:
        """No table shows one word for two values of an axis."""
        for axis in AXES:
            texts = dict.fromkeys(text_of_value(one) for grid in request.grids for one in grid.axes.get(axis, ()))
            shown: dict[str, str] = {}
            for text in texts:
                other = shown.setdefault(request.names.get(text, text), text)
                if other != text:
                    word = request.names.get(text, text)
                    raise self.error(
                        "names", f"'{other}' and '{text}' of {axis} are both shown as '{word}'; tell them apart"
                    )

    # --- sections

    def _study(self, section: Any) -> dict[str, Any]:
        if not isinstance(section, dict):
            raise self.error("study", "it is a table [study]")
        self._known("[study]", section, STUDY_KEYS, "key")
        for key, value in section.items():
            kind, words = STUDY_KEYS[key]
            wrong = not isinstance(value, kind) or isinstance(value, bool) or value == ""
            if key in RANGES:
                least, most = RANGES[key]
                words = f"a whole number from {least} to {most}: {words}"
                wrong = wrong or not least <= value <= most
            if wrong or (key in ("fps", "seconds") and not 0 < value < 1e9):
                raise self.error(f"[study] {key}", f"it is {value!r}; give {words}")
        given = dict(section)
        for key in ("videos", "root", "labels"):
            if key in given:
                given[key] = self._place(given[key], is_there)
        return given

    def _grid(self, number: int, section: Raw) -> StudyGrid:
        place = f"[grid] {number}" if number > 1 else "[grid]"
        self._known(place, section, ("name", *AXES), "axis")
        axes: dict[str, tuple[AxisValue, ...]] = {}
        for key, value in section.items():
            if key == "name":
                if not isinstance(value, str) or not value:
                    raise self.error(f"{place} name", f"it is {value!r}; give a text")
                continue
            values = value if isinstance(value, list) else [value]
            if not values:
                raise self.error(f"{place} {key}", "it has no value; leave it out, or give one")
            axes[key] = tuple(self._value(f"{place} {key}", AXES[key], one) for one in values)
            texts = list(map(text_of_value, axes[key]))
            for text in texts:
                if texts.count(text) > 1:
                    raise self.error(f"{place} {key}", f"the value '{text}' stands there twice")
        return StudyGrid(section.get("name", ""), axes)

    def _value(self, place: str, axis: Axis, value: Any) -> AxisValue:
        if axis.numbers is not None:
            if not isinstance(value, int) or isinstance(value, bool) or not axis.numbers <= value <= LARGEST_SEED:
                raise self.error(place, f"it is {value!r}; give whole numbers from {axis.numbers} to {LARGEST_SEED}")
            return value
        if axis.name == "steps" and isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        parts = value if isinstance(value, list) and axis.lists else [value]
        if not parts or not all(isinstance(one, str) for one in parts):
            allowed = "texts, or lists of texts" if axis.lists else "texts"
            raise self.error(place, f"a value is {value!r}; give {allowed}")
        for one in parts:
            try:
                axis.check(one)
            except LsapError as error:
                raise self.error(place, str(error)) from None
        if axis.name in OF_NETWORKS:
            parts = [self._place(one) for one in parts]
        if len(set(parts)) < len(parts):
            raise self.error(place, f"the value {parts} names one thing twice; give each once")
        if len(parts) > 1 and axis.usual in (USUAL, NONE) and axis.usual in parts:
            raise self.error(place, f"'{axis.usual}' stands alone; take it out of {parts}")
        return tuple(parts) if isinstance(value, list) and len(parts) > 1 else parts[0]

    def _table(self, number: int, section: Raw) -> TableRequest:
        place = f"[[table]] {number}"
        self._known(place, section, TABLE_KEYS, "key")
        for key in ("name", "title", "note"):
            if not isinstance(section.get(key, ""), str):
                raise self.error(f"{place} {key}", f"it is {section[key]!r}; give a text")
        name = section.get("name") or f"table-{number}"
        if (
            not all(sign.isalnum() or sign in "-_." for sign in name)
            or name.startswith(".")
            or len(name) > LONGEST_NAME
        ):
            raise self.error(
                f"{place} name", f"it is '{name[:LONGEST_NAME]}'; it names files: use at most {LONGEST_NAME} letters, "
                "digits, - and _"
            )  # fmt: skip
        where = section.get("where", {})
        if not isinstance(where, dict):
            raise self.error(f"{place} where", 'it gives axes their values, as in {defense = "none"}')
        return TableRequest(
            name,
            self._texts(f"{place} rows", section.get("rows", [])),
            self._texts(f"{place} columns", section.get("columns", [])),
            self._texts(f"{place} measures", section.get("measures", list(USUAL_MEASURES))),
            section.get("title", name),
            section.get("note", ""),
            {axis: self._where(f"{place} where.{axis}", axis, value) for axis, value in where.items()},
            self._texts(f"{place} grid", section.get("grid", [])),
        )

    # --- helpers

    def _known(self, place: str, section: Any, known: Iterable[str], noun: str) -> None:
        if not isinstance(section, dict):
            raise self.error(place, "it must be a table of keys")
        for key in section:
            if key not in known:
                raise self.error(place, unknown_name(noun, key, known))

    def _list(self, content: Raw, key: str) -> list[Any]:
        value = content.get(key, [])
        return value if isinstance(value, list) else [value]

    def _texts(self, place: str, value: Any) -> tuple[str, ...]:
        values = value if isinstance(value, list) else [value]
        if not all(isinstance(one, str) for one in values):
            raise self.error(place, f"it is {value!r}; give a list of texts")
        return tuple(values)

    def _where(self, place: str, axis: str, value: Any) -> tuple[str, ...]:
        texts = []
        for one in value if isinstance(value, list) else [value]:
            many = isinstance(one, list) and all(isinstance(part, str) for part in one)
            if isinstance(one, bool) or not (isinstance(one, str | int) or many):
                raise self.error(place, f"it is {one!r}; give values of the axis")
            parts = [
                self._place(part) if axis in ("model", "victim") else str(part) for part in (one if many else [one])
            ]
            texts.append(text_of_value(tuple(parts)))
        return tuple(texts)

    def _place(self, text: str, there: Callable[[str], bool] = lambda text: Path(text).exists()) -> str:
        """A path of the file, also behind `FORMAT:`: from where the file is, or else as it stands."""
        name, colon, rest = text.partition(":")
        for front, path in (("", text), (name + colon, rest)):
            with suppress(OSError, ValueError):  # no path at all, such as a text that is too long
                beside = str(self.path.parent / path)
                if path and not Path(path).is_absolute() and there(beside):
                    return front + beside
        return text
