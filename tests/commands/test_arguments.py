"""Arguments are checked before torch is imported and before a run folder is made."""

import subprocess
import sys
from pathlib import Path

import pytest

from lsap_cli.commands import arguments
from lsap_cli.errors import LsapError
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
        ("defend", ".", "--model", "demo", "--perturbation", "gone.safetensors"),
        ("apply", "gone.safetensors", ".", "out"),
    ],
    ids=["videos", "model", "attack", "epsilon", "chain", "perturbation", "apply"],
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
    for text in ("8/255", "0.03", "1", "1/1", " 8/255 ", "8", "0", "-1/255", "x", "1e-2", "8/0", "nan", "", "9" * 50):
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
