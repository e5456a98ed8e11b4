"""A pane that cannot draw a part of a damaged run names that part, and the dashboard goes on."""

from collections.abc import Callable
from dataclasses import dataclass

from textual._context import active_message_pump
from textual.app import App
from textual.message import Message
from textual.message_pump import MessagePump
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


class Guarded(MessagePump):
    """A screen or a pane whose handlers cannot end the application: what one of them raises is named, once.

    Textual ends the application where a handler raises. A run folder may hold anything, and a run that cannot be drawn
    must not take the others from the screen.
    """

    _named_failure = ""

    async def _dispatch_message(self, message: Message) -> None:
        try:
            await super()._dispatch_message(message)
        except Exception as error:
            reason = printable(f"{type(error).__name__}: {error}")[:LONGEST_REASON]
            if reason != self._named_failure and not isinstance(message, DrawingFailed):
                self._named_failure = reason
                self.post_message(DrawingFailed(reason))


class LeavingApp(App[None]):
    """An application in which what a screen does while it goes away cannot end in an error.

    Widgets are mounted by tasks of their own. Where the dashboard or a screen is closed meanwhile, parts that Textual's
    own widgets look for are not there any more (tabs, for example), and they raise. Nobody sees those widgets.
    """

    def _handle_exception(self, error: Exception) -> None:
        if not self._is_leaving(active_message_pump.get(None)):
            super()._handle_exception(error)

    def _is_leaving(self, pump: MessagePump | None) -> bool:
        """Whether the application, or the screen that a widget belongs to, is being closed."""
        if self._exit or not isinstance(pump, Widget):
            return self._exit
        branch = [one for one in pump.ancestors_with_self if isinstance(one, Widget)]
        return any(one._closing for one in branch) or branch[-1] not in self.screen_stack
