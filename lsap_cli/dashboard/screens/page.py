"""Screens that fill the terminal, and rest while another one covers them."""

from textual.screen import Screen

from lsap_cli.dashboard.guard import Guarded


class Page(Guarded, Screen[None]):
    """A screen that fills the terminal.

    Textual takes the screen just below the top one for visible, as it is below a dialog, and draws all of the top one
    anew each time that the one below handles a message.
    """

    @property
    def is_current(self) -> bool:
        """Whether nothing or only a dialog is on top of it."""
        return super().is_current and (self.app.screen is self or self.app.screen.is_modal)
