"""Perturbations that come with lsap, loaded by name: `gallery:NAME`. No torch here; nothing is downloaded.

Each is a file `NAME.safetensors` with a card `NAME.toml` beside it, which says how it was learned, how many unseen
videos it fooled, and the file's SHA-256. `python benchmarks/make_gallery.py` makes them again.
"""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from lsap_cli.errors import LsapError
from lsap_cli.hashing import content_hash
from lsap_common import unknown_name

FOLDER = Path(__file__).parent
PREFIX = "gallery:"


@dataclass(frozen=True)
class GalleryCard:
    """What is known of a perturbation of the gallery.

    Attributes:
        about: in one sentence.
        model: that it was learned against, as behind --model.
        attack: as behind --attack.
        steps: of learning.
        seed: of learning.
        norm: of the budget.
        epsilon: of the budget.
        binding: which slot a frame gets.
        fit_videos: how many videos it was learned from.
        videos: how many other videos it was judged on, with the model's own sampler.
        clean_right: how many of them are classified right without an attack.
        noise_fooled: how many predictions noise of the same size changes.
        fooled: how many predictions it changes.
        attacked_right: how many are classified right under it.
        sha256: of the file.
    """

    about: str
    model: str
    attack: str
    steps: int
    seed: int
    norm: str
    epsilon: str
    binding: str
    fit_videos: int
    videos: int
    clean_right: int
    noise_fooled: int
    fooled: int
    attacked_right: int
    sha256: str


@cache
def gallery_names() -> tuple[str, ...]:
    """The names, in alphabetical order."""
    return tuple(path.stem for path in sorted(FOLDER.glob("*.toml")))


def gallery_card(name: str) -> GalleryCard:
    """The card of a perturbation.

    Raises:
        LsapError: if there is none with that name.
    """
    if name not in gallery_names():
        raise LsapError(unknown_name("perturbation of the gallery", name, gallery_names()))
    text = (FOLDER / f"{name}.toml").read_text(encoding="utf-8")
    return GalleryCard(**tomllib.loads(text))


def resolved(path: Path) -> Path:
    """The file that `gallery:NAME` stands for; any other path as it is.

    Raises:
        LsapError: if there is none with that name, or its file is not the one that its card describes.
    """
    text = str(path)
    if not text.startswith(PREFIX):
        return path
    name = text.removeprefix(PREFIX)
    card = gallery_card(name)
    file = FOLDER / f"{name}.safetensors"
    if not file.is_file() or content_hash(file) != card.sha256:
        raise LsapError(f"{file} is not the file that its card describes (SHA-256 {card.sha256}); install lsap again")
    return file
