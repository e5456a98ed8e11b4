"""Labels of a set as classes of a network: by name, or by numbers that count from 0 or from 1."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath

from lsap_cli.classifiers.labels import LabelIndex
from lsap_cli.datasets.base import few, unknown_labels_warning
from lsap_cli.datasets.entries import Entry, Listing
from lsap_cli.errors import LsapError

NUMBER = re.compile(r"-?[0-9]{1,9}")
WHOLE_FLOAT = re.compile(r"(-?[0-9]{1,9})\.0{1,9}")
NO_LABEL = "-1"


class ClassReader:
    """The classes that the labels of a listing name.

    Args:
        listing: all entries are looked at, since numbers can be read only together.
        labels: of the classifier; without any, nothing is matched.
        where: the source, for sentences.

    Attributes:
        warnings: on labels without a class.
        notes: on what numbers were taken for.

    Raises:
        LsapError: if a label fits several classes, or numbers contradict the folders' names.
    """

    def __init__(self, listing: Listing, labels: LabelIndex, where: str) -> None:
        self.warnings: list[str] = []
        self.notes: list[str] = []
        self._labels = labels
        self._where = where
        self._listing = listing
        self._found: dict[str, int | None] = {}
        self._unknown: dict[str, bool] = {}  # name -> whether other labels of its entries are known
        self._read: dict[tuple[tuple[str, ...], tuple[str, ...]], tuple[tuple[int, ...], str]] = {}
        self._first = self._first_number(listing)

    def read(self, entry: Entry) -> tuple[tuple[int, ...], str]:
        """The classes of an entry, its label's first, and what the set calls its label. Equal labels are read once."""
        key = entry.labels, entry.also_accepted
        known = self._read.get(key)
        if known is None:
            known = self._read[key] = self._classes(entry) if len(self._labels) else (), self._written(entry)
        return known

    def _written(self, entry: Entry) -> str:
        """The name of a label's number, where it has one."""
        for text in entry.labels:
            if not len(self._labels) or self._class_of(text, entry.line) is not None:
                return self._name_of(text)
        return self._name_of(entry.labels[0]) if entry.labels else ""

    def finish(self) -> None:
        """Makes the warnings, when all entries were read."""
        what = f"{self._where}: {self._listing.noun}"
        consequences = {
            False: "those videos have no label",
            True: "those videos are judged by their lines' other labels",
        }
        for others_known, consequence in consequences.items():
            names = [one for one, known in self._unknown.items() if known is others_known]
            self.warnings += unknown_labels_warning(names, what, consequence)

    def _classes(self, entry: Entry) -> tuple[int, ...]:
        known: list[int] = []
        missed: list[str] = []
        for text in entry.labels:
            index = self._class_of(text, entry.line)
            if index is not None:
                known.append(index)
                break
        else:
            missed += [self._name_of(text) for text in entry.labels[-1:] if text != NO_LABEL]
        for text in entry.also_accepted:
            index = self._class_of(text, entry.line)
            if index is None:
                missed.append(text)
            else:
                known.append(index)
        for name in missed:
            self._unknown[name] = bool(known) and self._unknown.get(name, True)
        return tuple(dict.fromkeys(known))

    def _class_of(self, text: str, line: int) -> int | None:
        if text not in self._found:
            where = f"{self._where}, {self._listing.unit} {line}" if line else self._where
            name = self._name_of(text)
            index = self._labels.find(name, f"{where}: the {self._listing.noun}")
            if index is None and name == text and self._first is not None and NUMBER.fullmatch(text):
                number = int(text) - self._first
                index = number if 0 <= number < len(self._labels) else None
            self._found[text] = index
        return self._found[text]

    def _name_of(self, text: str) -> str:
        return self._listing.names.get(int(text), text) if NUMBER.fullmatch(text) else text

    def _first_number(self, listing: Listing) -> int | None:
        """The number of the network's first class in the list; None: its labels are no numbers, or have names."""
        written = {one for entry in listing.entries for one in (*entry.labels[:1], *entry.also_accepted)}
        numbers = sorted({int(one) for one in written if NUMBER.fullmatch(one) and int(one) >= 0})
        if not numbers or listing.names or not len(self._labels) or all(self._is_a_label(one) for one in numbers):
            return None
        first, why = self._from_folders(listing)
        classes = len(self._labels)
        if first is None and numbers[0] == 0:
            first, why = 0, "0 occurs"
        elif first is None and numbers[-1] == classes:
            first, why = 1, f"the highest is {classes}, the number of the network's classes"
        elif first is None:
            first, why = (
                0,
                (
                    f"neither 0 nor {classes} occurs, so that nothing shows it; if they count from 1, "
                    "give their names with --labels FILE, as lines '1 NAME'"
                ),
            )
        self.notes.append(f"{self._where}: the labels are numbers that count from {first} ({why})")
        beyond = [number for number in numbers if number - first >= classes]
        if beyond:
            be = "is the number of no class" if len(beyond) == 1 else "are numbers of no class"
            self.notes.append(f"{self._where}: {few([str(one) for one in beyond])} {be}: the network has {classes}")
        return first

    def _is_a_label(self, number: int) -> bool:
        return self._labels.find(str(number), self._where) is not None

    def _from_folders(self, listing: Listing) -> tuple[int | None, str]:
        """What folders that are called as classes are show of the numbers beside them."""
        shown: Counter[int] = Counter()
        example: dict[int, str] = {}
        for number, folder in _numbered_folders(listing.entries):
            index = self._labels.find(folder, f"{self._where}: the folder")
            if index is not None:
                shown[number - index] += 1
                example.setdefault(number - index, f"{folder} has {number} and is class {index}")
        if not shown:
            return None, ""
        first = min(shown)
        if len(shown) > 1 or first not in (0, 1):
            one = example[next(iter(one for one in shown if one not in (0, 1)), first)]
            raise LsapError(
                f"{self._where}: its numbers are not the network's, as the folders' names show ({one}); "
                "give the numbers' names with --labels FILE"
            )
        return first, f"as the folders' names show: {example[first]}"


