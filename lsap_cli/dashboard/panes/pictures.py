"""The perturbation in pictures: its slots in turn; a video's frames before, after and their difference."""

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Static

from lsap_cli.dashboard.films import SIDES, Film, read_films
from lsap_cli.dashboard.formatting import joined
from lsap_cli.dashboard.guard import draw_guarded
from lsap_cli.dashboard.launching import is_part_of_demo
from lsap_cli.dashboard.run_reader import RunReader
from lsap_cli.dashboard.widgets.picture import PictureView
from lsap_cli.results.files import RESULTS_FILE
from lsap_cli.results.pictures import LOOK_FILE
from lsap_cli.runs.following import file_stamp

FRAMES_PER_SECOND = 4.0
WIDE = 100  # columns from which on the sides stand beside each other
NONE_YET = "This run has no pictures (yet); generate, apply and defend draw some."


class PicturesPane(Vertical):
    """The third tab."""

    DEFAULT_CLASSES = "pane"

    def __init__(self) -> None:
        super().__init__(id="pictures-pane")
        self.films: list[Film] = []
        self.place = 0
        self.frame = 0
        self.side = 0
        self.playing = True
        self._stamps: object = None
        self._problems: list[str] = []

    def compose(self) -> ComposeResult:
        yield Static(id="picture-title", markup=False)
        with Horizontal(id="sides"):
            for name in SIDES:
                with Vertical(classes="side", id=f"side-{name}"):
                    yield Static(name, classes="side-name")
                    yield PictureView()
        yield Static(id="picture-notes", markup=False)

    def on_mount(self) -> None:
        self._timer = self.set_interval(1 / FRAMES_PER_SECOND, self._tick, pause=True)

    def on_show(self) -> None:
        self._timer.resume()

    def on_hide(self) -> None:
        self._timer.pause()

    def on_resize(self) -> None:
        draw_guarded(self, self._draw)

    def show(self, reader: RunReader) -> None:
        """Reads the pictures, where they are new; of a demo, those of its parts too."""
        folders = [reader.folder]
        if is_part_of_demo(reader.folder):
            folders += [reader.folder.parent / name for name in ("generate", "defend")]
        folders = list(dict.fromkeys(folders))
        stamps = tuple(file_stamp(one / name) for one in folders for name in (LOOK_FILE, RESULTS_FILE))
        if stamps == self._stamps:
            return
        self._stamps = stamps
        self.films, self._problems = [], []
        for one in folders:
            films, problems = read_films(one)
            self.films += [film for film in films if film.title not in [known.title for known in self.films]]
            self._problems += problems
        self.place = min(self.place, max(0, len(self.films) - 1))
        self._draw()

    def step(self, by: int) -> None:
        """The next or last frame or slot."""
        if self.films:
            self.frame = (self.frame + by) % self.films[self.place].count
            self._draw()

    def next_film(self, by: int) -> None:
        if self.films:
            self.place = (self.place + by) % len(self.films)
            self.frame = 0
            self._draw()

    def next_side(self) -> None:
        self.side = (self.side + 1) % len(SIDES)
        self._draw()

    def toggle(self) -> None:
        self.playing = not self.playing
        self._draw()

    def _tick(self) -> None:
        visible = self.app.screen is self.screen and self.region.area > 0
        if visible and self.playing and self.films and self.films[self.place].count > 1:
            draw_guarded(self, lambda: self.step(1))

    def _draw(self) -> None:
        title, notes = self.query_one("#picture-title", Static), self.query_one("#picture-notes", Static)
        self.query_one("#sides").display = bool(self.films)
        if not self.films:
            title.update(Text("; ".join(self._problems) or NONE_YET))
            notes.update(Text())
            return
        film = self.films[self.place]
        place = f"{self.place + 1} of {len(self.films)}" if len(self.films) > 1 else ""
        unit = "slot" if "slot" in film.sides else "frame"
        frame = f"{unit} {self.frame % film.count + 1} of {film.count}"
        title.update(joined([film.title, place, frame, "" if self.playing else "paused"]))
        self._draw_sides(film)
        hidden = len(film.sides) > 1 and self.size.width < WIDE
        lines = [
            film.notes,
            "Space: play or pause   ← →: one by one   ↑ ↓: another"
            + ("  v: before / after / difference" if hidden else ""),
            "; ".join(self._problems),
        ]
        notes.update(Text("\n".join(line for line in lines if line)))

    def _draw_sides(self, film: Film) -> None:
        """Beside each other where there is room, else the chosen one alone."""
        names = list(film.sides)
        shown = names if self.size.width >= WIDE else [names[self.side % len(names)]]
        for place, (side, view) in enumerate(zip(SIDES, self.query(".side"), strict=True)):
            name = "slot" if names == ["slot"] and place == 0 else side
            view.display = name in shown
            if view.display:
                pictures = film.sides[name]
                view.query_one(".side-name", Static).update("" if name == "slot" else name)
                view.query_one(PictureView).show(pictures[self.frame % len(pictures)])
