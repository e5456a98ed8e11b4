"""Shells complete commands, options, and names in specs with their settings, without importing torch."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from lsap_cli.commands.arguments import completed_names
from lsap_cli.commands.completion import SCRIPTS, completion_lines, completions, split_line
from lsap_cli.commands.help import PLACE
from lsap_cli.known_parts import LIST_KINDS, known_names
from lsap_cli.main import app
from lsap_cli.spec_completion import spec_completions

GROUP = typer.main.get_command(app)
KIND_OF_PLACE = {
    "sets": "formats",
    "bindings": None,
    "updates": None,
    "coherences": None,
    "targets": None,
    "gallery": None,
    "studies": None,
}


def texts(line: str) -> list[str]:
    words, typed, _ = split_line(line)
    return [one.text for one in completions(GROUP, words[1:], typed)]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("lsap gen", ["generate"]),
        ("lsap models ch", ["check"]),
        ("lsap generate v --attack ls", ["lsap"]),
        ("lsap generate v --attack lsap", ["lsap", "lsap:"]),
        ("lsap generate v --attack=ls", ["--attack=lsap"]),
        ("lsap generate v --attack lsap:up", ["lsap:update="]),
        ("lsap generate v --attack lsap:update=m", ["lsap:update=momentum"]),
        ("lsap generate v --attack lsap:update=adam,first", ["lsap:update=adam,first_step="]),
        ("lsap defend v --defense 'jpeg + temporal-me", ["jpeg + temporal-mean", "jpeg + temporal-median"]),
        ("lsap defend v --defense jpeg:quality=", ["jpeg:quality=75"]),
        ("lsap defend v --defense 'a:b=[bit-depth | jp", ["a:b=[bit-depth | jpeg"]),
        ("lsap defend v --certify p", ["pixels"]),
        ("lsap apply r v out --codec x", ["x264rgb"]),
        ("lsap train v --family cn", ["cnn-lstm"]),
        ("lsap train v --precision f", ["fp32", "fp16"]),
        ("lsap generate v --device c", ["cpu", "cuda"]),
        ("lsap generate v --binding cy", ["cyclic:"]),
        ("lsap generate kine", ["kinetics:"]),
        ("lsap list det", ["detectors"]),
        ("lsap completion z", ["zsh"]),
        ("lsap defend v --model torchvision:r3", ["torchvision:r3d_18"]),
        ("lsap report ", []),
        ("lsap frobnicate ", []),
        ("lsap generate v --run ", []),
        ("lsap generate v --attack nonsense:", []),
    ],
)  # fmt: skip
def test_a_line_goes_on_with(line: str, expected: list[str]) -> None:
    assert texts(line) == expected


def test_options_are_offered_once_unless_they_can_be_repeated() -> None:
    assert "--steps" in texts("lsap generate v --st")
    assert "--steps" not in texts("lsap generate v --steps 3 --st")
    assert "--sampler" in texts("lsap generate v --sampler uniform --sam")


def test_a_setting_that_was_given_is_not_offered_again() -> None:
    assert "lsap:update=adam,update=" not in texts("lsap generate v --attack lsap:update=adam,")


def test_files_are_offered_beside_names_and_behind_a_format(tmp_path: Path) -> None:
    (tmp_path / "demo-cards").mkdir()
    (tmp_path / "list.csv").touch()
    assert texts(f"lsap generate csv:{tmp_path}/li") == [f"csv:{tmp_path}/list.csv"]


def test_files_are_offered_beside_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "demo-cards").mkdir()
    monkeypatch.chdir(tmp_path)
    assert texts("lsap generate v --model de") == ["demo", "demo-cards/"]


def test_bash_gets_what_stands_behind_its_last_word_break() -> None:
    environment = {
        "_LSAP_COMPLETE": "bash",
        "_LSAP_LINE": "A=1 lsap generate v --attack=lsap:up",
        "_LSAP_BREAKS": " :=",
    }
    assert [line.partition("\t")[0] for line in completion_lines(GROUP, environment)] == ["update="]
    without = environment | {"_LSAP_BREAKS": " ="}
    assert [line.partition("\t")[0] for line in completion_lines(GROUP, without)] == ["lsap:update="]
    quoted = environment | {"_LSAP_LINE": "lsap generate v --attack 'lsap:up"}
    assert [line.partition("\t")[0] for line in completion_lines(GROUP, quoted)] == ["lsap:update="]


def test_files_are_offered_beside_the_gallery(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "galleries.safetensors").touch()
    monkeypatch.chdir(tmp_path)
    found = texts("lsap apply gall")
    assert [text for text in found if not text.startswith("gallery:")] == ["galleries.safetensors"]
    assert len(found) > 1


@pytest.mark.parametrize("kind", LIST_KINDS)
def test_every_name_is_offered(kind: str) -> None:
    names = known_names(kind)  # type: ignore[arg-type]  # one of them
    offered = {one.text.rstrip(":") for name in names for one in spec_completions(kind, name[:1])}  # type: ignore[arg-type]
    assert set(names) <= offered


def test_every_option_whose_help_names_a_table_completes_it() -> None:
    checked = 0
    for parameter in _parameters(GROUP):
        for place in PLACE.findall(getattr(parameter, "help", None) or ""):
            expected = KIND_OF_PLACE.get(place, place)
            names = completed_names(parameter)
            assert names == expected if expected else isinstance(names, tuple) and names, parameter.name
            checked += 1
    assert checked > 20


def _parameters(group: Any) -> list[Any]:
    inner = [one for command in getattr(group, "commands", {}).values() for one in _parameters(command)]
    return [*group.params, *inner]


def test_an_answer_imports_nothing_heavy_and_no_mistake_is_printed() -> None:
    script = (
        "import os, sys\n"
        "os.environ |= {'_LSAP_COMPLETE': 'zsh', '_LSAP_LINE': 'lsap defend --defense jpeg:'}\n"
        "from lsap_cli.main import run\n"
        "try: run()\n"
        "except SystemExit as ended: assert not ended.code\n"
        "heavy = {'torch', 'av', 'numpy', 'textual', 'matplotlib'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("jpeg:quality=\ta whole number from 1 to 100 (default: 75)")
    broken = script.replace("'lsap defend --defense jpeg:'", "'lsap generate csv:\\\\0'")
    assert subprocess.run([sys.executable, "-c", broken], capture_output=True, check=True).stderr == b""


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_bash_completes_by_the_script(tmp_path: Path) -> None:
    program = tmp_path / "lsap"
    program.write_text(f"#!{sys.executable}\nfrom lsap_cli.main import run\nrun()\n")
    program.chmod(0o755)
    line = "lsap generate v --attack lsap:update=mo"
    script = (
        f"export PATH={tmp_path}:$PATH\n"
        'eval "$(lsap completion bash)"\n'
        f"COMP_LINE='{line}'; COMP_POINT={len(line)}; COMP_WORDBREAKS=' :='\n"
        '_lsap lsap; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "momentum\n"


@pytest.mark.parametrize("shell", SCRIPTS)
def test_a_shell_that_is_installed_can_read_its_script(shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    subprocess.run([shell, "-n", "/dev/stdin"], input=SCRIPTS[shell], text=True, check=True, capture_output=True)
