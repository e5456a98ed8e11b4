"""From what the user wrote behind --model to a classifier."""

import importlib.resources
from pathlib import Path

from lsap_cli.classifiers.cards import classifier_of, load_card
from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.classifiers.zoo import load_zoo
from lsap_cli.errors import LsapError
from lsap_cli.known_models import DEMO, MODEL_FORMATS, PREFIX, format_of
from lsap_cli.plugins import added_models, load, one_of, origin


def load_classifier(spec: str) -> Classifier:
    """The classifier that a spec names.

    Args:
        spec: a model card's path (or its folder), a zoo name such as `torchvision:r3d_18`, `demo`, or the name of a
            model of an installed package; or a network's own files: `hf:FOLDER`, `FILE.pt2` with a card beside it.

    Raises:
        LsapError: if it names nothing, or what it names cannot be loaded.
    """
    if spec == DEMO and spec not in added_models():
        with importlib.resources.as_file(importlib.resources.files("lsap_cli") / "demo") as folder:
            return load_card(folder / "model.toml")
    if spec.startswith(PREFIX):
        return load_zoo(spec)
    if spec in added_models():
        return _added(spec)
    named = format_of(spec)
    if named is not None:
        return _from_files(spec, *named)
    path = card_path(spec)
    if path is not None:
        return load_card(path)
    if (Path(spec) / "config.json").is_file():
        raise LsapError(f"the model '{spec}' is a folder with a config.json and no model.toml; did you mean hf:{spec}?")
    raise LsapError(
        f"the model '{spec}' is neither a model card (no such file), nor 'demo', "
        f"nor a zoo name such as {PREFIX}r3d_18 or hf:FOLDER; "
        "lsap models lists what there is, docs/model-card.md explains how to add your own"
    )


def card_path(spec: str) -> Path | None:
    """The user's own model card that a spec names, or that lies beside the file it names; None where there is none."""
    if spec == DEMO or spec.startswith(PREFIX) or spec in added_models():
        return None
    path = Path(spec)
    named = format_of(spec)
    if named is not None:
        path = Path(named[1])
        beside = (path.with_suffix(".toml"), path.parent / "model.toml")
        return next((card for card in beside if card.is_file()), None) if MODEL_FORMATS[named[0]].needs_card else None
    if path.is_dir():
        path = path / "model.toml"
    return path if path.is_file() else None


def download_model(spec: str) -> None:
    """Fetches what a spec names from the Hugging Face Hub into the local cache.

    Args:
        spec: `hf:OWNER/NAME`.

    Raises:
        LsapError: if it is another spec, or the download fails.
    """
    named = format_of(spec)
    if named is None or named[0] != "hf" or Path(named[1]).exists():
        raise LsapError(f"--download fetches hf:OWNER/NAME; '{spec}' is not of that kind")
    from lsap_cli.classifiers.model_formats.hf import download

    download(named[1])


def _from_files(spec: str, name: str, place: str) -> Classifier:
    """A network in a format of its own, alone or with the model card beside it."""
    if not MODEL_FORMATS[name].needs_card:
        return classifier_of(name, place, f"the model '{spec}'", {"spec": spec})
    path, card = Path(place), card_path(spec)
    if not path.is_file():
        raise LsapError(f"the model '{spec}': {path} is not a file")
    if card is not None:
        return load_card(card, (name, path))
    raise LsapError(
        f"the model '{spec}' needs a model card: {path.with_suffix('.toml')} beside it, with labels and [input]; the "
        "file itself says neither how frames are resized and normalized nor what its scores mean"
    )


def _added(name: str) -> Classifier:
    """The model that an installed package gives by an entry point: a `Classifier`, or the path of a model card."""
    point = one_of(name, "model", added_models()[name], own=name == DEMO)
    whose = f"the model '{name}' of {origin(point)}"
    make = load(point, "model")
    try:
        made = make()
    except Exception as error:  # a stranger's function can raise anything
        raise LsapError(f"{whose} cannot be made: {type(error).__name__}: {error}") from error
    if isinstance(made, str | Path):
        made = load_card(Path(made))
    if not isinstance(made, Classifier):
        raise LsapError(f"{whose} is a {type(made).__name__}; it must be a Classifier or the path of a model card")
    made.source |= {"spec": name, "package": origin(point).removeprefix("the package ")}
    return made
