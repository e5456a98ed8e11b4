"""What `generate` decides before it loads a video."""

import json
from pathlib import Path

import pytest

from lsap_cli.learning.settings import GenerateSettings
from lsap_cli.learning.task import make_learning_task
from lsap_cli.runs import Run


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
    with Run(tmp_path / "run", "generate", {}, []) as run:
        make_learning_task(settings, run)
    events = [json.loads(line) for line in (tmp_path / "run" / "events.jsonl").read_text().splitlines()]
    messages = [event["message"] for event in events if event["kind"] == "warning"]
    assert any("--compile has no effect on steps that look into the network" in one for one in messages) == warned
