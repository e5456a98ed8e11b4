"""Arguments are checked before torch is imported and before a run folder is made."""

import subprocess
import sys
from pathlib import Path

import pytest
import typer

from lsap_cli.commands import arguments
from lsap_cli.errors import LsapError
from lsap_cli.main import app as program
from perturbations import parse_binding, parse_epsilon

OUT = ("--out", "r.safetensors")


@pytest.mark.parametrize(
    "words",
    [
        ("generate", "nowhere", "--model", "demo", *OUT),
        ("generate", ".", "--model", "nothing.toml", *OUT),
        ("generate", ".", "--model", "demo", *OUT, "--attack", "nonsense"),
        ("generate", ".", "--model", "demo", *OUT, "--epsilon", "8"),
        ("generate", ".", "--model", "demo", *OUT, "--through", "jpeg + nonsense"),
        ("generate", ".", "--model", "demo", *OUT, "--through", "jpeg:quality=101"),
        ("generate", ".", "--model", "demo", *OUT, "--attack", "lsap:nonsense=1"),
        ("generate", ".", "--model", "demo", *OUT, "--sampler", "dense:stride=0"),
        ("apply", "README.md", ".", "out", "--codec", "h264:crf=99"),
        ("defend", ".", "--model", "demo", "--perturbation", "gone.safetensors"),
        ("apply", "gone.safetensors", ".", "out"),
    ],
    ids=[
        "videos",
        "model",
        "attack",
        "epsilon",
        "chain",
        "range",
        "setting",
        "sampler",
        "codec",
        "perturbation",
        "apply",
    ],
)
def test_a_mistake_is_told_without_torch_and_leaves_nothing(words: tuple[str, ...], tmp_path: Path) -> None:
    script = (
        f"import sys; sys.argv = ['lsap', *{words!r}]\n"
        "from lsap_cli.main import run\n"
        "try: run()\n"
        "except SystemExit as ended: code = ended.code\n"
        "print(code, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.split() == ["2", "False"], done.stderr
    assert list(tmp_path.iterdir()) == []


def accepts(check: object, text: str) -> bool:
    assert callable(check)
    try:
        check(text)
    except (ValueError, LsapError):
        return False
    return True


def test_the_quick_checks_take_what_the_library_takes_and_nothing_else() -> None:
    for text in (
        "8/255",
        "0.5/255",
        "0.03",
        "1",
        "1/1",
        " 8/255 ",
        "8",
        "0",
        "-1/255",
        "x",
        "1e-2",
        "8/0",
        "nan",
        "",
        "9" * 50,
    ):
        assert accepts(arguments.epsilon, text) == accepts(parse_epsilon, text), text
    for text in (
        "constant", "cyclic:4", "relative:8", "append:1", "slot:16", "cyclic", "constant:1", "cyclic:0", "cyclic:5000",
        "cyclic:x", "moving:3", "", "cyclic:\u0664", "cyclic:" + "9" * 90, "cyclic:04096",
    ):  # fmt: skip
        assert accepts(arguments.binding, text) == accepts(parse_binding, text), text


@pytest.mark.parametrize(("text", "expected"), [("120s", 120), ("120", 120), ("1.5m", 90), ("2h", 7200), (" 5 s ", 5)])
def test_lengths_of_time_are_seconds_minutes_or_hours(text: str, expected: float) -> None:
    assert arguments.seconds(text, "--time-budget") == expected


@pytest.mark.parametrize("text", ["soon", "0s", "-5s", "5d", "", "5 0", "1e3", "9" * 400])
def test_what_is_no_length_of_time_is_refused(text: str) -> None:
    with pytest.raises(LsapError, match=r"--time-budget .* is not a length of time; write it as 120s, 10m or 1h"):
        arguments.seconds(text, "--time-budget")


@pytest.mark.parametrize(
    "words",
    [
        ("generate", "LONG", "--model", "demo", *OUT),
        ("generate", ".", "--model", "LONG", *OUT),
        ("generate", ".", "--model", "demo", "--out", "LONG"),
        ("generate", ".", "--model", "demo", *OUT, "--run", "LONG"),
        ("report", "LONG"),
        ("dashboard", "LONG"),
        ("models", "show", "LONG"),
        ("datasets", "show", "list:LONG"),
        ("defend", ".", "--model", "demo", "--perturbation", "LONG"),
    ],
    ids=lambda words: " ".join(words[:4]),
)
def test_a_path_that_is_too_long_is_wrong_usage_and_no_run_to_go_on_with(words: tuple[str, ...]) -> None:
    group = typer.main.get_command(program)
    with pytest.raises(LsapError, match=r"File name too long") as raised:
        group.main([word.replace("LONG", "x" * 300) for word in words], standalone_mode=False)
    assert raised.value.exit_code == 2
    assert "--resume" not in str(raised.value)


@pytest.mark.parametrize(
    "spec",
    ["random-noise:sigma=nan", "jpeg + random-noise:sigma=inf", "random-noise:sigma=-Infinity", "jpeg:quality=9e9"],
)
def test_settings_of_parts_are_finite_numbers(spec: str) -> None:
    with pytest.raises(LsapError, match=r"use a (whole )?number"):
        arguments.defenses([spec])


@pytest.mark.parametrize("spec", ["jpeg:quality=75", "h264:crf=23,stretch=16", "none", "jpeg + random-noise:sigma=.1"])
def test_settings_within_their_range_are_taken(spec: str) -> None:
    assert arguments.defenses([spec]) == [spec]
