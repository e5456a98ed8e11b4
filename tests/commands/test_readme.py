"""The README's commands do what it says they do."""

import re
import shlex
import shutil
from pathlib import Path

import lsap_cli.demo
from tests.commands.conftest import Lsap, World

ROOT = Path(__file__).parents[2]


def readme_commands() -> list[list[str]]:
    """The lines of README's shell blocks that call lsap, as words without `lsap`."""
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if line.startswith("lsap ")]
    return [shlex.split(line, comments=True)[1:] for line in lines]


def test_the_commands_of_the_readme_work_in_their_order(world: World, lsap: Lsap, tmp_path: Path) -> None:
    shutil.copytree(world.learn, tmp_path / "videos" / "fit")
    shutil.copytree(world.test, tmp_path / "videos" / "test")
    for name in ("model.toml", "labels.txt", "weights.safetensors"):
        shutil.copy(Path(lsap_cli.demo.__file__).parent / name, tmp_path / name)
    commands = readme_commands()
    assert [words[0] for words in commands] == ["models", "generate", "apply", "defend"]
    for words in commands:
        quick = " ".join(map(shlex.quote, words)).replace("--time-budget 180s", "--steps 4")
        outcome = lsap(*shlex.split(quick), cwd=tmp_path)
        assert outcome.code == 0, (words, outcome.err)
    assert len(list((tmp_path / "perturbed").rglob("*.mkv"))) == 8
    assert list((tmp_path / "runs").glob("*-defend/report.html"))


def test_every_page_that_the_documents_link_to_is_there() -> None:
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]:
        prose = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", prose):
            assert (page.parent / link).exists(), f"{page.name} links to {link}"
