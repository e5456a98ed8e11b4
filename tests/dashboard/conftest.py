"""Real run folders, made by real commands, for the dashboard to show."""

import asyncio
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import typer
from textual.pilot import Pilot

from lsap_cli.commands.forms import dashboard_commands
from lsap_cli.dashboard.app import Dashboard
from lsap_cli.dashboard.forms import DashboardCommands
from lsap_cli.main import app as program
from lsap_cli.results.events import NoteEvent
from lsap_cli.runs import Run
from tests.commands.conftest import World, world
from tests.once import made_once

__all__ = ["world"]

SMALL, WIDE = (80, 24), (160, 48)
Act = Callable[[Pilot[None], Dashboard], Awaitable[None]]


CALLS = """
import json, sys
from lsap_cli.main import app
for words in json.loads(sys.argv[1]):
    sys.argv = ["lsap", *words]
    app(words, standalone_mode=False)
"""


def commands() -> DashboardCommands:
    """Of the program, as the dashboard gets them."""
    return dashboard_commands(typer.main.get_command(program))


@pytest.fixture(scope="session")
def made(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Finished runs that no test changes.

    `tour` (a demo's layout with generate, apply and defend in it), `other` (a second generate), `second` (a second
    defend), `checked` (models check), `predicted` (models predict).
    """
    return made_once(tmp_path_factory, "dashboard", lambda folder: make_runs(world, folder)) / "runs"


def make_runs(world: World, folder: Path) -> None:
    root = folder / "runs"
    tour = root / "tour"
    out, other = tour / "perturbation.safetensors", folder / "other.safetensors"
    learn = ["generate", world.learn, "--model", "demo", "--binding", "cyclic:8", "--batch", 2]
    judge = ["defend", world.test, "--model", "demo", "--defense", "jpeg:quality=75"]
    judge += ["--defense", "temporal-mean:window=3", "--sampler", "uniform", "--sampler", "random"]
    with Run(tour, "demo", {"epsilon": "8/255", "seed": 0}, []) as run:
        run.event(NoteEvent(message="1 of 3  lsap generate"))
        _call(
            [*learn, "--steps", 24, "--out", out, "--run", tour / "generate"],
            ["apply", out, world.test, tour / "perturbed", "--run", tour / "apply"],
            [*judge, "--perturbed", tour / "perturbed", "--run", tour / "defend"],
            [*learn, "--steps", 6, "--seed", 5, "--out", other, "--run", root / "other"],
            [*judge, "--perturbation", other, "--run", root / "second"],
            ["models", "check", "demo", world.test, "--run", root / "checked"],
            ["models", "predict", "demo", world.test, "--out", folder / "table.csv", "--run", root / "predicted"],
        )
        shutil.copyfile(tour / "defend" / "results.json", tour / "results.json")


def _call(*lines: list[object]) -> None:
    """Several commands of the program in one process of its own: each start of torch takes seconds."""
    words = [[str(word) for word in line] for line in lines]
    done = subprocess.run(
        [sys.executable, "-c", CALLS, json.dumps(words)], capture_output=True, text=True, timeout=900, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture
def runs(made: Path, tmp_path: Path) -> Path:
    """A copy of the run folders, to change at will."""
    shutil.copytree(made, tmp_path / "runs", ignore=shutil.ignore_patterns("perturbed"))
    return tmp_path / "runs"


def play(root: Path, act: Act, size: tuple[int, int] = SMALL, opened: Path | None = None) -> Dashboard:
    """Runs the dashboard without a terminal and lets `act` use it."""
    app = Dashboard(root, commands(), opened)
    app.animation_level = "none"

    async def session() -> None:
        async with app.run_test(size=size, notifications=True) as pilot:
            await act(pilot, app)

    asyncio.run(session())
    return app


def shown_text(app: Dashboard) -> str:
    """What is on the screen, as lines of text."""
    return "\n".join(strip.text.rstrip() for strip in app.screen._compositor.render_strips(app.size))


async def until(pilot: Pilot[None], app: Dashboard, text: str, seconds: float = 60.0) -> str:
    """Waits for words to appear."""
    await until_true(pilot, lambda: text in shown_text(app), lambda: f"“{text}” on:\n{shown_text(app)}", seconds)
    return shown_text(app)


async def until_true(
    pilot: Pilot[None],
    condition: Callable[[], bool],
    missing: Callable[[], str] = lambda: "the condition",
    seconds: float = 60.0,
) -> None:
    """Waits for a condition."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"it did not come about: {missing()}")
