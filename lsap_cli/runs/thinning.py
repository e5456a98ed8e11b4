"""Long files in bounded memory: frequent events are thinned evenly, and dropped lines are not decoded."""

import re
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

Item = TypeVar("Item")
MOST_ITEMS = 2048  # of each kind that comes often
# where the writer puts the kind: first, or in files of version 0.1 behind the time
KIND = re.compile(rb'\{(?:"time": [0-9.]+, )?"kind": ?"([^"\\]{1,64})"')


class Thinned(Generic[Item]):
    """A list of at most `limit` items, spread evenly over all that were offered.

    Every `stride`-th is kept; when the list is full, every second one goes and the stride doubles.
    """

    def __init__(self, limit: int = MOST_ITEMS) -> None:
        self.items: list[Item] = []
        self.offered = 0
        self.stride = 1
        self._limit = limit

    def offer(self) -> bool:
        """Counts one more; whether it is to be kept with `add`."""
        self.offered += 1
        return (self.offered - 1) % self.stride == 0

    def add(self, item: Item) -> None:
        self.items.append(item)
        if len(self.items) >= self._limit:
            self.items = self.items[::2]
            self.stride *= 2

    def drop_last_while(self, unwanted: Callable[[Item], bool]) -> None:
        while self.items and unwanted(self.items[-1]):
            self.items.pop()


def kind_of(line: bytes) -> str:
    """The kind of an event, without decoding it; empty where it is not at its place."""
    match = KIND.match(line)
    return match.group(1).decode("utf-8", "replace") if match else ""


def line_at(block: bytes, place: int) -> bytes:
    """The line that the byte at `place` belongs to."""
    start = block.rfind(b"\n", 0, place) + 1
    end = block.find(b"\n", place)
    return block[start : end if end >= 0 else len(block)]


def last_line(block: bytes, start: int, end: int) -> bytes:
    """The last line of a stretch that ends with a line's end."""
    return block[max(start, block.rfind(b"\n", start, end - 1) + 1) : end]


def other_lines(block: bytes, kind: str) -> Iterator[tuple[int, int]]:
    """Where the lines that are not plainly events of one kind begin and end."""
    name = re.escape(kind.encode())
    usual = rb'\{(?:"kind":"' + name + rb'"|"time": [0-9.]+, "kind": "' + name + rb'")'
    if not re.match(usual, block):
        yield 0, block.find(b"\n") + 1
    for match in re.compile(rb"\n(?!" + usual + b")").finditer(block, 0, len(block) - 1):
        yield match.end(), block.find(b"\n", match.end()) + 1
