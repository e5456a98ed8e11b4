"""Makes the dashboard's pictures in this folder from real runs.

    python docs/images/dashboard.py RUNS

RUNS holds two runs of `lsap demo`: a first one, and a second with other settings. Each screen is drawn by the dashboard
itself, saved as SVG, and turned into PNG by a headless Chromium.
"""

import argparse
import asyncio
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import typer
from textual.pilot import Pilot

from lsap_cli.commands.forms import dashboard_commands
from lsap_cli.dashboard.app import Dashboard
from lsap_cli.main import app as program

SIZE = (120, 34)
HERE = Path(__file__).parent
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
SHOTS: dict[str, tuple[str, ...]] = {  # name -> keys, from the list of runs on
    "dashboard-runs": (),
    "dashboard-live": ("enter", "left_square_bracket", "left_square_bracket", "2"),
    "dashboard-results": ("enter", "1"),
    "dashboard-look": ("enter", "3", "down"),
    "dashboard-compare": ("space", "down", "down", "down", "space", "c"),
    "dashboard-start": ("n", "right"),
}


def main() -> None:
    """Reads the command line and makes every picture."""
    parser = argparse.ArgumentParser(description="Make the dashboard's pictures from real runs.")
    parser.add_argument("runs", type=Path, help="a folder with two runs of lsap demo")
    parser.add_argument("--theme", default="textual-dark", help="a theme of textual")
    parser.add_argument("--pause", type=float, default=1.0, help="seconds after each key; more on a busy machine")
    parser.add_argument("--out", type=Path, default=HERE, help="where the pictures go")
    arguments = parser.parse_args()
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        raise SystemExit(f"one of {', '.join(BROWSERS)} is needed, to turn SVG into PNG")
    for name, keys in SHOTS.items():
        svg = asyncio.run(picture(arguments.runs, keys, arguments.theme, arguments.pause))
        path = arguments.out / f"{name}.png"
        to_png(svg, path, browser)
        print(path)


async def picture(runs: Path, keys: tuple[str, ...], theme: str, pause: float) -> str:
    """The dashboard after some keys, as SVG."""
    app = Dashboard(runs, dashboard_commands(typer.main.get_command(program)))
    async with app.run_test(size=SIZE) as pilot:
        app.theme = theme
        await settle(pilot, pause)
        for key in keys:
            await pilot.press(key)
            await settle(pilot, pause)
        await settle(pilot, 2.5 * pause)
        return app.export_screenshot(title="lsap dashboard")


async def settle(pilot: Pilot[None], seconds: float) -> None:
    await pilot.pause(seconds)
    await pilot.pause()


def to_png(svg: str, path: Path, browser: str) -> None:
    """One SVG as a PNG of its own size."""
    view = svg.split('viewBox="', 1)[1].split('"', 1)[0].split()
    width, height = (round(float(side)) for side in view[2:])
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "shot.svg"
        page = Path(folder) / "shot.html"
        local = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)  # the machine's own font: nothing is fetched
        source.write_text(local, encoding="utf-8")
        page.write_text(f'<body style="margin:0"><img src="shot.svg" width="{width}"></body>', encoding="utf-8")
        subprocess.run(
            [browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
             f"--window-size={width},{height}", f"--screenshot={path.resolve()}", page.as_uri()],
            check=True, capture_output=True,
        )  # fmt: skip


if __name__ == "__main__":
    main()
