"""A run's events as a person follows them: a live bar on a terminal, plain lines elsewhere. Talk goes to stderr."""

import sys
import time
from pathlib import Path
from types import TracebackType

from rich.console import Console, RenderableType
from rich.markup import escape
from rich.style import Style
from rich.text import Text

from lsap_cli.commands.progress_bar import CommandBar, place_words
from lsap_cli.results.base import or_none
from lsap_cli.results.event_words import (
    LEFT_OUT,
    cell_words,
    cluster_words,
    pace_text,
    resumed_words,
    sampler_range_of,
    skipped_words,
    split_words,
    step_words,
    verification_words,
)
from lsap_cli.results.events import (
    CellEvent,
    ClusterEvent,
    Event,
    FileEvent,
    FramesEvent,
    HeaderEvent,
    JudgingEvent,
    KeptEvent,
    NoteEvent,
    PreviewEvent,
    ResumedEvent,
    SkippedEvent,
    SplitEvent,
    StageEvent,
    StartEvent,
    StepEvent,
    VerificationEvent,
    VideoEvent,
    WarningEvent,
)
from lsap_cli.results.text import printable
from lsap_cli.runs.whole_progress import WholeProgress

PLAIN_EVERY_SECONDS = 10.0


class Screen:
    """Shows events. A context manager: the bar is gone when it closes.

    Args:
        quiet: show nothing.
    """

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._console = Console(file=sys.stderr, highlight=False)
        self._live = sys.stderr.isatty() and not self._console.is_dumb_terminal and not quiet
        self._progress = WholeProgress()
        self._bar = CommandBar(self._console, self._progress)
        self._stage_event: StageEvent | None = None
        self._stage = ""
        self._done = 0
        self._total = 0
        self._last_plain = 0.0
        self._about = ""  # of the stage, where the bar calls it by a number
        self._short = ""
        self._batch = ""  # of the newest step whose fooled clips were counted

    def __enter__(self) -> "Screen":
        if self._live:
            self._bar.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()

    def show(self, event: Event) -> None:
        """Shows one event; kinds that are not named here are for other readers."""
        if self._quiet and not isinstance(event, SkippedEvent):
            return
        if isinstance(event, StartEvent):  # a demo has several commands
            self._progress = self._bar.progress = WholeProgress()
        self._progress.take(event, time.monotonic())
        match event:
            case StageEvent():
                self._show_stage(event)
            case VideoEvent():
                self._count("videos", event.path)
            case HeaderEvent() | KeptEvent() | FileEvent():
                self._count("files", event.path)
            case PreviewEvent():
                self._count("files", event.path)
                self._say(f"preview of {_safe(event.path)}: {_safe(event.folder)}")
            case JudgingEvent():
                text = f"{self._place('videos', event.path)}: {event.share:.0%} judged"
                self._advance(text)
            case FramesEvent():
                self._show_frames(event)
            case CellEvent():
                self._count("cells", event.cell)
                if event.failed:
                    self._say(f"[red]failed[/]{_safe(cell_words(event).removeprefix('failed'))}")
            case SkippedEvent():
                self._done += 1
                text = _safe(skipped_words(event)).removeprefix(LEFT_OUT)
                self._console.print(f"[red]{LEFT_OUT}[/]{text}", soft_wrap=not self._live)
            case WarningEvent():
                self._say(f"[yellow]note[/] {_safe(event.message)}")
            case NoteEvent():
                self._say(f"\n[bold]{_safe(event.message)}[/]")
            case SplitEvent():
                self._say(split_words(event))
            case ResumedEvent():
                self._say(resumed_words(event))
            case StepEvent():
                self._show_step(event)
            case VerificationEvent():
                self._show_verification(event)
            case ClusterEvent():
                if event.start_seconds is not None:
                    self._say(f"{_safe(cluster_words(event))}, ready after {event.start_seconds:.0f} s")

    def say(self, text: str) -> None:
        """A line that stays, shown as it is: names of files in it are never read as markup."""
        self._say(escape(printable(text)))

    def place(self, name: str, path: Path) -> None:
        """A line that stays, with a path in full, which is a link where the terminal can show one."""
        if not self._quiet:
            self._console.print(Text(name).append_text(linked(path)), soft_wrap=True)

    def _say(self, markup: str) -> None:
        if not self._quiet:
            self._console.print(markup, soft_wrap=not self._live)

    def result(self, *parts: RenderableType, as_json: bool = False) -> None:
        """Results of a command: on stdout, or on stderr where stdout belongs to a JSON document.

        The bar is gone before: it would be drawn over what stands on the same terminal.
        """
        self._bar.close()
        if not (as_json and self._quiet):
            print_parts(*parts, to_stderr=as_json)

    def _show_stage(self, event: StageEvent) -> None:
        self._stage_event = event
        self._stage, self._done, self._total = event.name, 0, event.total or 0
        self._last_plain = time.monotonic()
        if not self._live:
            self._say(f"{escape(self._stage)} …")
        self._bar.stage = _bar_stage(event)
        self._about = f"{event.name}: " if self._bar.stage != printable(event.name) else ""
        self._bar.detail = self._about

    def _show_frames(self, event: FramesEvent) -> None:
        pace = f"  {pace_text(event.frames_per_second, 'frame')}" if event.frames_per_second else ""
        self._advance(
            f"{event.files_done} of {event.files} files  {event.path[-40:]}: "
            f"{event.doing} frame {event.frame} of {event.frames}{pace}"
        )

    def _show_step(self, event: StepEvent) -> None:
        clips = event.clips or 0
        done = event.number * clips
        pace = f"  {pace_text(done / event.seconds)}" if done and event.seconds else ""
        loss = "not finite" if event.loss is None else f"{event.loss:.2f}"
        if event.fooled is not None:
            self._batch = f"fooled {event.fooled:.0f}/{clips:.0f}"
        right = or_none(event.right)
        if right is not None:
            self._batch = f"right {right:.0f}/{clips:.0f}"
        fooled = self._short or self._batch
        self._advance(f"{step_words(event, self._stage_event)}  loss {loss}  {fooled}{pace}")

    def _show_verification(self, event: VerificationEvent) -> None:
        accuracy = or_none(event.accuracy)
        if accuracy is not None:
            self._short = f"accuracy {accuracy.value:.2f} ({accuracy.interval})"
            self._say(f"[dim]{_safe(verification_words(event))}[/]")
        fooling = sampler_range_of(event)
        if fooling is None:
            return
        self._short = f"fooling {fooling.lowest.value:.2f} ({fooling.lowest.interval})"
        self._say(f"[dim]{_safe(verification_words(event))}[/]")

    def _count(self, what: str, path: str) -> None:
        self._done += 1
        self._advance(self._place(what, path))

    def _place(self, what: str, path: str) -> str:
        of = f" of {self._total}" if self._total else ""
        return f"{self._done}{of} {what}  {path[-40:]}"

    def _advance(self, text: str) -> None:
        """What is being done now: below the bar, or from time to time as a line."""
        self._bar.detail = f"{self._about}{text}"
        now = time.monotonic()
        if not self._live and now - self._last_plain > PLAIN_EVERY_SECONDS:
            self._last_plain = now
            place = place_words(self._progress, now)
            self._say(_safe(f"{self._stage}: {text}{place and f'  ({place})'}"))


def _bar_stage(event: StageEvent) -> str:
    """A stage as the bar calls it: attackers by their number."""
    if or_none(event.attacker) and or_none(event.attackers):
        return f"attacker {event.attacker} of {event.attackers}"
    return printable(event.name)


def print_parts(*parts: RenderableType, to_stderr: bool = False) -> None:
    """Sentences and tables; nothing in them is read as markup: they hold names of files, labels and specs."""
    file = sys.stderr if to_stderr else sys.stdout
    Console(file=file, highlight=False, markup=False).print(*parts, sep="\n")


def print_place(path: Path) -> None:
    """A path on stdout, alone on its line; a link where stdout is a terminal that can show one."""
    Console(highlight=False).print(linked(path), soft_wrap=True)


def linked(path: Path) -> Text:
    """A path as it is written, which a terminal can open."""
    return Text(printable(str(path)), style=Style(link=path.absolute().as_uri()))


def _safe(text: str) -> str:
    """A name or a sentence of somebody else's, never read as markup."""
    return escape(printable(text))
