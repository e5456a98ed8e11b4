"""Sentences for what does not hold."""

from collections.abc import Callable


def require(condition: bool, sentence: str) -> None:
    """Raise an AssertionError with the sentence, unless the condition holds."""
    if not condition:
        raise AssertionError(sentence)


def require_refusal(call: Callable[[], object], what: str) -> None:
    """Raise an AssertionError unless the call raises a ValueError."""
    try:
        call()
    except ValueError:
        return
    raise AssertionError(f"{what} must raise a ValueError with a sentence")
