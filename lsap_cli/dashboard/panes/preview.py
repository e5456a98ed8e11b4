"""The run under the list's cursor, beside the list: its answer, figures, curve, pattern, and its error in full."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.message import Message
from textual.widgets import Static

from lsap_cli.dashboard.formatting import BLUE, ORANGE, duration, joined, name_text, one_line, spark, state_text
from lsap_cli.dashboard.guard import Guarded, draw_guarded
from lsap_cli.dashboard.summaries import RunSummary
from lsap_cli.dashboard.widgets.answer import figure_lines, verdict_text
from lsap_cli.results.text import printable

if TYPE_CHECKING:
    from PIL.Image import Image

    from lsap_cli.dashboard.widgets.picture import PictureView
    from lsap_cli.results.verdict import KeyFigure, Verdict

SETTLE_SECONDS = 0.15  # that the cursor rests on a run before its files are read


class PreviewPane(Guarded, VerticalScroll, can_focus=False):
    """Details of one run. Its files are read by a thread, and only once the cursor rests."""

    class Read(Message):
        """The files of a run were read.

        Args:
            folder: of the run.
            preview: what is in them; a `RunPreview`, whose module needs Pillow and is imported by the thread.
        """

        def __init__(self, folder: Path, preview: object) -> None:
            super().__init__()
            self.folder, self.preview = folder, preview

    def __init__(self) -> None:
        super().__init__(id="preview")
        self._run: RunSummary | None = None
        self._picture: PictureView | None = None

    def compose(self) -> ComposeResult:
        yield Static(id="preview-head", markup=False)
        yield Static(id="preview-answer", markup=False)

    def show(self, run: RunSummary | None) -> None:
        """Shows what the list knows of a run at once, the rest as soon as it is read."""
        if run == self._run or not self.display:
            return
        same = run is not None and self._run is not None and run.snapshot.folder == self._run.snapshot.folder
        self._run = run
        self.query_one("#preview-head", Static).update(head_text(run, self.size.width - 3) if run else Text())
        if run is None or not same:
            self._show_answer(None)
        if run is not None:
            self.set_timer(SETTLE_SECONDS, lambda: self._read_if_still(run))

    def on_resize(self) -> None:
        run, self._run = self._run, None
        self.show(run)

    def _read_if_still(self, run: RunSummary) -> None:
        if run is self._run:
            self._read_files(run)

    @work(thread=True, exclusive=True, exit_on_error=False)
    def _read_files(self, run: RunSummary) -> None:
        from lsap_cli.dashboard.previewing import read_preview

        try:
            preview: object = read_preview(run.snapshot)
        except Exception as error:  # a strange folder must not end the thread without a word
            preview = f"its files cannot be shown ({type(error).__name__}: {printable(error)[:80]})"
        self.post_message(self.Read(run.snapshot.folder, preview))

    def on_preview_pane_read(self, event: Read) -> None:
        if self._run is not None and event.folder == self._run.snapshot.folder:
            draw_guarded(self, lambda: self._show_answer(event.preview))

    def _show_answer(self, preview: object) -> None:
        from lsap_cli.dashboard.previewing import RunPreview

        answer = self.query_one("#preview-answer", Static)
        picture = preview.picture if isinstance(preview, RunPreview) else None
        self._show_picture(picture)
        if isinstance(preview, RunPreview):
            answer.update(answer_text(preview.verdict, preview.figures, [*preview.problems, preview.last_words]))
        else:
            answer.update(Text(str(preview or "")))

    def _show_picture(self, picture: "Image | None") -> None:
        """The view is made for the first picture: Pillow is imported no sooner."""
        if self._picture is None and picture is not None:
            from lsap_cli.dashboard.widgets.film_view import make_picture_view

            self._picture = make_picture_view(self.app)
            self._picture.id = "preview-picture"
            self.mount(self._picture)
        view = self._picture
        if view is not None:
            view.display = picture is not None
            self.call_after_refresh(lambda: view.show(picture))


def head_text(run: RunSummary, width: int) -> Text:
    """State, name, what it was asked to do, its figure, its curve, its error in full."""
    snapshot = run.snapshot
    text = Text().append_text(name_text(run.name, max(10, width), "bold")).append("\n")
    tags = " ".join(f"#{tag}" for tag in run.labels.tags)
    about: list[str | Text] = [
        state_text(snapshot.state),
        snapshot.command,
        duration(run.seconds),
        name_text(snapshot.classifier, 24),
    ]
    text.append_text(joined([*about, printable(tags)])).append("\n")
    text.append(f"{run.description}\n" if run.description else "", style="dim")
    text.append(f"{printable(run.labels.note)}\n" if run.labels.note else "", style="italic")
    if snapshot.error or snapshot.problems:
        text.append(f"\n{printable(snapshot.error or '; '.join(snapshot.problems))}\n", style=ORANGE)
    elif run.figure:
        text.append(f"\n{one_line(run.figure, max(10, width))}\n", style="bold")
    if run.curve:
        what = (
            "loss" if snapshot.command in ("generate", "train", "harden") else "accuracy: undefended, then each defense"
        )
        text.append(spark(list(run.curve), max(8, width - 2)), style=BLUE).append(f"\n{what}\n", style="dim")
    return text


def answer_text(verdict: "Verdict | None", figures: "Sequence[KeyFigure]", notes: Sequence[str]) -> Text:
    """The verdict, the figures a line each, and what is damaged."""
    text = Text("\n")
    if verdict is not None:
        text.append_text(verdict_text(verdict)).append("\n")
    for line in figure_lines(figures):
        text.append(f"\n{line}")
    for note in notes:
        text.append(f"\n{printable(note)}" if note else "", style=ORANGE)
    return text
