"""One video of a cell: what was predicted, and its frames before and after."""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Static

from lsap_cli.dashboard.films import MORE_PICTURES, Film, read_films
from lsap_cli.dashboard.formatting import attack_name, joined, name_text
from lsap_cli.dashboard.guard import draw_guarded
from lsap_cli.dashboard.keys import HELP_KEY
from lsap_cli.dashboard.screens.page import Page
from lsap_cli.dashboard.widgets.film_view import FilmView
from lsap_cli.dashboard.widgets.records import prediction_words
from lsap_cli.dashboard.widgets.short_footer import ShortFooter
from lsap_cli.results.records import Record, defense_name
from lsap_cli.results.text import printable


class VideoScreen(Page):
    """The videos of a cell, one at a time.

    Args:
        folder: of the run.
        records: of the cell, in the order in which they are listed.
        place: number of the one that is shown first.
    """

    HELP = """\
A video's prediction in this cell, and its frames before, after, and their difference, amplified.

A run draws some of its videos, with the perturbation that it was given and without a defense: fooled ones and others,
of several labels. Of the others only the predictions are known.
"""
    BINDINGS: ClassVar[list[BindingType]] = [
        HELP_KEY,
        Binding("escape", "app.pop_screen", "Back"),
        Binding("up", "video(-1)", "Last video", show=False),
        Binding("down", "video(1)", "Next video", key_display="↓"),
        Binding("left", "step(-1)", "Last frame", show=False),
        Binding("right", "step(1)", "Next frame", key_display="→"),
        Binding("space", "play", "Play"),
        Binding("v", "side", "Side"),
    ]

    def __init__(self, folder: Path, records: Sequence[Record], place: int) -> None:
        super().__init__()
        self.folder, self.records, self.place = folder, list(records), place
        self._films: dict[str, Film] | None = None
        self._problems: list[str] = []

    def compose(self) -> ComposeResult:
        yield Static(id="title", markup=False)
        yield Static(id="video-outcome", markup=False)
        yield FilmView(id="sides")
        yield Static(id="video-notes", markup=False)
        yield ShortFooter()

    def on_mount(self) -> None:
        self._write()
        self._read()

    @work(thread=True, exit_on_error=False)
    def _read(self) -> None:
        films, problems = read_films(self.folder)
        self.app.call_from_thread(draw_guarded, self, lambda: self._take(films, problems))

    def _take(self, films: Sequence[Film], problems: Sequence[str]) -> None:
        self._films, self._problems = {film.video: film for film in films if film.video}, list(problems)
        self._show()

    def _show(self) -> None:
        film = (self._films or {}).get(self.records[self.place].video)
        self.query_one(FilmView).show(film)
        self._write()

    def _write(self) -> None:
        one = self.records[self.place]
        place = f"{self.place + 1} of {len(self.records)}" if len(self.records) > 1 else ""
        view = self.query_one(FilmView)
        title = joined([name_text(one.video, 40, "bold"), place, view.place])
        self.query_one("#title", Static).update(title)
        where = f"{attack_name(one.attack)}, {defense_name(one.defense)}, {one.sampler}"
        outcome = Text(printable(where), style="dim").append_text(Text(f"\n{prediction_words(one)}", style="bold"))
        self.query_one("#video-outcome", Static).update(outcome)
        self.query_one("#video-notes", Static).update(Text(self._notes(view.film, one)))

    def _notes(self, film: Film | None, one: Record) -> str:
        if self._films is None:
            return "reading the pictures …"
        if film is None:
            drawn = f"it drew {len(self._films)} of its videos" if self._films else "it drew none of its videos"
            return "; ".join([f"This run has no pictures of this video: {drawn}; {MORE_PICTURES}.", *self._problems])
        return "\n".join(["the given perturbation, no defense: " + film.notes, *self._problems])

    def on_film_view_stepped(self) -> None:
        draw_guarded(self, self._write)

    def action_video(self, by: int) -> None:
        self.place = (self.place + by) % len(self.records)
        draw_guarded(self, self._show)

    def action_step(self, by: int) -> None:
        draw_guarded(self, lambda: self.query_one(FilmView).step(by))

    def action_play(self) -> None:
        self.query_one(FilmView).toggle()
        draw_guarded(self, self._write)

    def action_side(self) -> None:
        draw_guarded(self, self.query_one(FilmView).next_side)
