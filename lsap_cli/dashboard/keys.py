"""Keys that several screens have, and where they mean something."""

from textual.binding import Binding

HELP_KEY = Binding("question_mark,f1", "app.help", "Help", key_display="?")

RESUMABLE = ("failed", "interrupted", "killed")
"""States of a run that can go on."""
