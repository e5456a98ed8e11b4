"""Parts of installed packages: found by their entry points, named everywhere, never in the way of the program."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from defenses import DEFENSES
from defenses.certify import SMOOTHINGS
from defenses.detectors import DETECTORS
from lsap_cli import plugins
from lsap_cli.errors import LsapError
from lsap_cli.specs import build
from lsap_cli.video.codecs import CODECS
from perturbations.attacks import ATTACKS, Attack
from perturbations.bindings import parse_binding
from perturbations.samplers import SAMPLERS
from tests.commands.conftest import SCRIPT
from tests.tiny import make_bytes, write_tiny

CODE = '''
from dataclasses import dataclass

import torch
from torch import nn

from defenses.detectors.consistency import TemporalConsistency
from defenses.temporal import TemporalMean
from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.classifiers.resolve import load_classifier
from lsap_cli.datasets.entries import Entry, Listing, SetFormat
from perturbations.attacks.fgsm import Fgsm


@dataclass(frozen=True)
class TwiceFgsm(Fgsm):
    """An attack of a package."""


@dataclass(frozen=True)
class LongMean(TemporalMean):
    """A defense of a package."""

    window: int = 5


@dataclass(frozen=True)
class Slow(TemporalConsistency):
    """A detector of a package."""

    stride: int = 4


def tiny_model() -> Classifier:
    """A model of a package."""
    return load_classifier("demo")


class NotAPart:
    """Neither an attack nor a defense."""


@dataclass(frozen=True)
class OneName(SetFormat):
    """Files whose name is in a file."""

    def fits(self, path):
        return path.suffix == ".one"

    def read(self, source):
        return Listing([Entry((source.path.read_text().strip(),))], roots=[source.path.parent])
'''
ENTRY_POINTS = """
[lsap.attacks]
twice-fgsm = strangers_parts:TwiceFgsm
fgsm = strangers_parts:TwiceFgsm
gone = strangers_parts_that_are_gone:Attack
no-part = strangers_parts:NotAPart

[lsap.defenses]
long-mean = strangers_parts:LongMean

[lsap.detectors]
slow = strangers_parts:Slow

[lsap.datasets]
one-name = strangers_parts:OneName

[lsap.models]
strangers-model = strangers_parts:tiny_model
"""


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str


def lsap(site: Path, *words: object) -> Ended:
    """The program in a process of its own, where the package below `site` is installed."""
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(site)!r})\n{SCRIPT}", *map(str, words)],
        capture_output=True, text=True, timeout=300, check=False, env=None,
    )  # fmt: skip
    return Ended(done.returncode, done.stdout, " ".join(done.stderr.split()))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like site-packages with one package in it."""
    root = tmp_path_factory.mktemp("site")
    (root / "strangers_parts.py").write_text(CODE)
    info = root / "strangers_parts-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: strangers-parts\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    return root


@pytest.mark.parametrize(
    ("table", "names"),
    [
        (ATTACKS, plugins.ATTACKS.own),
        (DEFENSES, plugins.DEFENSES.own),
        (DETECTORS, plugins.DETECTORS.own),
        (SAMPLERS, plugins.SAMPLERS.own),
        (SMOOTHINGS, plugins.SMOOTHINGS.own),
        (CODECS, plugins.codec_names()),
    ],
    ids=["attacks", "defenses", "detectors", "samplers", "smoothings", "codecs"],
)
def test_the_names_that_help_shows_are_those_of_the_table(table: dict[str, object], names: tuple[str, ...]) -> None:
    assert names == tuple(table)


def test_every_kind_of_binding_that_help_shows_can_be_parsed() -> None:
    for name in plugins.binding_names():
        assert parse_binding(name if name == "constant" else f"{name}:3").kind == name


def test_a_codec_is_called_as_it_calls_itself() -> None:
    assert {name: kind.name for name, kind in CODECS.items()} == {name: name for name in CODECS}


