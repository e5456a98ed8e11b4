"""The event files, read back by TensorBoard itself."""

from pathlib import Path
from typing import Any

import pytest

from lsap_cli.errors import LsapError
from lsap_cli.reports.exports.tensorboard import export_tensorboard
from tests.reports.exports.runs import PERTURBATION, RUNS

pytest.importorskip("tensorboard", reason="tensorboard is not installed")


def read_back(folder: str) -> Any:  # tensorboard has no types
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(folder, size_guidance={"tensors": 0, "scalars": 0, "images": 0})
    found.Reload()
    return found


def text_of(found: Any, tag: str) -> str:  # likewise
    return str(found.Tensors(f"{tag}/text_summary")[0].tensor_proto.string_val[0].decode())


def test_curves_rates_tables_and_pictures_are_in_the_event_file(tmp_path: Path) -> None:
    exported = export_tensorboard(RUNS["generate"](tmp_path), tmp_path / "logs")
    assert exported.place == str(tmp_path / "logs" / "learned")
    found = read_back(exported.place)
    assert [(one.step, one.value) for one in found.Scalars("learning/loss")] == [(1, 2.5), (2, 1.0)]
    assert found.Scalars("rates (of)/none/none/uniform/accuracy")[0].value == 12
    assert "| attack | rung | defense |" in text_of(found, "tables/rates")
    assert "epsilon: `8/255`" in text_of(found, "settings")
    assert found.Tags()["images"] == ["pictures/slots/00.png"]
    assert (tmp_path / "logs" / "learned" / "perturbation.safetensors").read_bytes() == PERTURBATION


@pytest.mark.parametrize("command", ["apply", "defend"])
def test_runs_of_other_commands_are_exported(command: str, tmp_path: Path) -> None:
    run = RUNS[command](tmp_path)
    exported = export_tensorboard(run, None)
    assert exported.place == str(run / "tensorboard" / run.name)
    assert read_back(exported.place).Tags()["scalars"]


def test_settings_are_in_the_hparams_tab(tmp_path: Path) -> None:
    from tensorboard.plugins.hparams.metadata import parse_session_start_info_plugin_data

    found = read_back(export_tensorboard(RUNS["apply"](tmp_path), None).place)
    content = found.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    values = parse_session_start_info_plugin_data(content).hparams
    assert values["codec"].string_value == "ffv1"
    assert values["command"].string_value == "apply"


def test_a_second_export_replaces_the_first(tmp_path: Path) -> None:
    run = RUNS["apply"](tmp_path)
    folder = Path(export_tensorboard(run, None).place)
    (folder / "events.out.tfevents.1.other").write_bytes(b"")  # not of an export
    export_tensorboard(run, None)
    assert len(list(folder.glob("events.out.tfevents.*.lsap-*"))) == 1
    assert (folder / "events.out.tfevents.1.other").exists()


def test_another_run_of_the_same_name_is_not_replaced(tmp_path: Path) -> None:
    first, second = RUNS["apply"](tmp_path / "one"), RUNS["generate"](tmp_path / "two").rename(tmp_path / "two/applied")
    export_tensorboard(first, tmp_path / "logs")
    with pytest.raises(LsapError, match="another run of that name"):
        export_tensorboard(second, tmp_path / "logs")
    assert len(list((tmp_path / "logs" / "applied").glob("events.*"))) == 1
