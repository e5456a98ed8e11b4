"""Work that goes on while its results are used: decoding beside encoding or comparing."""

import queue
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar

Item = TypeVar("Item")
AHEAD = 3  # items that wait, at most: of frames, that bounds the memory
LOOK_SECONDS = 0.2  # after which a thread that cannot hand on looks whether it is still needed


class _End(NamedTuple):
    error: BaseException | None


@contextmanager
def prefetched(items: Generator[Item], ahead: int = AHEAD) -> Iterator[Iterator[Item]]:
    """The same items in the same order, made in a thread of their own, a few ahead of the one that is asked for.

    What the items raise is raised here, after the items before it. Leaving the context ends the thread, which closes
    the items: what they read from may be closed after that, and no earlier.

    Args:
        items: what makes them; nothing else may use it.
        ahead: how many wait at most.
    """
    ready: queue.Queue[Any] = queue.Queue(ahead)  # of items and one _End
    unwanted = threading.Event()
    thread = threading.Thread(target=_make, args=(items, ready, unwanted), name="prefetching", daemon=True)
    thread.start()
    try:
        yield _received(ready)
    finally:
        unwanted.set()
        thread.join()


def _received(ready: "queue.Queue[Any]") -> Iterator[Any]:
    while not isinstance(item := ready.get(), _End):
        yield item
    if item.error is not None:
        raise item.error


def _make(items: Generator[Any], ready: "queue.Queue[Any]", unwanted: threading.Event) -> None:
    error: BaseException | None = None
    try:
        for item in items:
            if not _handed_on(item, ready, unwanted):
                break
        items.close()
    except BaseException as raised:  # it is raised where the items are used
        error = raised
    _handed_on(_End(error), ready, unwanted)


def _handed_on(item: object, ready: "queue.Queue[Any]", unwanted: threading.Event) -> bool:
    while not unwanted.is_set():
        try:
            ready.put(item, timeout=LOOK_SECONDS)
        except queue.Full:
            continue
        return True
    return False
