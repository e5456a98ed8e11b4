"""From what the user wrote behind --model to a classifier."""

import importlib.resources
from pathlib import Path

from lsap_cli.classifiers.cards import load_card
from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.classifiers.zoo import load_zoo
from lsap_cli.errors import LsapError
from lsap_cli.known_models import DEMO, PREFIX
from lsap_cli.plugins import added_models, load, one_of, origin


def load_classifier(spec: str) -> Classifier:
    """The classifier that a spec names.

    Args:
        spec: a model card's path (or its folder), a zoo name such as `torchvision:r3d_18`, `demo`, or the name of a
            model of an installed package.

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
    path = card_path(spec)
    if path is not None:
        return load_card(path)
    raise LsapError(
        f"the model '{spec}' is neither a model card (no such file), nor 'demo', "
        f"nor a zoo name such as {PREFIX}r3d_18; "
        "lsap models lists what there is, docs/model-card.md explains how to add your own"
    )


def card_path(spec: str) -> Path | None:
    """The user's own model card that a spec names; None where it names something else."""
    if spec == DEMO or spec.startswith(PREFIX) or spec in added_models():
        return None
    path = Path(spec)
    if path.is_dir():
        path = path / "model.toml"
    return path if path.is_file() else None


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
