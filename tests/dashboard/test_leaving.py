"""Closing the dashboard, or a screen, while parts of it are still being mounted."""

import asyncio
import threading
from pathlib import Path

import pytest
from textual.app import ComposeResult
from textual.events import Mount
from textual.widgets import Static

from lsap_cli.dashboard.app import Dashboard
from lsap_cli.dashboard.guard import LeavingApp
from lsap_cli.dashboard.polling import PollingThread
from lsap_cli.dashboard.screens.page import Page
from tests.dashboard.conftest import commands

RECORDED = Path(__file__).parent / "recorded"


class Unfinished(Static):
    """A widget that needs another one, as tabs do, and is mounted while that one is already gone."""

    async def _on_mount(self, event: Mount) -> None:  # type: ignore[override]  # textual awaits it
        leave = self.app.exit if self.name == "the dashboard" else self.screen.dismiss
        leave()
        await asyncio.sleep(0.05)
        raise ValueError("No Tab with id")


class Unmounted(Page):
    def compose(self) -> ComposeResult:
        yield Unfinished(name=self.name)


@pytest.mark.parametrize("leaves", ["the dashboard", "the screen"])
def test_what_is_mounted_while_it_is_closed_raises_nothing(leaves: str) -> None:
    class Alone(LeavingApp):
        def on_mount(self) -> None:
            self.push_screen(Unmounted(name=leaves), lambda _: self.exit())

    app = Alone()
    asyncio.run(app.run_async(headless=True))
    assert app._exception is None
    assert app.return_code == 0


def test_a_widget_of_a_screen_that_stays_still_ends_the_dashboard_by_its_error() -> None:
    class Broken(Static):
        def on_mount(self) -> None:
            raise ValueError("a fault")

    class Alone(LeavingApp):
        def compose(self) -> ComposeResult:
            yield Broken()

    app = Alone()
    asyncio.run(app.run_async(headless=True))
    assert isinstance(app._exception, ValueError)


@pytest.mark.parametrize("turns", [0, 3, 30])
def test_a_dashboard_that_is_closed_while_it_opens_a_run_ends_without_an_error(turns: int) -> None:
    app = Dashboard(RECORDED, commands(), RECORDED / "second")

    async def close_soon() -> None:
        while not app.is_running:
            await asyncio.sleep(0)
        for _ in range(turns):
            await asyncio.sleep(0)
        app.exit()

    async def session() -> None:
        closing = asyncio.create_task(close_soon())
        await app.run_async(headless=True)
        await closing

    asyncio.run(session())
    assert app._exception is None
    assert app.return_code == 0


def test_a_thread_whose_screen_takes_no_message_any_more_ends_without_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    raised: list[object] = []
    closed = threading.Event()
    monkeypatch.setattr(threading, "excepthook", raised.append)

    def refuse(*_: object) -> None:
        raise RuntimeError("Event loop is closed")

    thread = PollingThread(lambda: True, refuse, lambda _: 0.0, closed.set, refuse)
    thread.start()
    thread.join(20)
    assert not thread.is_alive()
    assert closed.is_set(), "what it has open is closed"
    assert not raised
