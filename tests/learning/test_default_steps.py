"""How many steps `generate` takes where nobody says."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from lsap_cli.jobs.generate import _schedule
from lsap_cli.learning.schedule import Schedule
from lsap_cli.learning.task import Settings


@pytest.mark.parametrize(
    ("asked", "target", "steps"), [(None, None, 600), (None, 0, 1500), (None, 7, 1500), (20, None, 20), (20, 0, 20)]
)
def test_one_class_for_all_videos_gets_more_steps_than_any_wrong_class(
    asked: int | None, target: int | None, steps: int
) -> None:
    settings = replace(Settings(videos="videos", model="demo", out="r.safetensors"), steps=asked)
    unused = cast(Any, None)
    task = cast(Any, SimpleNamespace(target=target))
    assert _schedule(settings, unused, task, None, unused, unused, 0.0, 1) == Schedule(steps, None)
