"""Pictures in turn: the slots of a perturbation, or frames of a video before, after and their difference."""

from textual.app import App, ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import Static

from lsap_cli.dashboard.films import SIDES, Film
from lsap_cli.dashboard.guard import Guarded, draw_guarded
from lsap_cli.dashboard.widgets.picture import PictureView

FRAMES_PER_SECOND = 4.0
ROUNDS = 5  # that a film plays before it rests: drawing takes a tenth of a core
WIDE = 100  # columns from which on the sides stand beside each other


class FilmView(Guarded, Horizontal):
    """One film: it plays by itself, one frame after the other.

    Attributes:
        film: what is shown; None: nothing.
        frame: number of the one that is shown, of `film.count`.
        playing: whether it goes on by itself.
    """

    class Stepped(Message):
        """Another frame is shown."""

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self.film: Film | None = None
        self.frame = 0
        self.side = 0
        self.playing = True
        self._rounds = 0

    def compose(self) -> ComposeResult:
        for name in SIDES:
            with Vertical(classes="side", id=f"side-{name}"):
                yield Static(name, classes="side-name")
                yield make_picture_view(self.app)

    def on_mount(self) -> None:
        self._timer = self.set_interval(1 / FRAMES_PER_SECOND, self._tick, pause=True)

    def on_show(self) -> None:
        self._timer.resume()

    def on_hide(self) -> None:
        self._timer.pause()

    def on_resize(self) -> None:
        draw_guarded(self, self.draw)

    def show(self, film: Film | None, from_start: bool = True) -> None:
        self.film = film
        self.frame = 0 if from_start or film is None else self.frame % film.count
        self._rounds = 0
        self.draw()

    def step(self, by: int) -> None:
        """The next or last frame or slot."""
        if self.film is not None:
            self.frame = (self.frame + by) % self.film.count
            self._rounds += self.frame == 0
            self.draw()
            self.post_message(self.Stepped())

    def toggle(self) -> None:
        """Plays, or rests."""
        self.playing, self._rounds = self.is_at_rest, 0
        self.post_message(self.Stepped())

    @property
    def is_at_rest(self) -> bool:
        """Whether it was paused, or has played often enough."""
        return not self.playing or self._rounds >= ROUNDS

    def next_side(self) -> None:
        self.side = (self.side + 1) % len(SIDES)
        self.draw()

    @property
    def hides_sides(self) -> bool:
        """Whether there is no room for all sides beside each other."""
        return self.film is not None and len(self.film.sides) > 1 and self.size.width < WIDE

    @property
    def place(self) -> str:
        """Where it is, in words."""
        film = self.film
        if film is None:
            return ""
        unit = "slot" if "slot" in film.sides else "frame"
        return f"{unit} {self.frame % film.count + 1} of {film.count}{', paused' if self.is_at_rest else ''}"

    def draw(self) -> None:
        """Beside each other where there is room, else the chosen side alone; all pictures have one size."""
        self.display = self.film is not None
        if self.film is None:
            return
        names = list(self.film.sides)
        shown = [names[self.side % len(names)]] if self.hides_sides else names
        columns = self.size.width // len(shown)
        for place, (side, box) in enumerate(zip(SIDES, self.query(".side"), strict=True)):
            name = "slot" if names == ["slot"] and place == 0 else side
            box.display = name in shown
            if box.display:
                pictures = self.film.sides[name]
                box.query_one(".side-name", Static).update("" if name == "slot" else name)
                box.query_one(PictureView).show(pictures[self.frame % len(pictures)], columns=columns)

    def _tick(self) -> None:
        visible = self.app.screen is self.screen and self.region.area > 0
        if visible and not self.is_at_rest and self.film is not None and self.film.count > 1:
            draw_guarded(self, lambda: self.step(1))


def make_picture_view(app: App[object]) -> PictureView:
    """A view of the kind that the terminal can draw, as the application was told."""
    kind = getattr(app, "pictures", "blocks")
    if kind == "blocks":
        return PictureView()
    from lsap_cli.dashboard.widgets.pixel_picture import PixelPictureView

    return PixelPictureView(kind)
