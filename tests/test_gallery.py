"""The perturbations that come with lsap: each is the file that its card describes, and does what the card says."""

import re
from dataclasses import fields
from pathlib import Path

import pytest
import torch

from lsap_cli import gallery
from lsap_cli.api import DefendSettings, load_clips, run_defend
from lsap_cli.classifiers import load_classifier
from lsap_cli.datasets import list_videos
from lsap_cli.demo.videos import write_dataset
from lsap_cli.errors import LsapError
from lsap_cli.gallery import GalleryCard, gallery_card, gallery_names, resolved
from perturbations import Perturbation, noise_like
from perturbations.adding import round_to_levels
from tests.commands.conftest import write_small_videos

ROOT = Path(__file__).parents[1]
SEED_OF_TEST = 4004  # of benchmarks/make_gallery.py, and 5 videos of each label
LARGEST_FILE = 50_000


def file_of(name: str) -> Path:
    return resolved(Path(f"gallery:{name}"))


@pytest.mark.parametrize("name", gallery_names())
def test_a_file_is_small_and_is_what_its_card_says(name: str) -> None:
    card, perturbation = gallery_card(name), Perturbation.load(file_of(name))
    assert file_of(name).stat().st_size < LARGEST_FILE
    assert (perturbation.budget.norm, perturbation.budget.epsilon_text) == (card.norm, card.epsilon)
    assert str(perturbation.binding) == card.binding
    assert perturbation.record["steps"] == card.steps
    assert len(perturbation.record["videos"]) == card.fit_videos


def test_the_page_has_a_row_for_each_card() -> None:
    text = (ROOT / "docs" / "gallery.md").read_text(encoding="utf-8")
    table = text.partition("<!-- gallery -->\n")[2].partition("<!-- end of gallery -->")[0]
    assert table.strip() == gallery_table()


def gallery_table() -> str:
    """The table of docs/gallery.md."""
    lines = ["| name | what it is | attack | budget | binding | fooled | noise | right, clean | right, attacked |"]
    lines.append("|" + "---|" * 9)
    for name in gallery_names():
        card = gallery_card(name)
        counts = (card.fooled, card.noise_fooled, card.clean_right, card.attacked_right)
        cells = [
            f"`gallery:{name}`",
            card.about,
            f"`{card.attack}`",
            f"{card.norm} {card.epsilon}",
            f"`{card.binding}`",
        ]
        lines.append("| " + " | ".join([*cells, *(f"{count}/{card.videos}" for count in counts)]) + " |")
    return "\n".join(lines)


def test_a_name_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(LsapError, match="demo-lsap"):
        resolved(Path("gallery:demo-lasp"))
    assert resolved(tmp_path / "r.safetensors") == tmp_path / "r.safetensors"


def test_a_file_that_was_changed_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = gallery_names()[0]
    for suffix in (".toml", ".safetensors"):
        (tmp_path / f"{name}{suffix}").write_bytes((gallery.FOLDER / f"{name}{suffix}").read_bytes())
    monkeypatch.setattr(gallery, "FOLDER", tmp_path)
    changed = tmp_path / f"{name}.safetensors"
    changed.write_bytes(changed.read_bytes()[:-1] + b"\1")
    with pytest.raises(LsapError, match=re.escape(gallery_card(name).sha256)):
        resolved(Path(f"gallery:{name}"))


def test_defend_takes_one_by_name(tmp_path: Path) -> None:
    write_small_videos(tmp_path / "videos", 42)
    settings = DefendSettings(
        str(tmp_path / "videos"), model="demo", perturbation="gallery:demo-clockwise", defense=("none",)
    )
    rows = run_defend(settings, tmp_path / "run").rows
    assert {row.attack for row in rows} == {"none", "noise", "demo-clockwise"}


@pytest.mark.slow
def test_the_figures_of_the_cards_are_those_of_judging_again(tmp_path: Path) -> None:
    write_dataset(tmp_path, 5, SEED_OF_TEST)
    classifier = load_classifier("demo")
    clips = load_clips(tmp_path, classifier)
    labels = torch.tensor([video.labels[0] for video in list_videos(tmp_path, classifier.labels).videos])

    def predicted(shown: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            return classifier.score(round_to_levels(shown)).argmax(1)

    clean = predicted(clips)
    for name in gallery_names():
        card, perturbation = gallery_card(name), Perturbation.load(file_of(name))
        attacked, noisy = predicted(perturbation.add(clips)), predicted(noise_like(perturbation, 0).add(clips))
        found = {
            "videos": len(clips),
            "clean_right": int((clean == labels).sum()),
            "fooled": int((attacked != clean).sum()),
            "attacked_right": int((attacked == labels).sum()),
            "noise_fooled": int((noisy != clean).sum()),
        }
        told = {field: getattr(card, field) for field in found}
        assert all(abs(found[field] - told[field]) <= 1 for field in found), (name, found, told)
        assert card.fooled > 2 * card.noise_fooled


def test_the_fields_of_a_card_are_described() -> None:
    described = re.findall(r"^ {8}(\w+):", GalleryCard.__doc__ or "", flags=re.MULTILINE)
    assert described == [one.name for one in fields(GalleryCard)]
