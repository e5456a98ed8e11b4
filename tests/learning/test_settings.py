"""How many steps `generate` takes by default."""

from dataclasses import replace

import pytest

from lsap_cli.learning.settings import GenerateSettings


@pytest.mark.parametrize(
    ("steps", "target", "time_budget", "limit"),
    [
        (None, None, None, 600),
        (None, "left", None, 1500),
        (20, None, None, 20),
        (20, "left", None, 20),
        (None, None, 60.0, None),
        (None, "left", 60.0, None),
        (20, None, 60.0, 20),
    ],
)
def test_one_class_for_all_videos_gets_more_steps_than_any_wrong_class_and_a_time_budget_needs_none(
    steps: int | None, target: str | None, time_budget: float | None, limit: int | None
) -> None:
    settings = GenerateSettings(videos="videos", model="demo", out="r.safetensors")
    asked = replace(settings, steps=steps, target=target, time_budget=time_budget)
    assert asked.step_limit == limit
