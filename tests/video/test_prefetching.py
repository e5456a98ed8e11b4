import threading
import time
from collections.abc import Generator

import pytest

from lsap_cli.video.prefetching import AHEAD, prefetched


class Counting:
    """Counts how many items were made, and whether their maker was closed."""

    def __init__(self, fail_at: int = -1) -> None:
        self.made, self.closed, self.fail_at = 0, False, fail_at

    def items(self, count: int) -> Generator[int]:
        try:
            for number in range(count):
                if number == self.fail_at:
                    raise OSError(f"no item {number}")
                self.made += 1
                yield number
        finally:
            self.closed = True


def test_the_items_are_the_same_in_the_same_order() -> None:
    with prefetched(Counting().items(50)) as items:
        assert list(items) == list(range(50))


def test_no_more_are_made_than_may_wait() -> None:
    source = Counting()
    with prefetched(source.items(50)) as items:
        assert next(items) == 0
        time.sleep(0.1)
        assert source.made <= AHEAD + 2  # those that wait, the one that is handed on, the one that was taken
    assert source.closed


def test_an_error_comes_after_the_items_before_it() -> None:
    with prefetched(Counting(fail_at=2).items(9)) as items:
        assert [next(items), next(items)] == [0, 1]
        with pytest.raises(OSError, match="no item 2"):
            next(items)


def test_a_user_that_fails_ends_the_thread_and_closes_the_maker() -> None:
    source = Counting()

    def use() -> None:
        with prefetched(source.items(10**6)) as items:
            raise KeyError(next(items))

    with pytest.raises(KeyError):
        use()
    assert source.closed
    assert not [one for one in threading.enumerate() if one.name == "prefetching"]
