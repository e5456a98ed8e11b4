"""Numbers that whoever wrote a file put there as text."""

from fractions import Fraction

import pytest

from lsap_common import parse_fraction


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("25", Fraction(25)),
        ("0.03", Fraction(3, 100)),
        ("30000/1001", Fraction(30000, 1001)),
        ("0.5/255", Fraction(1, 510)),
        (" 7.5 / 255 ", Fraction(5, 170)),
        ("3/0.5", Fraction(6)),
    ],
)
def test_a_number_is_read_exactly(text: str, number: Fraction) -> None:
    assert parse_fraction(text) == number


@pytest.mark.parametrize(
    "text", ["1e9", "1E9", "1/0", "0.5/0", "1/2/3", "1/-2", "/255", "8/", "1/nan", "nan", "inf", "", "x", "9" * 41]
)
def test_what_is_no_number_or_has_no_bound_is_refused_at_once(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a number|divides by zero|Invalid literal"):
        parse_fraction(text)
