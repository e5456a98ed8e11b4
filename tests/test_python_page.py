"""Every block of Python in docs/python.md and README runs, in the page's order, as one notebook."""

import re
from pathlib import Path

import pytest

from lsap_cli.demo.videos import LABELS
from tests.commands.conftest import write_small_videos

PAGE = Path(__file__).parents[1] / "docs" / "python.md"
README = Path(__file__).parents[1] / "README.md"
QUICKER = {r"steps=\d+": "steps=1", r"torch\.rand\(20, ": "torch.rand(4, ", r"torch\.rand\(12, ": "torch.rand(4, "}


def blocks(page: Path) -> list[str]:
    """The page's Python blocks; numbers that only cost time are made smaller."""
    found = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for pattern, quicker in QUICKER.items():
        found = [re.sub(pattern, quicker, block) for block in found]
    return found


def keep_videos(folder: Path, labels: tuple[str, ...]) -> None:
    """Removes the videos of all other labels."""
    for path in folder.rglob("*.mp4"):
        if path.parent.name not in labels:
            path.unlink()


def test_every_block_of_the_page_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, seed in (("fit", 41), ("test", 42)):
        write_small_videos(tmp_path / "videos" / name, seed)
        keep_videos(tmp_path / "videos" / name, LABELS[: 3 if name == "fit" else 2])
    monkeypatch.chdir(tmp_path)
    notebook: dict[str, object] = {"__name__": "notebook"}
    assert len(blocks(PAGE)) == 8
    for block in blocks(PAGE):
        exec(compile(block, "docs/python.md", "exec"), notebook)
    printed = capsys.readouterr().out
    for words in (r"fooled: \d\.\d\d \(\d/4, ", r"clean -?\d", r"temporal-median uniform .*\(\d/2"):
        assert re.search(words, printed), printed
    for written in (
        "r.safetensors",
        "perturbed/manifest.jsonl",
        "runs/defend/results.json",
        "runs/adaptive/results.json",
    ):
        assert (tmp_path / written).exists()


def test_the_lines_of_the_readme_learn_add_defend_and_count(capsys: pytest.CaptureFixture[str]) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL)
    notebook: dict[str, object] = {"__name__": "notebook"}
    exec(compile(block, "README.md", "exec"), notebook)
    assert re.fullmatch(r"\d\.\d\d \(\d+/40, \d\.\d\d–\d\.\d\d\)\n", capsys.readouterr().out)
