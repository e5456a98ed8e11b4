"""One run: live, robustness, look, log, facts. Of a demo, its parts in turn."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Footer, TabbedContent, TabPane

from lsap_cli.dashboard.keys import HELP_KEY
from lsap_cli.dashboard.navigation import ChooseComparison, ResumeRun, StopRun
from lsap_cli.dashboard.panes.facts import FactsPane
from lsap_cli.dashboard.panes.live import LivePane, LogView
from lsap_cli.dashboard.panes.look import LookPane
from lsap_cli.dashboard.panes.robustness import RobustnessPane
from lsap_cli.dashboard.screens.page import Page
from lsap_cli.dashboard.summaries import run_seconds
from lsap_cli.dashboard.watching import ASIDE_SECONDS, RunWatch, Watcher
from lsap_cli.dashboard.widgets.heat import HeatTable
from lsap_cli.dashboard.widgets.words import Words
from lsap_cli.dashboard.words import ORANGE, duration, escaped, state_text
from lsap_cli.runs.reading import LIVE, read_facts

PARTS = ("generate", "apply", "defend")
TICK_SECONDS = 1.0
TABS = ("live", "robustness", "look", "log", "facts")


class RunScreen(Page):
    """One run folder.

    Args:
        folder: of the run; it need not hold anything yet.
    """

    HELP = f"""\
[b]Live[/b]  generate: the loss of the batches; how many of their clips are fooled, with the 95 % band, and ● on unseen
videos; the coherence of the pattern over time; the step size; the pace. apply: the files, and what a reader finds
changed in them. defend: the matrix while it fills up.
[b]Robustness[/b]  defenses (rows) by attacks (columns). Look at *no defense, no attack* first: a model that is often wrong
there says little elsewhere. Two rates whose intervals overlap may be the same. Enter shows each video of a cell; PgDn goes
on to what was found, the checks, the adaptive ladder, the sampler matrix and the ROC.
Accuracy: right answers. Fooling rate: predictions that differ from the clean, undefended one.
[b]Look[/b]  the pattern, slot by slot (which frame gets which slot is its *binding*), and videos before, after, and their
difference, amplified.
*Drawn every {ASIDE_SECONDS:.0f} s*: the run needs all cores of this machine, and drawing would slow it down; curves follow later.
Keys work at once.
[b]Facts[/b]  settings, versions, files, and what is damaged.

