"""Help answers at once: without torch, with an example for each command."""

import subprocess
import sys

import pytest
import typer

from lsap_cli.commands.help import NamingCommand
from lsap_cli.errors import LsapError
from tests.commands.conftest import Lsap

COMMANDS = ["generate", "apply", "defend", "demo", "report", "dashboard", "models check", "models show"]
COMMANDS += ["datasets show", "models predict", "list"]


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_shows_an_example(command: str, lsap: Lsap) -> None:
    outcome = lsap(*command.split(), "--help")
    assert outcome.code == 0
    assert f"Example: lsap {command}" in " ".join(outcome.out.split())


@pytest.mark.parametrize(
    "words",
    [["--help"], ["models"], ["list"], ["list", "attacks"], *([*command.split(), "--help"] for command in COMMANDS)],
)
def test_help_imports_nothing_heavy(words: list[str]) -> None:
    script = (
        f"import sys; sys.argv = ['lsap', *{words!r}]\n"
        "from lsap_cli.main import run\n"
        "try: run()\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'torchvision', 'av', 'numpy', 'sklearn', 'matplotlib', 'textual'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)


@pytest.mark.parametrize("command", ["generate", "apply", "defend"])
def test_no_word_of_a_help_text_is_cut_in_a_narrow_terminal(
    command: str, lsap: Lsap, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("typer.rich_utils.MAX_WIDTH", 80)
    outcome = lsap(command, "--help")
    assert max(map(len, outcome.out.splitlines())) == 80
    assert "…" not in outcome.out


@pytest.mark.parametrize("text", ["nan", "inf", "-inf"])
def test_an_option_without_a_range_takes_finite_numbers_only(text: str) -> None:
    app = typer.Typer()

    @app.command(cls=NamingCommand)
    def command(factor: float = 1.0) -> None:
        print(factor)

    with pytest.raises(LsapError, match=f"{text} is not a finite number; use a number"):
        app([f"--factor={text}"])