def read_whole_floats(listing: Listing, labels: LabelIndex, where: str) -> None:
    """Labels such as `3.0`, as tables with empty cells write whole numbers, become `3`; those of the network stay."""
    written = {one for entry in listing.entries for one in (*entry.labels, *entry.also_accepted) if "." in one}
    numbers = {one: match[1] for one in written if (match := WHOLE_FLOAT.fullmatch(one))}
    numbers = {one: number for one, number in numbers.items() if labels.find(one, where) is None}
    if not numbers:
        return
    listing.notes.append(f"{where}: labels such as '{min(numbers)}' are read as whole numbers")
    for place, entry in enumerate(listing.entries):
        own, others = ([numbers.get(one, one) for one in some] for some in (entry.labels, entry.also_accepted))
        listing.entries[place] = entry._replace(labels=tuple(own), also_accepted=tuple(others))


def _numbered_folders(entries: Sequence[Entry]) -> Iterable[tuple[int, str]]:
    """The distinct pairs of a number and the folder that its video lies in."""
    pairs: dict[tuple[str, str], None] = {}
    for entry in entries:
        if entry.paths and entry.labels and NUMBER.fullmatch(entry.labels[0]) and "/" in entry.paths[0]:
            pairs[entry.labels[0], entry.paths[0].rpartition("/")[0].rpartition("/")[2]] = None
    return [(int(number), folder) for number, folder in pairs]


def label_names(found: Mapping[int, str]) -> str:
    """The first and the last of some numbered names, for a note."""
    first, last = min(found), max(found)
    return f"{first} is '{found[first]}', {last} is '{found[last]}'"


def folders_above(path: str) -> tuple[str, ...]:
    """The names of the folders above a file, the nearest first."""
    return tuple(reversed([part for part in PurePosixPath(path).parts[:-1] if part not in ("/", ".", "..")]))
