"""Every Python block of the documents runs, a page's blocks in their order (docs/python.md: test_python_page.py)."""

import io
import json
import re
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import get_args

import msgspec
import numpy as np
import pytest
from torch import nn

import lsap_cli.api
from lsap_cli.results.base import Result
from lsap_cli.results.hardening import HardenResults

ROOT = Path(__file__).parents[1]
TRIED_ELSEWHERE = {"python.md"}
COMPILED = {"reports.md": "pandas", "train.md": "timm"}  # what they import need not be installed


def blocks(page: Path) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)


PAGES = [page for page in sorted((ROOT / "docs").rglob("*.md")) if blocks(page) and page.name not in TRIED_ELSEWHERE]


def stand_in(kind: type[Result]) -> SimpleNamespace:
    """An object with the fields of a class of results, and theirs."""
    fields = msgspec.structs.fields(kind)
    inner = {one.name: [*filter(is_result, get_args(one.type) or (one.type,))] for one in fields}
    return SimpleNamespace(**{name: stand_in(kinds[0]) if kinds else None for name, kinds in inner.items()})


def is_result(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, Result)


@pytest.fixture
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the blocks find where they run: a run folder, and the modules of a user's network."""
    monkeypatch.chdir(tmp_path)
    rate = {"value": 0.5, "count": 2, "of": 4, "low": 0.15, "high": 0.85}
    row = {"attack": "none", "defense": "none", "sampler": "uniform", "clean_accuracy": rate, "attacked_accuracy": None}
    (tmp_path / "runs" / "judged").mkdir(parents=True)
    (tmp_path / "runs" / "judged" / "results.json").write_text(json.dumps({"rows": [row]}))
    layers, network = ModuleType("plain_layers"), ModuleType("my_network")
    layers.__dict__["PlainNet"] = lambda classes: nn.Linear(4, classes)
    network.__dict__["probabilities"] = lambda clips: np.full((len(clips), 2), 0.5)
    monkeypatch.setitem(sys.modules, "plain_layers", layers)
    monkeypatch.setitem(sys.modules, "my_network", network)
    monkeypatch.setattr(lsap_cli.api, "run_harden", lambda *_: stand_in(HardenResults))  # it takes minutes
    clips = io.BytesIO()
    np.savez(clips, clips=np.zeros((1, 16, 4, 4, 3), np.uint8))
    request = json.dumps({"id": 7, "bytes": len(clips.getvalue())}).encode() + b"\n" + clips.getvalue()
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(request)))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
@pytest.mark.usefixtures("surroundings")
def test_the_blocks_of_a_page_run(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    notebook: dict[str, object] = {"__name__": "notebook"}
    for block in blocks(page):
        code = compile(block, str(page), "exec")
        if page.name not in COMPILED:
            exec(code, notebook)
    if page.name == "model-card.md":
        assert json.loads(capsys.readouterr().out) == {"id": 7, "scores": [[0.5, 0.5]]}
