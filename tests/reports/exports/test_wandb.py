"""An offline run of Weights & Biases, read back from its file."""

import importlib
import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lsap_cli.errors import LsapError
from lsap_cli.reports.exports.wandb import export_wandb
from tests.reports.exports.runs import RUNS

pytest.importorskip("wandb", reason="wandb is not installed: pip install 'lsap[wandb]'")


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    for name in ("WANDB_DATA_DIR", "WANDB_CACHE_DIR", "WANDB_CONFIG_DIR"):
        monkeypatch.setenv(name, str(tmp_path / "home"))


BLOCK, HEAD = 2**15, 7  # bytes: the file is a log of LevelDB
LAST_PARTS = (1, 4)  # kinds of a record that is whole, and of the last part of one


def records(place: str) -> Iterator[Any]:  # protobuf messages
    """The records of an offline run: after the file's head, each with checksum, length and kind before it."""
    messages: Any = importlib.import_module("wandb.proto.wandb_internal_pb2")
    content = next(Path(place).glob("run-*.wandb")).read_bytes()
    at, data = HEAD, b""
    while at + HEAD <= len(content):
        if BLOCK - at % BLOCK < HEAD:  # the rest of a block is empty
            at += BLOCK - at % BLOCK
        _, length, kind = struct.unpack("<IHB", content[at : at + HEAD])
        data += content[at + HEAD : at + HEAD + length]
        at += HEAD + length
        if kind in LAST_PARTS:
            record = messages.Record()
            record.ParseFromString(data)
            yield record
            data = b""


def key_of(item: Any) -> str:  # likewise
    return str(item.key or "/".join(item.nested_key))


@pytest.mark.usefixtures("offline")
def test_the_offline_file_has_curves_rates_tables_and_the_perturbation(tmp_path: Path) -> None:
    exported = export_wandb(RUNS["generate"](tmp_path), tmp_path / "out")
    assert Path(exported.place).parent == tmp_path / "out" / "wandb"
    importlib.import_module("wandb").teardown()  # as at the program's end: its service writes the rest of the file
    found = list(records(exported.place))
    kinds = {record.WhichOneof("record_type") for record in found}
    assert {"history", "summary", "artifact"} <= kinds
    history = [{key_of(item): json.loads(item.value_json) for item in one.history.item} for one in found
               if one.WhichOneof("record_type") == "history"]  # fmt: skip
    losses = [(line["learning/step"], line["learning/loss"]) for line in history if "learning/loss" in line]
    assert losses == [(1, 2.5), (2, 1.0)]
    assert any(key.startswith("tables/rates") for line in history for key in line)
    summary = {
        key_of(item) for one in found if one.WhichOneof("record_type") == "summary" for item in one.summary.update
    }
    assert "rates/none/none/uniform/accuracy.of" in summary
    entries = [entry.path for one in found if one.WhichOneof("record_type") == "artifact"
               for entry in one.artifact.manifest.contents]  # fmt: skip
    assert {"perturbation.safetensors", "results.json"} <= set(entries)


def test_without_an_account_the_sentence_says_what_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import wandb

    def refuse(**_: object) -> None:
        raise wandb.Error("No API key configured")

    monkeypatch.setattr(wandb, "init", refuse)
    with pytest.raises(LsapError, match="WANDB_MODE=offline"):
        export_wandb(RUNS["apply"](tmp_path), None)
