"""The dashboard in a browser of this machine, by textual-serve: one process of the dashboard for each open page."""

import asyncio
import re
import secrets
import shlex
import socket
import sys
import tempfile
import weakref
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp_jinja2
import jinja2
from aiohttp import web
from textual_serve.server import Server

HOST = "127.0.0.1"
PAGE = "app_index.html"
OUTSIDE = re.compile(r"<(?:link|script)\s[^>]*https?://[^>]*>(?:\s*</script>)?")
open_sockets: "weakref.WeakSet[web.WebSocketResponse]" = weakref.WeakSet()


class CountedSocket(web.WebSocketResponse):
    """A page's connection, known to the server so that it can close all of them when it ends."""

    def __init__(self, *arguments: Any, **named: Any) -> None:  # as aiohttp declares them
        super().__init__(*arguments, **named)
        open_sockets.add(self)


class DashboardServer(Server):
    """Serves pages to this machine only, below an address that nobody can guess.

    Args:
        command: words of the program that each page runs.
        port: 0: a free one.
        templates: a folder for the page, without anything that is fetched from elsewhere.
    """

    def __init__(self, command: Sequence[str], port: int, templates: Path) -> None:
        self.secret = secrets.token_urlsafe(16)
        number = port or free_port()
        # `exec`: the page's process is the dashboard itself, whose input ends when this server does
        super().__init__(f"exec {shlex.join(command)}", HOST, number, "lsap dashboard", templates_path=templates)
        own_page(templates)

    @property
    def address(self) -> str:
        """What is opened in a browser."""
        return f"{self.public_url}/{self.secret}/"

    async def _make_app(self) -> web.Application:
        app = web.Application()
        aiohttp_jinja2.setup(app, loader=jinja2.FileSystemLoader(self.templates_path))
        own = f"/{self.secret}"
        app.add_routes(
            [
                web.get(f"{own}/", self.handle_index, name="index"),
                web.get(f"{own}/ws", self.handle_websocket, name="websocket"),
                web.get(f"{own}/download/{{key}}", self.handle_download, name="download"),
                web.static(f"{own}/static", self.statics_path, name="static"),
            ]
        )
        app.on_startup.append(self.on_startup)
        app.on_shutdown.append(self.on_shutdown)
        return app

    async def handle_websocket(self, request: web.Request) -> web.WebSocketResponse:
        """Refuses a page of another site: its browser would connect for it."""
        refuse_foreign(request.headers.get("Origin"), request.host, f"{self.host}:{self.port}")
        return await super().handle_websocket(request)

    async def on_startup(self, app: web.Application) -> None:
        self._saying = asyncio.create_task(self._say_when_open())

    async def _say_when_open(self) -> None:
        """Says the address once somebody could connect."""
        while True:
            try:
                _, writer = await asyncio.open_connection(self.host, self.port)
                break
            except OSError:
                await asyncio.sleep(0.05)
        writer.close()
        print(f"the dashboard is at {self.address}\nfor browsers of this machine; Ctrl+C ends it", file=sys.stderr)

    async def on_shutdown(self, app: web.Application) -> None:
        """Closes every page, so that ending does not wait for them."""
        for one in list(open_sockets):
            await one.close()

    def initialize_logging(self) -> None:
        """Nothing is logged to the terminal."""


def refuse_foreign(origin: str | None, host: str, own: str) -> None:
    """Raises HTTPForbidden unless a request is of this server's own page.

    Args:
        origin: of the page that asks; None: no browser.
        host: that was asked.
        own: this server's address and port.
    """
    if host != own or (origin is not None and urlsplit(origin).netloc != host):
        raise web.HTTPForbidden(text="this page is for the browser that it was opened in")


def own_page(folder: Path) -> None:
    """Writes textual-serve's page without what it fetches from other places."""
    spec = find_spec("textual_serve")
    assert spec is not None
    assert spec.origin is not None
    page = (Path(spec.origin).parent / "templates" / PAGE).read_text(encoding="utf-8")
    (folder / PAGE).write_text(OUTSIDE.sub("", page), encoding="utf-8")


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as tried:
        tried.bind((HOST, 0))
        return int(tried.getsockname()[1])


def serve(runs: Path, port: int, options: Sequence[str] = ()) -> None:
    """Serves the dashboard until Ctrl+C.

    Args:
        runs: a folder with runs in it, or one run.
        port: 0: a free one.
        options: of `lsap dashboard`, for each page.
    """
    # the module `web` of aiohttp, as textual-serve uses it in this process
    setattr(web, "WebSocketResponse", CountedSocket)  # noqa: B010  # a name that the module only re-exports
    command = [sys.executable, "-m", "lsap_cli", "dashboard", str(runs.resolve()), *options]
    with tempfile.TemporaryDirectory(prefix="lsap-dashboard-") as folder:
        DashboardServer(command, port, Path(folder)).serve()
