"""The checks of a command without the command: what a form asks for while it is filled in."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_CHECKS_ALONE = ContextVar("_CHECKS_ALONE", default=False)


class ChecksPassed(Exception):
    """Nothing is wrong with the options, and nothing more was asked for."""


@contextmanager
def checks_alone() -> Iterator[None]:
    """A command that is called inside ends by `ChecksPassed` where its checks end."""
    before = _CHECKS_ALONE.set(True)
    try:
        yield
    finally:
        _CHECKS_ALONE.reset(before)


def end_of_checks() -> None:
    """Stands in each command behind all that needs no torch, writes nothing and reads no video.

    Raises:
        ChecksPassed: where the checks alone were asked for.
    """
    if _CHECKS_ALONE.get():
        raise ChecksPassed
