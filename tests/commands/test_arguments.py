"""Arguments are checked before torch is imported and before a run folder is made."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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
        ("apply", "FILE", ".", "out", "--codec", "h264:crf=99"),
        ("defend", ".", "--model", "demo", "--perturbation", "gone.safetensors"),
        ("apply", "gone.safetensors", ".", "out"),
        ("generate", ".", "--model", "demo", *OUT, "--target", "nonsense"),
        ("generate", ".", "--model", "demo", "--out", "r.pt"),
        ("generate", ".", "--model", "demo", "--out", "r"),
        ("generate", "EMPTY", "--model", "demo", *OUT),
        ("generate",),
        ("generate", ".", "--model", "demo", *OUT, "--run", "FILE"),
        ("demo", "--run", "FILE"),
        ("demo", "--run", "HELD"),
        ("models", "check", "demo", "--run", "HELD"),
        ("models", "predict", "demo", ".", "--out", "p.csv", "--run", "HELD"),
        ("study", "paper:overall", "--run", "FILE"),
        ("report", "nowhere"),
        ("report", "HELD", "nowhere"),
    ],
    ids=" ".join,
)
def test_a_mistake_is_told_without_torch_and_leaves_nothing(words: tuple[str, ...], tmp_path: Path) -> None:
    folder, empty = tmp_path / "here", tmp_path / "empty"
    folder.mkdir()
    empty.mkdir()
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "a.mp4").touch()
    (tmp_path / "held").mkdir()
    (tmp_path / "held" / "run.json").write_text("{}")
    places = {
        ".": str(tmp_path / "set"),
        "HELD": str(tmp_path / "held"),
        "EMPTY": str(empty),
        "FILE": str(tmp_path / "set" / "a.mp4"),
    }
    words = tuple(str(tmp_path / places[word]) if word in places else word for word in words)
    script = (
        f"import sys; sys.argv = ['lsap', *{words!r}]\n"
        "from lsap_cli.main import run\n"
        "try: run()\n"
        "except SystemExit as ended: code = ended.code\n"
        "print(code, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=folder)
    assert done.stdout.split() == ["2", "False"], done.stderr
    assert list(folder.iterdir()) == []


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


@pytest.mark.parametrize("text", ["-1", "0", "2,0", "2,", "nan", ""])
def test_counts_are_whole_numbers_of_at_least_one(text: str) -> None:
    with pytest.raises(LsapError, match="no list of whole numbers of at least 1"):
        arguments.numbers_of(text, "--learning-draws")
    assert arguments.numbers_of("2,8", "--learning-draws") == (2, 8)


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


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["generate"], "generate needs VIDEOS, --model and --out, as in: lsap generate videos/"),
        (["generate", "--model", "demo"], "generate needs VIDEOS and --out, as in"),
        (["apply"], "apply needs PERTURBATION, VIDEOS and OUT, as in"),
        (["train"], "train needs VIDEOS, --family and --out, as in"),
        (["models", "check"], "models check needs SPEC, as in: lsap models check"),
        (["report"], "report needs RUNS, as in"),
    ],
)
def test_all_that_is_missing_is_told_at_once(words: list[str], expected: str) -> None:
    with pytest.raises(LsapError) as raised:
        typer.main.get_command(program).main(words, standalone_mode=False)
    assert str(raised.value).startswith(expected)
    assert raised.value.exit_code == 2


def test_no_option_and_no_argument_of_any_command_takes_an_empty_text() -> None:
    commands = dict(_commands(typer.main.get_command(program)))
    assert len(commands) > 12
    for words, parser in commands.items():
        for parameter in parser.params:
            if getattr(parameter, "is_flag", False):
                continue
            given = [max(parameter.opts, key=len), ""] if parameter.param_type_name == "option" else [""]
            with pytest.raises(LsapError, match="is empty; give a value, or leave it out"):
                typer.main.get_command(program).main([*words, *given], standalone_mode=False)


def _commands(group: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    if not hasattr(group, "commands"):
        yield words, group
    for name, one in getattr(group, "commands", {}).items():
        yield from _commands(one, (*words, name))


def test_a_letter_means_the_same_in_every_command() -> None:
    letters: dict[str, set[str]] = {}
    for _, parser in _commands(typer.main.get_command(program)):
        for parameter in parser.params:
            for text in parameter.opts[1:]:
                letters.setdefault(text, set()).add(parameter.opts[0])
    one_defense = {"--defense", "--through"}
    assert {
        letter: long for letter, long in letters.items() if len(long - one_defense) + bool(long & one_defense) > 1
    } == {}
    assert {"-m", "-o", "-d", "-s", "-a", "-e", "-p", "-c", "-n", "-t", "-w", "-r", "-q"} <= set(letters)


def test_a_file_to_write_has_the_suffix_of_what_is_in_it(tmp_path: Path) -> None:
    check = arguments.output_file("--out", ".safetensors")
    assert check(Path("a/r.SafeTensors")) == Path("a/r.SafeTensors")
    with pytest.raises(LsapError, match=r"--out a/r.pt ends in .pt, .* use a/r.safetensors"):
        check(Path("a/r.pt"))
    with pytest.raises(LsapError, match=r"has no suffix, .* use r.safetensors"):
        check(Path("r"))
    with pytest.raises(LsapError, match="is not a file name"):
        check(tmp_path)


@pytest.mark.parametrize(("label", "hint"), [("x", "is no label of demo"), ("lefd", "did you mean left")])
def test_a_label_that_the_model_lacks_is_refused_without_torch(label: str, hint: str) -> None:
    with pytest.raises(LsapError, match=f"--target '{label}' .*{hint}"):
        arguments.check_labels("demo", target=label)
    arguments.check_labels("demo", target=None)
    arguments.check_labels("torchvision:r3d_18", target="anything: its labels are known when it is loaded")
