"""The dashboard in a browser: whom the server answers, what its page fetches, and that nothing is left behind."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("textual_serve")

import aiohttp
from aiohttp import web

from lsap_cli.dashboard.serving import PAGE, DashboardServer, own_page, refuse_foreign
from tests.dashboard.test_run_order import write_run


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://evil.example", "127.0.0.1:8000"),
        ("http://127.0.0.1:8001", "127.0.0.1:8000"),
        (None, "evil.example:8000"),  # a name that was made to lead here
        ("null", "127.0.0.1:8000"),
    ],
)
def test_pages_of_other_sites_are_refused(origin: str | None, host: str) -> None:
    with pytest.raises(web.HTTPForbidden):
        refuse_foreign(origin, host, "127.0.0.1:8000")


@pytest.mark.parametrize("origin", ["http://127.0.0.1:8000", None])
def test_its_own_page_is_answered(origin: str | None) -> None:
    refuse_foreign(origin, "127.0.0.1:8000", "127.0.0.1:8000")


def test_the_page_fetches_nothing_from_elsewhere(tmp_path: Path) -> None:
    own_page(tmp_path)
    page = (tmp_path / PAGE).read_text(encoding="utf-8")
    assert "textual.js" in page
    assert not re.findall(r"<(?:link|script)[^>]*https?://", page)


def test_the_address_is_of_this_machine_and_cannot_be_guessed(tmp_path: Path) -> None:
    one, two = (DashboardServer(["python", "a b"], 0, tmp_path) for _ in range(2))
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/[\w-]{20,}/", one.address)
    assert one.secret != two.secret
    assert one.command == "exec python 'a b'"


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGKILL])
def test_a_page_shows_the_runs_and_its_process_ends_with_the_server(tmp_path: Path, ending: signal.Signals) -> None:
    write_run(tmp_path / "runs" / "first", "02")
    command = [sys.executable, "-m", "lsap_cli", "dashboard", str(tmp_path / "runs"), "--web"]
    state = os.environ | {"XDG_STATE_HOME": str(tmp_path / "state")}
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, env=state, text=True) as server:
        try:
            assert server.stderr is not None
            address = next(iter(re.findall(r"http://\S+", server.stderr.readline())))
            asyncio.run(look_and_end(address, server, ending))
        finally:
            server.kill()
    assert ends(tmp_path / "runs")


async def look_and_end(address: str, server: "subprocess.Popen[str]", ending: signal.Signals) -> None:
    origin = address.rsplit("/", 2)[0]
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{origin}/") as answer:
            assert answer.status == 404
        page = await session.ws_connect(f"{address.replace('http', 'ws', 1)}ws?width=100&height=30", origin=origin)
        shown = b""
        while b"first" not in shown:
            shown += (await page.receive_bytes(timeout=60))[:100_000]
        server.send_signal(ending)
        await page.close()
    server.wait(30)


def ends(runs: Path, seconds: float = 30.0) -> bool:
    """Whether no process that shows these runs is left after a while."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        lines = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
        if not any(str(runs).encode() in line for line in lines):
            return True
        time.sleep(0.2)
    return False
