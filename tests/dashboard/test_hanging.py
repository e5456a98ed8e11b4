"""Long values beside a column of names."""

from rich.console import Console
from rich.text import Text

from lsap_cli.dashboard.widgets.hanging import HangingText


def drawn(text: str, width: int) -> list[str]:
    console = Console(width=width, color_system=None)
    with console.capture() as capture:
        console.print(HangingText(Text(text), 10))
    return [line.rstrip() for line in capture.get().splitlines()]


def test_a_long_value_goes_on_below_its_own_words() -> None:
    text = "Run\n  name    one two three four five six seven\n  other   short"
    assert drawn(text, 32) == [
        "Run",
        "  name    one two three four",
        "          five six seven",
        "  other   short",
    ]


def test_what_has_no_name_or_no_room_goes_on_at_the_left_edge() -> None:
    assert drawn("failed: one two three four five six", 32) == ["failed: one two three four five", "six"]
    assert drawn("  name    one two three", 20) == ["  name    one two", "three"]