def test_help_and_lists_name_the_parts_of_an_installed_package(site: Path) -> None:
    generate, defend, models = (
        lsap(site, "generate", "--help"), lsap(site, "defend", "--help"), lsap(site, "models", "--json"),
    )  # fmt: skip
    assert "twice-fgsm" in generate.out
    assert "strangers-model" in generate.out
    for name in ("long-mean", "slow"):
        assert name in defend.out
    listed = {one["spec"]: one["about"] for one in json.loads(models.out)["models"]}
    assert listed["strangers-model"] == "of the package strangers-parts 1.2"


def test_an_attack_and_a_model_of_an_installed_package_run(site: Path, tmp_path: Path) -> None:
    for name in ("v_a_g01_c01", "v_a_g02_c01", "v_a_g03_c01"):
        write_tiny(tmp_path / "videos" / f"{name}.mkv", make_bytes(20, 40, 40, seed=len(name)))
    (tmp_path / "videos" / "v_a_g02_c01.mkv").write_bytes(
        write_tiny(tmp_path / "other.mkv", make_bytes(20, 40, 40, seed=5)).read_bytes()
    )
    write_tiny(tmp_path / "videos" / "v_a_g03_c01.mkv", make_bytes(20, 40, 40, seed=6))
    out = tmp_path / "r.safetensors"
    ended = lsap(
        site, "generate", tmp_path / "videos", "--model", "strangers-model", "--attack", "twice-fgsm", "--steps", 1,
        "--through", "long-mean", "--out", out, "--run", tmp_path / "run", "--json", "--quiet",
    )  # fmt: skip
    assert ended.code == 0, ended.err
    assert json.loads(ended.out)["attack"] == "twice-fgsm"
    assert out.exists()


@pytest.fixture
def attacks(site: Path, monkeypatch: pytest.MonkeyPatch) -> plugins.PartTable[Attack]:
    """The attacks with the package installed."""
    monkeypatch.syspath_prepend(site)
    return plugins.PartTable("attack", "perturbations.attacks:ATTACKS", "lsap.attacks", "perturbations.attacks:Attack")


def test_a_wrong_name_is_refused_with_the_parts_of_packages_among_those_that_work(
    attacks: plugins.PartTable[Attack],
) -> None:
    with pytest.raises(LsapError, match=r"the attack 'nonsense' is unknown; use one of: lsap.*, twice-fgsm") as caught:
        build("nonsense", attacks, "attack")
    assert "gone (cannot be used)" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gone", "the attack 'gone' of the package strangers-parts 1.2 cannot be loaded: ModuleNotFoundError"),
        ("fgsm", "the attack 'fgsm' is given by lsap itself and by the package strangers-parts 1.2; uninstall one"),
        ("no-part", "cannot be used: strangers_parts:NotAPart is not a subclass of perturbations.attacks.Attack"),
    ],
    ids=["broken", "clash", "no attack"],
)
def test_a_part_that_cannot_be_used_is_refused_in_one_sentence_and_the_others_work(
    attacks: plugins.PartTable[Attack], name: str, message: str
) -> None:
    with pytest.raises(LsapError) as caught:
        build(name, attacks, "attack")
    assert message in str(caught.value)
    assert caught.value.exit_code == 2
    assert build("twice-fgsm", attacks, "attack") != build("lsap", attacks, "attack")


def test_names_that_are_not_written_out_are_an_error_not_an_empty_list() -> None:
    with pytest.raises(LookupError, match="has no HEAVY whose names are written out"):
        plugins.names_in_source("lsap_cli.plugins", "HEAVY")


def test_an_unknown_name_is_no_part() -> None:
    assert "nonsense" not in plugins.ATTACKS
    with pytest.raises(KeyError):
        plugins.ATTACKS["nonsense"]
    assert plugins.ATTACKS["fgsm"] is ATTACKS["fgsm"]
    assert len(plugins.ATTACKS) == len(ATTACKS)


def test_a_format_of_a_package_reads_a_set(site: Path, tmp_path: Path) -> None:
    write_tiny(tmp_path / "a.mkv", make_bytes(3))
    (tmp_path / "set.one").write_text("a.mkv\n")
    ended = lsap(site, "datasets", "show", f"one-name:{tmp_path / 'set.one'}", "--json")
    assert (ended.code, json.loads(ended.out)["format"], json.loads(ended.out)["looked_at"]) == (0, "one-name", 1)