A demo has three parts; it shows the one that works, until you choose another with [ and ].
"""
    BINDINGS: ClassVar[list[BindingType]] = [
        HELP_KEY,
        Binding("escape", "back", "Back"),
        *[Binding(str(number), f"tab('{tab}')", tab.capitalize(), show=False) for number, tab in enumerate(TABS, 1)],
        Binding("v", "view", "Next curve"),
        Binding("s", "sampler", "Sampler"),
        Binding("m", "metric", "Metric"),
        Binding("pagedown", "page(1)", "More", key_display="PgDn", priority=True),
        Binding("pageup", "page(-1)", "Back up", show=False, priority=True),
        Binding("space", "play", "Play", priority=True),
        Binding("left", "step(-1)", "Last frame", show=False, priority=True),
        Binding("right", "step(1)", "Next frame", show=False, priority=True),
        Binding("up", "film(-1)", "Last picture", show=False, priority=True),
        Binding("down", "film(1)", "Next picture", show=False, priority=True),
        Binding("left_square_bracket", "part(-1)", "Part", key_display="["),
        Binding("right_square_bracket", "part(1)", "Part", key_display="]"),
        Binding("c", "compare", "Compare"),
        Binding("x", "stop", "Stop"),
        Binding("r", "resume", "Resume"),
    ]

    @dataclass
    class Changed(Message):
        """The watched folder has something new."""

        watch: RunWatch

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, RunScreen.Changed) and message.watch is self.watch

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self.current = RunWatch(folder)  # what is shown: the run, or a part of a demo
        self._watcher: Watcher | None = None
        self._shown = 0.0
        self._part: str | None = None  # chosen by a person; None: the one that works
        self._is_demo = self.current.facts.command == "demo"

    def compose(self) -> ComposeResult:
        yield Words(id="title")
        yield Words(id="parts")
        yield Words(id="problems", markup=False)
        with TabbedContent(initial="live"):
            for number, (tab, pane) in enumerate(
                zip(TABS, (LivePane, RobustnessPane, LookPane, LogPane, FactsPane), strict=True), 1
            ):
                with TabPane(f"{number} {tab.capitalize()}", id=tab):
                    yield pane()
        yield Footer(compact=True)

    def on_mount(self) -> None:
        self.query_one("#problems").display = False
        self._follow(self.folder)
        self.set_interval(TICK_SECONDS, self._tick)

    def on_unmount(self) -> None:
        self._end()

    def on_resize(self) -> None:
        self.call_after_refresh(self._show)

    def on_screen_resume(self) -> None:
        self._show()

    def _follow(self, folder: Path) -> None:
        self._end()
        # a demo is there to be looked at; any other run comes first
        self.current = watch = RunWatch(folder, quick=True, polite=not self._is_demo)
        self._watcher = Watcher(
            watch.look,
            lambda: self.post_message(self.Changed(watch)),
            watch.pause,
            watch.close,
        )
        self._watcher.start()

    def _end(self) -> None:
        if self._watcher is not None:
            self._watcher.stop()

    @on(Changed)
    def take(self, event: Changed) -> None:
        if event.watch is self.current:
            self._show()

    @on(TabbedContent.TabActivated)
    def tab_changed(self) -> None:
        self.refresh_bindings()
        self._show()

    def _tick(self) -> None:
        if not self.is_current:
            return
        if not self._is_demo and self.folder == self.current.folder and self.current.facts.command == "demo":
            self._is_demo = True
        if self._is_demo:
            self._choose_part()
        aside = self.current.steps_aside
        if self.current.facts.live and time.monotonic() - self._shown >= (ASIDE_SECONDS if aside else TICK_SECONDS):
            self._show()  # curves that waited for their turn
        elif not aside:
            self._show_title()

    def _choose_part(self) -> None:
        """Of a demo: the part that was chosen, else the newest there is."""
        there = [name for name in PARTS if (self.folder / name / "run.json").exists()]
        wanted = self._part or (there[-1] if there else None)
        folder = self.folder / wanted if wanted else self.folder
        if folder != self.current.folder:
            self._follow(folder)
        states = {name: read_facts(self.folder / name).state for name in there}
        shown = [
            f"{'[b]▸' if self.current.folder.name == name else '[dim] '}{name} "
            f"{state_text(states[name]).plain if name in states else 'not yet'}[/]"
            for name in PARTS
        ]
        self.query_one("#parts", Words).put("   ".join(shown) + "   [dim]\\[ ] chooses[/dim]")

    @property
    def _tab(self) -> str:
        return self.query_one(TabbedContent).active

    def _show(self) -> None:
        if not self.is_current or not self.is_mounted:
            return
        watch = self.current
        pane = self.query_one(f"#{self._tab}-pane")
        assert isinstance(pane, LivePane | RobustnessPane | LookPane | LogPane | FactsPane)
        self._shown = time.monotonic()
        with watch.lock:
            pane.show(watch)
        problems = self.query_one("#problems", Words)
        problems.display = bool(watch.problems)
        problems.put("damaged: " + "; ".join(watch.problems))
        self._show_title()

    def _show_title(self) -> None:
        facts = self.current.facts
        self.query_one("#parts").display = self._is_demo
        seconds = run_seconds(facts)
        parts = [
            f"[b]{escaped(self.folder.name, 30)}[/b]",
            escaped(facts.command, 14),
            state_text(facts.state).markup,
            duration(seconds),
            escaped(facts.classifier, 24),
            f"drawn every {ASIDE_SECONDS:.0f} s" if self.current.steps_aside else "",
        ]
        error = f"  [bold {ORANGE}]{escaped(facts.error, 60)}[/]" if facts.error else ""
        self.query_one("#title", Words).put(" · ".join(part for part in parts if part) + error)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys that mean nothing here are not shown."""
        if not self.is_mounted:
            return True
        tab, live = self._tab, self.current.facts.state in LIVE
        if action in ("step", "film", "play"):
            return tab == "look"
        if action == "view":
            return tab in ("live", "look")
        if action in ("sampler", "metric", "page"):
            return tab == "robustness"
        if action == "part":
            return self._is_demo
        if action == "stop":
            return live
        if action == "resume":
            return not live and self.current.facts.state != "done"
        return True

    def action_back(self) -> None:
        self.app.pop_screen()

    def action_tab(self, tab: str) -> None:
        self.query_one(TabbedContent).active = tab
        if tab == "robustness":
            self.query_one("#matrix").focus()

    def action_view(self) -> None:
        if self._tab == "look":
            self.query_one(LookPane).next_side()
        else:
            self.query_one(LivePane).next_curve()
            self.call_after_refresh(self._show)

    def action_sampler(self) -> None:
        self.query_one(RobustnessPane).next_sampler(self.current)

    def action_metric(self) -> None:
        self.query_one(RobustnessPane).next_metric(self.current)

    def action_page(self, by: int) -> None:
        """What is found lies below the matrix, which holds the focus."""
        pane = self.query_one(RobustnessPane)
        if by > 0:
            pane.scroll_page_down()
        else:
            pane.scroll_page_up()

    def action_play(self) -> None:
        self.query_one(LookPane).toggle()

    def action_step(self, by: int) -> None:
        self.query_one(LookPane).step(by)

    def action_film(self, by: int) -> None:
        self.query_one(LookPane).next_film(by)

    def action_part(self, by: int) -> None:
        there = [name for name in PARTS if (self.folder / name / "run.json").exists()]
        if there:
            now = self.current.folder.name
            place = there.index(now) if now in there else 0
            self._part = there[(place + by) % len(there)]
            self._choose_part()

    def action_compare(self) -> None:
        self.post_message(ChooseComparison(self.current.folder))

    def action_stop(self) -> None:
        self.post_message(StopRun(self.current.facts))

    def action_resume(self) -> None:
        self.post_message(ResumeRun(self.current.facts))

    @on(HeatTable.Opened)
    def open_cell(self, event: HeatTable.Opened) -> None:
        from lsap_cli.dashboard.screens.cell import CellScreen

        pane = self.query_one(RobustnessPane)
        if pane.sampler:
            self.app.push_screen(CellScreen(self.current, pane.rows, event.attack, event.defense, pane.sampler))


class LogPane(LogView):
    """The fourth tab: the log, as tall as the screen."""

    def __init__(self) -> None:
        super().__init__(id="log-pane")

    def show(self, watch: RunWatch) -> None:  # type: ignore[override]  # panes are shown a watch, a log its history
        super().show(watch.history)
