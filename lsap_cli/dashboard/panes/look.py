"""What the perturbation looks like and does: its slots in turn, and a video's frames before, after and their difference."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, UnidentifiedImageError
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Static

from lsap_cli.dashboard.launching import is_part_of_demo
from lsap_cli.dashboard.watching import RunWatch
from lsap_cli.dashboard.widgets.picture import Picture
from lsap_cli.dashboard.words import figure, one_line
from lsap_cli.reports.rows import printable
from lsap_cli.runs.history import number
from lsap_cli.runs.reading import RESULTS_FILE, read_json

LOOK_FILE = "pictures/look.json"
FRAMES_A_SECOND = 4.0
SIDES = ("before", "after", "difference")
MOST_PIXELS = 2**22  # a run's pictures are small; anything larger is none of them
MOST_FRAMES = 240
DAMAGE = (OSError, ValueError, SyntaxError, UnidentifiedImageError, Image.DecompressionBombError)


@dataclass(frozen=True)
class Film:
    """Pictures in turn: the slots of a perturbation, or the frames of a video.

    Attributes:
        title: what is seen.
        sides: pictures by name (`slot`, or before, after, difference), each list as long as `count`.
        notes: what stands below: the scale, the predictions.
    """

    title: str
    sides: Mapping[str, list[Image.Image]]
    notes: str

    @property
    def count(self) -> int:
        return max(len(pictures) for pictures in self.sides.values())


def read_films(folder: Path) -> tuple[list[Film], list[str]]:
    """What a run folder has to look at, and what of it is damaged."""
    look, problem = read_json(folder / LOOK_FILE)
    problems = [problem] if problem else []
    films: list[Film] = []
    if look is not None:
        films += _films(folder, look, problems)
    results, _ = read_json(folder / RESULTS_FILE)
    pictures = (results or {}).get("pictures")
    if isinstance(pictures, Mapping):
        films += _old_films(folder, pictures, problems, bool(films))
    return films, problems


class LookPane(Vertical):
    """The third tab."""

    DEFAULT_CLASSES = "pane"

    def __init__(self) -> None:
        super().__init__(id="look-pane")
        self.films: list[Film] = []
        self.place = 0
        self.frame = 0
        self.side = 0
        self.playing = True
        self._seen: object = None
        self._problems: list[str] = []

    def compose(self) -> ComposeResult:
        yield Static(id="look-title", markup=False)
        with Horizontal(id="pictures"):
            for name in SIDES:
                with Vertical(classes="side", id=f"side-{name}"):
                    yield Static(name, classes="side-name")
                    yield Picture()
        yield Static(id="look-notes", markup=False)

    def on_mount(self) -> None:
        self._timer = self.set_interval(1 / FRAMES_A_SECOND, self._tick, pause=True)

    def on_show(self) -> None:
        self._timer.resume()

    def on_hide(self) -> None:
        self._timer.pause()

    def on_resize(self) -> None:
        self._draw()

    def show(self, watch: RunWatch) -> None:
        """Reads the pictures, where they are new; of a demo, those of its parts too."""
        folders = [watch.folder, *(watch.folder.parent / name for name in ("generate", "defend"))]
        folders = [one for one in dict.fromkeys(folders) if one == watch.folder or is_part_of_demo(watch.folder)]
        stamps = tuple(_stamp(one / name) for one in folders for name in (LOOK_FILE, RESULTS_FILE))
        if stamps == self._seen:
            return
        self._seen = stamps
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
        seen = self.app.screen is self.screen and self.region.area > 0
        if seen and self.playing and self.films and self.films[self.place].count > 1:
            self.step(1)

    def _draw(self) -> None:
        title, notes = self.query_one("#look-title", Static), self.query_one("#look-notes", Static)
        if not self.films:
            why = "; ".join(self._problems) or (
                "This run has no pictures (yet). lsap generate draws the perturbation, lsap defend videos before and after."
            )
            title.update(why)
            notes.update("")
            self.query_one("#pictures").display = False
            return
        self.query_one("#pictures").display = True
        film = self.films[self.place]
        names = list(film.sides)
        wide = self.size.width >= 100
        shown = names if wide or len(names) == 1 else [names[self.side % len(names)]]
        where = f"{self.place + 1} of {len(self.films)}" if len(self.films) > 1 else ""
        frame = f"{'slot' if names == ['slot'] else 'frame'} {self.frame % film.count + 1} of {film.count}"
        title.update(" · ".join(part for part in (film.title, where, frame, "" if self.playing else "paused") if part))
        for place, (side, view) in enumerate(zip(SIDES, self.query(".side"), strict=True)):
            name = names[0] if names == ["slot"] and place == 0 else side
            view.display = name in shown
            if view.display:
                pictures = film.sides[name]
                view.query_one(".side-name", Static).update("" if name == "slot" else name)
                view.query_one(Picture).show(pictures[self.frame % len(pictures)])
        more = "" if wide or len(names) == 1 else "  v: before / after / difference"
        problems = f"\n{'; '.join(self._problems)}" if self._problems else ""
        keys = "Space: play or pause   ← →: one by one   ↑ ↓: another"
        notes.update(f"{film.notes}\n{keys}{more}{problems}")


def _films(folder: Path, look: Mapping[str, Any], problems: list[str]) -> list[Film]:
    films: list[Film] = []
    drawn = look.get("perturbation")
    if isinstance(drawn, Mapping) and isinstance(drawn.get("slots"), list):
        read = [_picture(folder, name, problems) for name in drawn["slots"][:MOST_FRAMES]]
        slots = [one for one in read if one is not None]
        if slots:
            films.append(Film("the perturbation", {"slot": slots}, _slot_notes(drawn)))
    videos = look.get("videos")
    for one in videos if isinstance(videos, list) else []:
        if not isinstance(one, Mapping):
            continue
        count = number(one.get("frames"))
        whole = int(count) if count is not None and 1 <= count <= MOST_FRAMES else 1
        sides = {side: _frames(_picture(folder, one.get(side), problems), whole) for side in SIDES}
        if all(sides.values()):
            films.append(Film(one_line(one.get("video", "a video"), 50), sides, _video_notes(one)))
    return films


def _old_films(folder: Path, pictures: Mapping[str, Any], problems: list[str], have_new: bool) -> list[Film]:
    """From runs that drew single frames only."""
    if have_new:
        return []
    films = []
    whole = _picture(folder, pictures.get("perturbation"), problems)
    if whole is not None:
        scale = number(pictures.get("perturbation_scale"))
        films.append(Film("the perturbation, all slots", {"slot": [whole]}, _scale_note(scale)))
    frames = pictures.get("frames")
    for one in frames if isinstance(frames, list) else []:
        if isinstance(one, Mapping):
            sides = {side: _frames(_picture(folder, one.get(side), problems), 1) for side in SIDES}
            if all(sides.values()):
                films.append(Film(one_line(one.get("video", "a video"), 50), sides, _video_notes(one)))
    return films


def _slot_notes(drawn: Mapping[str, Any]) -> str:
    step, binding = number(drawn.get("step")), drawn.get("binding")
    parts = [
        f"binding {printable(binding)}" if binding else "",
        f"after step {step:.0f}" if step is not None else "",
        _scale_note(number(drawn.get("scale"))),
    ]
    return " · ".join(part for part in parts if part)


def _scale_note(scale: float | None) -> str:
    return f"gray is no change, black and white are {figure(scale, 1)} of 255 levels" if scale is not None else ""


def _video_notes(one: Mapping[str, Any]) -> str:
    factor = number(one.get("factor"))
    seen = [printable(one.get(name) or "") for name in ("clean_prediction", "attacked_prediction")]
    said = f"the model sees: {seen[0]} before, {seen[1]} after" if all(seen) else ""
    amplified = f"the difference is shown {factor:.0f} times as strong" if factor is not None else ""
    return " · ".join(part for part in (said, amplified) if part)


def _picture(folder: Path, name: object, problems: list[str]) -> Image.Image | None:
    """One picture file inside of the run folder; None where there is none, or it is damaged."""
    if not isinstance(name, str):
        return None
    path = folder / name
    try:
        if not path.resolve().is_relative_to(folder.resolve()):
            raise ValueError("it lies outside of the run")
        with Image.open(path) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                raise ValueError(f"it has {picture.width} x {picture.height} pixels")
            return picture.convert("RGBA")
    except DAMAGE as error:
        problems.append(f"{name} cannot be shown ({' '.join(str(error).split())[:80]})")
        return None


def _frames(strip: Image.Image | None, count: int) -> list[Image.Image]:
    """The frames that stand below each other in one picture."""
    if strip is None:
        return []
    height = strip.height // count
    return [strip.crop((0, place * height, strip.width, (place + 1) * height)) for place in range(count) if height]


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size
