"""Numbers that stand as text in files and on command lines."""

from fractions import Fraction

LONGEST = 40


def parse_fraction(text: str) -> Fraction:
    """Reads `25`, `0.03`, `30000/1001` or `0.5/255` exactly.

    Powers of ten are refused: Python 3.11 writes out every digit of a large one, which takes minutes and gigabytes.

    Args:
        text: whoever wrote it; at most 40 characters are read.

    Raises:
        ValueError: if it is no such number.
    """
    if len(text) > LONGEST or "e" in text.lower():
        raise ValueError(f"{text[:LONGEST]!r} is not a number such as 25, 0.03 or 30000/1001")
    above, slash, below = text.partition("/")
    if not slash:
        return Fraction(text)
    if "/" in below or below.strip()[:1] in ("+", "-"):
        raise ValueError(f"{text!r} is not a number such as 25, 0.03 or 30000/1001")
    try:
        return Fraction(above) / Fraction(below)
    except ZeroDivisionError:
        raise ValueError(f"{text!r} divides by zero") from None


def parse_epsilon(text: str) -> Fraction:
    """Reads `8/255` or `0.03` exactly.

    Raises:
        ValueError: if the text is not a number, or not in (0, 1].
    """
    if not isinstance(text, str):
        raise ValueError(f"epsilon is {text!r}; give it as text, such as '8/255'")  # noqa: TRY004 - one kind of error
    try:
        epsilon = parse_fraction(text)
    except ValueError:
        raise ValueError(f"epsilon '{text}' is not a number; write it as 8/255 or 0.03") from None
    if not 0 < epsilon <= 1:
        levels = 1 < epsilon <= 255 and "/" not in text
        hint = f"did you mean {text}/255?" if levels else "use for example 8/255"
        raise ValueError(f"epsilon '{text}' is outside (0, 1]: it is in pixel units of [0, 1]; {hint}")
    return epsilon
