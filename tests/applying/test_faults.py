"""The fault run of benchmarks/fault_run.py, reduced: fewer files, made here, and one kill."""

import importlib.util
import random
from pathlib import Path
from typing import Any

import pytest

from lsap_cli.applying.settings import ApplySettings
from lsap_cli.jobs.apply import apply
from lsap_cli.results.events import SkippedEvent
from lsap_cli.runs import Run
from lsap_cli.video.codecs import Ffv1Codec, H264Codec, H264RgbCodec
from tests.tiny import make_bytes, write_tiny
from tests.video.files import write_with_sound

MUTANTS = 80


@pytest.fixture(scope="module")
def script() -> Any:
    path = Path(__file__).parents[2] / "benchmarks" / "fault_run.py"
    spec = importlib.util.spec_from_file_location("fault_run", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def seeds(tmp_path: Path) -> list[Path]:
    folder = tmp_path / "seeds"
    return [
        write_tiny(folder / "0.mp4", make_bytes(6, 32, 48), codec=H264Codec()),
        write_tiny(folder / "1.mkv", make_bytes(6, 32, 48), codec=Ffv1Codec()),
        write_tiny(folder / "2.mp4", make_bytes(6, 32, 48), codec=H264RgbCodec()),
        write_with_sound(folder / "3.mkv", make_bytes(6, 32, 48)),
        write_with_sound(folder / "4.mp4", make_bytes(6, 32, 48)),
    ]


def test_damaged_files_are_written_exactly_or_named_and_nothing_crashes_or_hangs(
    script: Any, seeds: list[Path], tmp_path: Path
) -> None:
    kinds = script.make_mutants(seeds, tmp_path / "videos", MUTANTS, random.Random(0))
    script.make_perturbation(tmp_path / "r.safetensors")
    events: list[Any] = []
    settings = ApplySettings(
        str(tmp_path / "r.safetensors"), str(tmp_path / "videos"), str(tmp_path / "out"), "x264rgb", workers=2
    )
    with Run(tmp_path / "run", "apply", {}, [events.append]) as run:
        results = apply(settings, run)
    written, named = {one.source for one in results.files}, {one.path for one in results.skipped}
    assert written | named == set(kinds)
    assert not written & named
    assert results.not_exact == ()
    assert {event.cause for event in events if isinstance(event, SkippedEvent)} == {"file"}
    script.check_folder(tmp_path / "out")


@pytest.mark.slow
def test_killed_at_any_moment_and_resumed_the_folder_is_that_of_a_run_left_alone(
    script: Any, seeds: list[Path], tmp_path: Path
) -> None:
    script.make_perturbation(tmp_path / "r.safetensors")
    found = script.kills(seeds, tmp_path / "r.safetensors", tmp_path / "kills", 1, random.Random(1))
    assert found["right_in_the_end"] == 1
