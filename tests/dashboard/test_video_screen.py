"""One video of a cell on a screen of its own: what came of it is read whole."""

from pathlib import Path

import msgspec
from textual.pilot import Pilot

from lsap_cli.dashboard.app import Dashboard
from lsap_cli.dashboard.screens.video import VideoScreen
from tests.dashboard.adaptive_run import write_adaptive_run
from tests.dashboard.conftest import SMALL, play, until, until_true
from tests.result_objects import make_record


def test_long_labels_are_read_whole_at_80_columns(tmp_path: Path) -> None:
    write_adaptive_run(tmp_path / "run")
    record = msgspec.structs.replace(
        make_record("a.mp4", (0,), ("r", "none", "uniform"), 1, 0),
        label="putting on eye liner", clean_prediction="clean and jerk", prediction="hitting a baseball",
    )  # fmt: skip

    async def act(pilot: Pilot[None], app: Dashboard) -> None:
        await until(pilot, app, "1 run")
        app.push_screen(VideoScreen(tmp_path / "run", [record], 0))
        await until_true(pilot, lambda: isinstance(app.screen, VideoScreen))
        await until(pilot, app, "WRONG, changed: clean clean and jerk → hitting a baseball")
        await until(pilot, app, "eye liner")

    play(tmp_path, act, SMALL)
