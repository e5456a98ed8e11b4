"""A pane that cannot draw a part of a damaged run names that part, and the dashboard goes on."""

from collections.abc import Callable
from dataclasses import dataclass

from textual.message import Message
from textual.widget import Widget

from lsap_cli.results.text import printable

LONGEST_REASON = 200


@dataclass
class DrawingFailed(Message):
    """A part of the screen could not be drawn.

    Attributes:
        reason: what was wrong.
    """

    reason: str


def draw_guarded(pane: Widget, draw: Callable[[], object]) -> None:
    """Draws; a failure becomes a message to the screen, whatever it is: a run folder may hold anything."""
    try:
        draw()
    except Exception as error:
        reason = printable(f"{type(error).__name__}: {error}")[:LONGEST_REASON]
        pane.post_message(DrawingFailed(reason))
