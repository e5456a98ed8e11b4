"""A run's events as a person follows them: a live bar on a terminal, plain lines elsewhere. Talk goes to stderr."""

import sys
import time
from types import TracebackType

from msgspec import convert
from rich.console import Console, RenderableType
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from lsap_cli.reports.rows import printable
from lsap_cli.results.rates import Rate
from lsap_cli.results.spread import SamplerRange
from lsap_cli.runs import Event

PLAIN_EVERY_SECONDS = 10.0


class Screen:
    """Shows events. A context manager: the bar is gone when it closes.

    Args:
        quiet: show nothing.
    """

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._console = Console(file=sys.stderr, highlight=False)
        self._live = self._console.is_terminal and not quiet
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[text]}"),
            console=self._console,
            transient=True,
            expand=True,
            disable=not self._live,
            refresh_per_second=5,
        )
        self._task: TaskID | None = None
        self._stage = ""
        self._done = 0
        self._total = 0
        self._last_plain = 0.0
        self._short = ""

    def __enter__(self) -> "Screen":
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def show(self, event: Event) -> None:
        """Shows one event; kinds that it does not know are for other readers."""
        if self._quiet and event["kind"] != "skipped":
            return
        handler = getattr(self, f"_on_{event['kind']}", None)
        if handler is not None:
            handler(event)

    def say(self, text: str) -> None:
        """A line that stays, shown as it is: names of files in it are never read as markup."""
        self._say(escape(printable(text)))

    def _say(self, markup: str) -> None:
        if not self._quiet:
            self._console.print(markup, soft_wrap=not self._live)

    def result(self, *parts: RenderableType, as_json: bool = False) -> None:
        """What a command found: on stdout, or beside its talk where stdout belongs to a JSON document."""
        if as_json and self._quiet:
            return
        console = self._console if as_json else Console(highlight=False)
        console.print(*parts, sep="\n")

    def _on_stage(self, event: Event) -> None:
        self._stage, self._done, self._total = (
            event["name"],
            0,
            event.get("videos") or event.get("files") or 0,
        )
        self._last_plain = time.monotonic()
        if not self._live:
            self._say(f"{self._stage} …")
        if self._task is not None:
            self._progress.remove_task(self._task)
        self._task = self._progress.add_task(f"[bold]{escape(self._stage)}[/]", total=None, text="")

    def _on_video(self, event: Event) -> None:
        self._done += 1
        self._advance(self._done, self._total, self._place("videos", event))

    def _on_judging(self, event: Event) -> None:
        text = f"{self._place('videos', event)}: {event['share']:.0%} judged"
        self._advance(self._done + event["share"], self._total, text)

    def _on_seen(self, event: Event) -> None:
        self._on_file(event)

    def _on_kept(self, event: Event) -> None:
        self._on_file(event)

    def _on_preview(self, event: Event) -> None:
        self._on_file(event)
        self._say(f"preview of {escape(printable(event['path']))}: {escape(printable(event['folder']))}")

    def _on_frames(self, event: Event) -> None:
        left = "" if event["seconds_left"] is None else f"  {_clock(event['seconds_left'])} left"
        text = (
            f"{event['files_done']} of {event['files']} files  [dim]{escape(printable(event['path'])[-40:])}[/]: "
            f"{event['doing']} frame {event['frame']} of {event['frames']}  "
            f"{event['frames_per_second']:.0f} frames/s{left}"
        )
        self._advance(event["progress"], 1.0, text)

    def _on_file(self, event: Event) -> None:
        self._done += 1
        self._advance(self._done, self._total, self._place("files", event))

    def _on_skipped(self, event: Event) -> None:
        self._done += 1
        text = f"[red]left out[/] {escape(printable(event['path']))}: {escape(printable(event['reason']))}"
        self._console.print(text, soft_wrap=not self._live)

    def _on_warning(self, event: Event) -> None:
        self._say(f"[yellow]note[/] {escape(printable(event['message']))}")

    def _on_note(self, event: Event) -> None:
        self._say(f"\n[bold]{escape(printable(event['message']))}[/]")

    def _on_split(self, event: Event) -> None:
        self._say(
            f"{event['fit']} videos to learn from, {event['verify']} to verify on; decoded in {event['decode_seconds']:.0f} s, "
            f"{(event['memory_bytes'] + event['disk_bytes']) / 2**20:.0f} MB of frames"
        )

    def _on_resumed(self, event: Event) -> None:
        self._say(f"resumed after step {event['step']}")

    def _on_step(self, event: Event) -> None:
        number, clips, spent = event["number"], event["clips"], event["seconds"]
        pace = number * clips / spent if spent else 0.0
        text = (
            f"step {number}  loss {event['loss']:.2f}  {self._short or 'fooled ' + str(event['fooled']) + '/' + str(clips)}"
            f"  {pace:.0f} clips/s  {_clock(event['seconds_left'])} left"
        )
        self._advance(event["progress"], 1.0, text)

    def _on_verification(self, event: Event) -> None:
        rates = {spec: convert(one, Rate) for spec, one in event["by_sampler"].items()}
        found = SamplerRange.of_rates(rates)
        if found is None:
            return
        self._short = f"fooling {found.lowest.value:.2f} ({found.lowest.interval})"
        self._say(
            f"[dim]step {event['step']}: fooling rate on {found.lowest.of} unseen videos and unseen samplers "
            f"{escape(printable(found))}[/]"
        )

    def _place(self, what: str, event: Event) -> str:
        return f"{self._done} of {self._total} {what}  [dim]{escape(printable(event['path'])[-40:])}[/]"

    def _advance(self, done: float, total: float, text: str) -> None:
        if self._live and self._task is not None:
            self._progress.update(self._task, completed=done, total=total or None, text=text)
        elif not self._live and time.monotonic() - self._last_plain > PLAIN_EVERY_SECONDS:
            self._last_plain = time.monotonic()
            self._say(f"{escape(self._stage)}: {text}")


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
