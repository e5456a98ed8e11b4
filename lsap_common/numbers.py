"""Numbers that stand as text in files and on command lines."""

from fractions import Fraction

LONGEST = 40


def parse_fraction(text: str) -> Fraction:
    """Reads `25`, `0.03` or `30000/1001` exactly.

    Powers of ten are refused: Python 3.11 writes out every digit of a large one, which takes minutes and gigabytes.

    Args:
        text: whoever wrote it; at most 40 characters are read.

    Raises:
        ValueError: if it is no such number.
    """
    if len(text) > LONGEST or "e" in text.lower():
        raise ValueError(f"{text[:LONGEST]!r} is not a number such as 25, 0.03 or 30000/1001")
    try:
        return Fraction(text)
    except ZeroDivisionError:
        raise ValueError(f"{text!r} divides by zero") from None
