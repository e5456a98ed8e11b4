"""`lsap list`: the names of all parts, with settings, defaults and ranges."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from lsap_cli.commands.listing import FLAGS
from lsap_cli.known_parts import LIST_KINDS, known_names, known_parts
from tests.commands.conftest import Lsap


@pytest.mark.parametrize("kind", LIST_KINDS)
def test_each_kind_is_listed_with_its_names(kind: str, lsap: Lsap) -> None:
    outcome = lsap("list", kind)
    assert outcome.code == 0
    heads = [line for line in outcome.out.splitlines() if not line.startswith(" ")]
    assert set(known_names(kind)) <= set(heads)  # type: ignore[arg-type]  # one of them


def test_settings_are_listed_with_default_and_range(lsap: Lsap) -> None:
    outcome = lsap("list", "defenses", "jpeg")
    assert outcome.out.splitlines()[0] == "jpeg"
    assert "quality=75   a whole number from 1 to 100" in outcome.out
    assert "temporal-mean" not in outcome.out


def test_without_a_kind_all_names_are_listed(lsap: Lsap) -> None:
    outcome = lsap("list")
    assert all(name in outcome.out for name in (*known_parts("attacks"), *known_parts("codecs")))
    assert set(FLAGS) == set(LIST_KINDS)


def test_json_holds_every_setting(lsap: Lsap) -> None:
    document = json.loads(lsap("list", "codecs", "--json").out)
    codec = next(part for part in document["parts"] if part["name"] == "h264")
    assert [one["name"] for one in codec["settings"]] == ["crf", "preset", "pixel_format"]
    assert codec["settings"][0] | {"least": 0, "most": 51, "default": "18"} == codec["settings"][0]
    assert json.loads(lsap("list", "--json").out)["names"]["samplers"] == [*known_parts("samplers")]


@pytest.mark.parametrize(
    ("words", "hint"), [(("attack",), "Did you mean attacks?"), (("attacks", "lasp"), "Did you mean lsap?")]
)
def test_a_wrong_word_is_answered_with_the_nearest(words: tuple[str, ...], hint: str, lsap: Lsap) -> None:
    outcome = lsap("list", *words)
    assert outcome.code == 2
    assert hint in outcome.err


def test_parts_of_installed_packages_are_listed_with_their_settings_or_why_they_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "blurs.py").write_text(
        "from dataclasses import dataclass\n"
        "from defenses.spatial import SpatialGaussian\n"
        "@dataclass(frozen=True)\n"
        "class Blur(SpatialGaussian):\n"
        '    """A blur of mine."""\n'
        "    often: int = 2\n"
    )
    info = tmp_path / "blurs-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: blurs\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[lsap.defenses]\nmy-blur = blurs:Blur\nbroken = blurs:Gone\n")
    script = (
        f"import sys; sys.path.append({str(tmp_path)!r}); sys.argv = ['lsap', 'list', 'defenses']\n"
        "from lsap_cli.main import run; run()"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "my-blur\n    A blur of mine. (of the package blurs 1.0)\n" in done.stdout
    assert "    often=2   a whole number" in done.stdout
    assert "broken\n    cannot be used: the defense 'broken' of the package blurs 1.0 cannot be loaded" in done.stdout
