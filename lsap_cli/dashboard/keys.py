"""Keys that every screen has, and shows first."""

from textual.binding import Binding

HELP_KEY = Binding("question_mark,f1", "app.help", "Help", key_display="?")
