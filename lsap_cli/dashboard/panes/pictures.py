"""The perturbation in pictures: its slots in turn; a video's frames before, after and their difference."""

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from lsap_cli.dashboard.films import MORE_PICTURES, Film, read_films
from lsap_cli.dashboard.formatting import joined
from lsap_cli.dashboard.guard import Guarded
from lsap_cli.dashboard.launching import is_part_of_demo
from lsap_cli.dashboard.run_reader import RunReader
from lsap_cli.dashboard.widgets.film_view import FilmView
from lsap_cli.results.files import RESULTS_FILE
from lsap_cli.results.pictures import LOOK_FILE
from lsap_cli.runs.following import file_stamp

NONE = "This run has no pictures; generate, apply, defend and harden draw some."
NONE_YET = "This run has no pictures yet; generate, apply, defend and harden draw some."


class PicturesPane(Guarded, Vertical, can_focus=True):
    """The pattern, and videos before and after: the tab that is called Look."""

    DEFAULT_CLASSES = "pane"

    def __init__(self) -> None:
        super().__init__(id="pictures-pane")
        self.films: list[Film] = []
        self.place = 0
        self._stamps: object = None
        self._problems: list[str] = []
        self._drawn = ""
        self._is_live = False

    def compose(self) -> ComposeResult:
        yield Static(id="picture-title", markup=False)
        yield FilmView(id="sides")
        yield Static(id="picture-notes", markup=False)

    @property
    def view(self) -> FilmView:
        return self.query_one(FilmView)

    @property
    def frame(self) -> int:
        return self.view.frame

    def show(self, reader: RunReader) -> None:
        """Reads the pictures, where they are new; of a demo, those of its parts too."""
        folders = [reader.folder]
        if is_part_of_demo(reader.folder):
            folders += [reader.folder.parent / name for name in ("generate", "defend")]
        folders = list(dict.fromkeys(folders))
        stamps = tuple(file_stamp(one / name) for one in folders for name in (LOOK_FILE, RESULTS_FILE))
        if (stamps, reader.snapshot.live) == (self._stamps, self._is_live):
            return
        self._stamps, self._is_live = stamps, reader.snapshot.live
        self.films, self._problems = [], []
        for one in folders:
            films, problems = read_films(one)
            self.films += [film for film in films if film.title not in [known.title for known in self.films]]
            self._problems += problems
        self._drawn = drawn_words(sum(bool(film.video) for film in self.films), reader)
        self.place = min(self.place, max(0, len(self.films) - 1))
        self._show_film(from_start=False)

    def step(self, by: int) -> None:
        """The next or last frame or slot."""
        self.view.step(by)
        self._write()

    def next_film(self, by: int) -> None:
        if self.films:
            self.place = (self.place + by) % len(self.films)
            self._show_film(from_start=True)

    def next_side(self) -> None:
        self.view.next_side()
        self._write()

    def toggle(self) -> None:
        self.view.toggle()
        self._write()

    def on_film_view_stepped(self) -> None:
        self._write()

    def on_resize(self) -> None:
        self.call_after_refresh(self._write)

    def _show_film(self, from_start: bool) -> None:
        self.view.show(self.films[self.place] if self.films else None, from_start)
        self._write()

    def _write(self) -> None:
        title, notes = self.query_one("#picture-title", Static), self.query_one("#picture-notes", Static)
        if not self.films:
            title.update(Text("; ".join(self._problems) or (NONE_YET if self._is_live else NONE)))
            notes.update(Text())
            return
        film = self.films[self.place]
        place = f"{self.place + 1} of {len(self.films)}" if len(self.films) > 1 else ""
        title.update(joined([film.title, place, self.view.place]))
        keys = "Space: play or pause   ← →: one by one   ↑ ↓: another"
        keys += "  v: before / after / difference" if self.view.hides_sides else ""
        lines = [film.notes, self._drawn, keys, "; ".join(self._problems)]
        notes.update(Text("\n".join(line for line in lines if line)))


def drawn_words(drawn: int, reader: RunReader) -> str:
    """How many of the judged videos have pictures, and how there will be more; empty where all have."""
    judged = max((row.videos for row in reader.rows.rows), default=0) if reader.snapshot.command == "defend" else 0
    return f"pictures of {drawn} of {judged} videos; {MORE_PICTURES}" if judged > drawn else ""
