"""`lsap study` on a real cluster: the records of one machine, whatever dies meanwhile, and a stdout of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from safetensors import safe_open

from lsap_cli.jobs.study import fill_grid
from lsap_cli.results.events import CellEvent, StageEvent, WarningEvent
from lsap_cli.results.study import StudyResults
from lsap_cli.runs import Run
from lsap_cli.study.settings import StudySettings
from lsap_cli.study.study_file import read_study
from tests.classifiers.cards import write_card
from tests.cluster.worlds import ClusterWorld, without_times
from tests.learning.tiny_world import FACTORY, LABELS, write_world

GRID = """
[study]
videos = "videos"
folds = 2
batch = 2

[grid]
model = [MODELS]
attack = ["fgsm", "ifgsm"]
budget = ["linf 64/255"]
steps = [2]
defense = ["none", "bit-depth:bits=4"]

[[table]]
name = "t"
rows = ["model", "attack"]
columns = ["defense"]
measures = ["FR", "ACC", "MAP"]
"""
KILLED = """
import os, signal
from pathlib import Path

HERE = Path(__file__).parent

class Killed(Network):
    def forward(self, clips):
        driver, times = (int((HERE / name).read_text()) for name in ("driver", "times"))
        deaths = len(list(HERE.glob("death-*")))
        if os.getpid() != driver and deaths < times:
            (HERE / f"death-{os.getpid()}").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().forward(clips)

def build_killed():
    return Killed()
"""


def add_network(root: Path, name: str, build: str) -> Path:
    """A further model card of the tiny world, whose factory has another function."""
    card = write_card(
        root / name, name=name, factory=f"factory.py:{build}", input__frames=4, input__size=[8, 8],
        input__resize=[8, 8],
    )  # fmt: skip
    (card.parent / "factory.py").write_text(FACTORY + KILLED)
    (card.parent / "labels.txt").write_text("\n".join(LABELS))
    (card.parent / "driver").write_text(str(os.getpid()))
    (card.parent / "times").write_text("0")
    return card.parent


def fill(world: ClusterWorld, folder: Path, models: str, cluster: bool, events: list[Any]) -> StudyResults:
    path = world.storage / "study" / "study.toml"
    path.write_text(GRID.replace("MODELS", models), encoding="utf-8")
    settings = StudySettings(
        str(path), device="cpu", timeout=60.0,
        cluster=world.cluster.address if cluster else None, storage=str(world.storage) if cluster else None,
    )  # fmt: skip
    with Run(folder, "study", {}, [events.append]) as run:
        return fill_grid(read_study(str(path)), settings, run)


def timeless_records(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "records.jsonl").read_text(encoding="utf-8").splitlines()
    return [without_times(json.loads(line)) for line in lines]


def pattern_of(path: Path) -> tuple[bytes, Any]:
    """Delta's bytes, and all that the file says but for the seconds that learning took."""
    with safe_open(path, "np") as file:
        said = file.metadata()
        return file.get_tensor("delta").tobytes(), said | {"record": without_times(json.loads(said["record"]))}


def test_records_and_perturbations_are_those_of_one_machine_and_a_cell_that_fails_ends_alone(
    world: ClusterWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = world.storage / "study"
    write_world(root)
    add_network(root, "broken", "build_not_finite")
    world.lend_session(monkeypatch)
    models = '"card/model.toml", "broken/model.toml"'
    found, events = {}, {}
    for name, cluster in (("one", False), ("two", True)):
        events[name] = list[Any]()
        found[name] = fill(world, world.storage / f"study-{name}", models, cluster, events[name])
    one, two = (world.storage / f"study-{name}" for name in ("one", "two"))
    assert (found["two"].count("done"), found["two"].count("failed")) == (8, 8)
    assert all("not finite" in cell.reason for cell in found["two"].cells if cell.status == "failed")
    assert timeless_records(one) == timeless_records(two)
    assert found["one"].tables == found["two"].tables
    patterns = sorted(path.name for path in (one / "patterns").iterdir())
    assert patterns == sorted(path.name for path in (two / "patterns").iterdir())
    assert len(patterns) == 4
    for name in patterns:
        assert pattern_of(one / "patterns" / name) == pattern_of(two / "patterns" / name)
    stages = [event.name for event in events["two"] if isinstance(event, StageEvent)]
    assert stages[-2:] == ["cells", "making the tables"]  # cells are counted in the stage that knows their number


@pytest.mark.slow
def test_a_killed_worker_is_told_and_its_cells_are_done_again_at_most_three_times(
    world: ClusterWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = world.storage / "study"
    write_world(root)
    once, always = add_network(root, "once", "build_killed"), add_network(root, "always", "build_killed")
    world.lend_session(monkeypatch)
    models = '"card/model.toml", "once/model.toml", "always/model.toml"'
    whole, events = world.storage / "killed-one", list[Any]()
    fill(world, whole, models, False, [])
    (once / "times").write_text("1")
    (always / "times").write_text("1000")
    found = fill(world, world.storage / "killed-two", models, True, events)
    assert len(list(once.glob("death-*"))) == 1
    failed = {cell.axes["model"]: cell.reason for cell in found.cells if cell.status == "failed"}
    assert failed == {"always": "the process that worked on it crashed, 3 times"}
    assert (found.count("done"), found.count("failed")) == (16, 8)
    expected = [one for one in timeless_records(whole) if one["axes"]["model"] != "always"]
    assert timeless_records(world.storage / "killed-two") == expected
    again = [event.message for event in events if isinstance(event, WarningEvent) and "done again" in event.message]
    assert len(again) == 1 + 2 * 4
    assert len([event for event in events if isinstance(event, CellEvent)]) == 24


@pytest.mark.slow
def test_stdout_of_a_study_on_a_cluster_of_its_own_is_one_document(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'lsap[cluster]'")
    write_world(tmp_path)
    (tmp_path / "study.toml").write_text(GRID.replace("MODELS", '"card/model.toml"'), encoding="utf-8")
    command = [sys.executable, "-m", "lsap_cli", "study", "study.toml", "--run", "run", "--device", "cpu", "--json"]
    made = subprocess.run(
        [*command, "--cluster", "local:2"], cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    document = json.loads(made.stdout)
    assert document["schema"] == "lsap.study/1"
    assert len(document["cells"]) == 8
    assert "Traceback" not in made.stderr
    assert (tmp_path / "run" / "report.html").is_file()
