"""Every command line of the documents works: lines of blocks are run on tiny files, all others are parsed."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer

import lsap_cli.demo
from docs.site.commands import CommandLine, command_lines
from lsap_cli.jobs import demo
from lsap_cli.main import app
from tests.commands.conftest import Lsap, World
from tests.once import made_once

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
RUN_ELSEWHERE = {  # what the words of a line begin with or contain: where it is tried
    "dashboard": "tests/dashboard",
    "--dashboard": "tests/dashboard",
    "--cluster": "tests/cluster",
    "tensorboard": "tests/reports",
    "wandb": "tests/reports",
    "hf:FOLDER": "tests/classifiers/test_hf.py",
    "study": "tests/jobs/test_study.py",
    "harden": "tests/jobs/test_harden.py",
    "completion": "tests/commands/test_completion.py",
    "TEST/list.csv": "a network and clips that do not come with lsap",
    "FIT": "likewise",
}
QUICKER = {
    r"--time-budget \S+": "--steps 2",
    r"--steps \d+": "--steps 2",
    r"--seeds \d+": "--seeds 2",
    r"--weights imagenet": "--train all",  # weights that a machine may not have
    r"--epsilons \S+": "--epsilons 4/255",
}
ONE_SET = {"videos/": "videos/test", "videos": "videos/test"}  # what a page that needs one set alone calls it
WHOLE_SET = {"videos/": "videos"}  # with two videos of each label


def whole_lines(page: Path) -> list[CommandLine]:
    """The lines that a test can run."""
    lines = [line for line in command_lines(page) if line.whole]
    made = ("hardened", "-harden")  # by lines that are run elsewhere
    tried_here = [line for line in lines if not set(line.words) & set(RUN_ELSEWHERE)]
    return [line for line in tried_here if not any(part in word for word in line.words for part in made)]


RUN = [page for page in PAGES if page.name != "README.md" and whole_lines(page)]  # README: test_readme.py


def quick(line: CommandLine) -> list[str]:
    """The same with little to learn."""
    text = shlex.join(line.words)
    for pattern, quicker in QUICKER.items():
        text = re.sub(pattern, quicker, text)
    if text.startswith("generate ") and "--steps" not in text:
        text += " --steps 2"
    if text.startswith("train "):
        text += " --epochs 1"
    if text.startswith("demo "):
        text += " --time-budget 20s"
    sets = WHOLE_SET if text.startswith("train ") else ONE_SET
    return [sets.get(word, word) for word in shlex.split(text)]


@pytest.fixture(scope="session")
def files(few_videos: World, perturbation: Path, lsap: Lsap, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the pages name: videos, stripes, a card with its files, a perturbation, a perturbed folder."""

    def make(folder: Path) -> None:
        shutil.copytree(few_videos.learn, folder / "videos" / "fit")
        shutil.copytree(few_videos.test, folder / "videos" / "test")
        for name in ("model.toml", "labels.txt", "weights.safetensors"):
            shutil.copy(Path(lsap_cli.demo.__file__).parent / name, folder / name)
        shutil.copy(perturbation, folder / "r.safetensors")
        outcome = lsap("apply", "r.safetensors", "videos/test", "perturbed", "--run", "applied", cwd=folder)
        assert outcome.code == 0, outcome.err
        stripes = [sys.executable, str(ROOT / "benchmarks" / "striped_videos.py"), "stripes", "--videos", "4"]
        subprocess.run(stripes, check=True, capture_output=True, cwd=folder)

    return made_once(tmp_path_factory, "pages", make)


@pytest.mark.slow
@pytest.mark.parametrize("page", RUN, ids=lambda page: page.stem)
def test_the_commands_of_a_page_work_in_their_order(
    page: Path, files: Path, lsap: Lsap, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "FIT_PER_CLASS", 2)
    monkeypatch.setattr(demo, "EVALUATION_PER_CLASS", 1)
    here = tmp_path / "here"
    shutil.copytree(files, here)
    for line in whole_lines(page):
        words = quick(line)
        for made in _outputs(words):  # a page shows several ways to make the same
            shutil.rmtree(here / made, ignore_errors=True)
            (here / made).unlink(missing_ok=True)
        outcome = lsap(*words, cwd=here)
        assert outcome.code == 0, (str(line), words, outcome.err, outcome.out)


def _outputs(words: list[str]) -> list[str]:
    if words[0] == "apply" and "--resume" not in words:
        return [words[3]]
    flag = next((word for word in words if word in ("--out", "-o")), None)
    return [words[words.index(flag) + 1]] if flag and words[0] in ("generate", "train") else []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_and_flags_of_a_page_are_those_of_the_parser(page: Path) -> None:
    for line in command_lines(page):
        command, rest = typer.main.get_command(app), list(line.words)
        while rest and hasattr(command, "commands") and not rest[0].startswith("-"):
            word = rest.pop(0)
            if word == "COMMAND" and rest == ["--help"]:
                break
            assert word in command.commands, str(line)
            command = command.commands[word]
        known = {flag for one in command.params for flag in (*one.opts, *one.secondary_opts)} | {"--help"}
        flags = {word.partition("=")[0].strip("[]") for word in rest if word.lstrip("[").startswith("--")}
        assert flags <= known, f"{line}: {flags - known}"
