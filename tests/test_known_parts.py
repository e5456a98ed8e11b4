"""The table of names without torch says what the classes say."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from lsap_cli.errors import LsapError
from lsap_cli.jobs.parts_table import CLASSES, parts_text
from lsap_cli.known_models import known_models
from lsap_cli.known_parts import (
    NOUNS,
    PART_KINDS,
    TABLE,
    KnownSetting,
    PartKind,
    check_chain,
    check_spec,
    known_names,
    known_parts,
)
from lsap_cli.specs import build, describe

NO_NUMBERS = ["x", "", "nan", "inf", "-inf", "1e999"]
SOME_NUMBERS = ["-1", "-0.1", "0", "0.001", "0.5", "0.999", "1", "1.001", "2", "2.5", "20", "21", "50", "51", "1000"]
TEXTS = {
    "whole": [*map(str, range(-2, 9)), "51", "52", "63", "64", "100", "101", "99999999999", *NO_NUMBERS],
    "number": [*SOME_NUMBERS, *NO_NUMBERS],
    "fraction": ["0", "0.5", "30000/1001", "1000", "1001", "-1", "1/0", "x"],
    "switch": ["true", "false", "True", "1"],
    "text": ["nonsense", "", "auto"],
    "specs": ["[jpeg]", "[jpeg | bit-depth:bits=3]", "[jpeg:quality=0]", "jpeg", "[]", "[nonsense]"],
}


def refused(check: Callable[[], object]) -> bool:
    try:
        check()
    except LsapError:
        return True
    return False


def texts_of(setting: KnownSetting) -> list[str]:
    edges = [value for value in (setting.least, setting.most) if value is not None]
    near = [value + step for value in edges for step in (-2, -1, 0, 1, 2)]
    shown = [str(value) for value in near]
    return [*TEXTS[setting.kind], *shown, *setting.choices, setting.default]


def test_the_committed_table_is_made_from_the_classes() -> None:
    hint = "run: python -m lsap_cli.jobs.parts_table"
    assert TABLE.read_text(encoding="utf-8") == parts_text(), hint


@pytest.mark.parametrize("kind", [kind for kind in PART_KINDS if kind != "formats"])
def test_the_quick_check_refuses_what_the_class_refuses_and_nothing_else(kind: PartKind) -> None:
    table: Mapping[str, type[Any]] = CLASSES[kind]
    for name, part in known_parts(kind).items():
        assert part.settings is not None
        specs = [name, f"{name}:nonsense=1", f"{name}:nonsense", f"{name}:"]
        specs += [f"{name}:{one.name}={text}" for one in part.settings for text in texts_of(one)]
        specs += [f"{name}:{old}={one.default}" for one in part.settings for old in one.other_names]
        for spec in specs:
            quick = refused(lambda spec=spec: check_spec(kind, spec))  # type: ignore[misc]
            slow = refused(lambda spec=spec: build(spec, table, NOUNS[kind]))  # type: ignore[misc]
            assert quick == slow, spec


@pytest.mark.parametrize("kind", [kind for kind in PART_KINDS if kind != "formats"])
def test_a_part_is_written_with_the_defaults_of_its_class(kind: PartKind) -> None:
    assert [part.written for part in known_parts(kind).values()] == describe(CLASSES[kind])


@pytest.mark.parametrize("kind", PART_KINDS)
def test_each_part_says_what_it_is_in_a_line(kind: PartKind) -> None:
    for part in known_parts(kind).values():
        assert part.about.strip()
        assert "\n" not in part.about
        assert all(one.about for one in part.settings or ()), part.name


@pytest.mark.parametrize(
    ("kind", "spec", "words"),
    [
        ("attacks", "lasp", "the attack 'lasp' is unknown; .* Did you mean lsap?"),
        ("defenses", "jpg:quality=3", "Did you mean jpeg?"),
        ("defenses", "temporal_median", "Did you mean temporal-median?"),
        ("defenses", "jpeg:qualty=3", "has no setting 'qualty=3'; write it as jpeg:quality=75; did you mean quality?"),
        ("attacks", "lsap:first-step=1", "did you mean first_step?"),
        ("attacks", "lsap:update=momentun", "use momentum, apg, pgd, sgd or adam; did you mean momentum?"),
        ("defenses", "jpeg:quality=101", "quality is 101; use a whole number from 1 to 100"),
        ("defenses", "jpeg:quality=nan", "quality is nan; use a whole number from 1 to 100"),
        ("defenses", "temporal-mean:window=4", "window is 4; use an odd whole number from 3 to 999"),
        ("samplers", "rate:fps=0", "fps is 0; use a number above 0 and at most 1000"),
        ("families", "tsm:shift=1", "shift is 1; use a whole number from 2 or 0"),
        ("detectors", "feature-squeezing:squeezers=[jpeg | jpg]", "the defense 'jpg' is unknown"),
        ("defenses", "jpeg:quality", "gives quality no value|has no setting"),
        ("defenses", "jpeg:quality=3,quality=4", "gives quality twice"),
    ],
)
def test_a_refusal_says_what_would_work(kind: PartKind, spec: str, words: str) -> None:
    with pytest.raises(LsapError, match=words.replace("?", r"\?")):
        check_spec(kind, spec)


def test_each_member_of_a_chain_is_checked() -> None:
    check_chain("defenses", "jpeg:quality=50 + temporal-mean")
    with pytest.raises(LsapError, match="Did you mean temporal-mean"):
        check_chain("defenses", "jpeg + temporal-meen")


def test_models_by_name_are_those_that_need_no_file() -> None:
    names = known_names("models")
    assert names[0] == "demo"
    assert set(names) <= {spec for spec, _ in known_models()}
    assert "torchvision:r3d_18" in names
    assert not any(name.startswith(("hf:", "FILE")) for name in names)
