"""What `generate` decides before it loads a video."""

import json
from pathlib import Path

import pytest

from lsap_cli.learning.settings import GenerateSettings
from lsap_cli.learning.task import make_learning_task
from lsap_cli.runs import Run


def warnings_of(settings: GenerateSettings, tmp_path: Path) -> list[str]:
    with Run(tmp_path / "run", "generate", {}, []) as run:
        make_learning_task(settings, run)
    events = [json.loads(line) for line in (tmp_path / "run" / "events.jsonl").read_text().splitlines()]
    return [event["message"] for event in events if event["kind"] == "warning"]


@pytest.mark.parametrize(
    ("attack", "compiled", "target", "warned"),
    [
        ("lsap", True, None, True),
        ("lsap", False, None, False),
        ("lsap:excite=0", True, None, False),
        ("lsap:excite=0,coherence=keep", True, None, True),
        ("lsap", True, "left", False),
        ("ifgsm", True, None, False),
    ],
)
def test_a_network_that_is_looked_into_is_not_compiled_and_a_note_says_so(
    tmp_path: Path, attack: str, compiled: bool, target: str | None, warned: bool
) -> None:
    settings = GenerateSettings("videos", "demo", "r.safetensors", attack=attack, compiled=compiled, target=target)
    messages = warnings_of(settings, tmp_path)
    assert any("--compile has no effect on steps that look into the network" in one for one in messages) == warned


@pytest.mark.parametrize(
    ("norm", "epsilon", "warned"),
    [("linf", "0.0039", True), ("linf", "1/255", False), ("l2", "0.0039", False)],
)
def test_a_budget_that_rounding_makes_nothing_of_is_warned_of(
    tmp_path: Path, norm: str, epsilon: str, warned: bool
) -> None:
    settings = GenerateSettings("videos", "demo", "r.safetensors", norm=norm, epsilon=epsilon)
    assert any("changes nothing" in one for one in warnings_of(settings, tmp_path)) == warned
