"""From what the user wrote behind --model to a classifier."""

import importlib.resources
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lsap_cli.classifiers.cards import classifier_of, load_card
from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.classifiers.spec_checks import card_path, check_model_spec
from lsap_cli.classifiers.zoo import load_zoo
from lsap_cli.errors import LsapError
from lsap_cli.known_models import DEMO, PREFIX, format_of
from lsap_cli.plugins import added_models, load, one_of, origin


def load_classifier(spec: str) -> Classifier:
    """The classifier that a spec names.

    Args:
        spec: a model card's path (or its folder), a zoo name such as `torchvision:r3d_18`, `demo`, or the name of a
            model of an installed package; or a network's own files: `hf:FOLDER`, `FILE.pt2` with a card beside it.

    Raises:
        LsapError: if it names nothing, or what it names cannot be loaded.
    """
    check_model_spec(spec)
    if spec == DEMO and spec not in added_models():
        with demo_card() as card:
            return load_card(card)
    if spec.startswith(PREFIX):
        return load_zoo(spec)
    if spec in added_models():
        return _added(spec)
    found, named = card_path(spec), format_of(spec)
    if found is not None:
        return load_card(found, named and (named[0], Path(named[1])))
    assert named is not None  # as check_model_spec has seen
    return classifier_of(*named, f"the model '{spec}'", {"spec": spec})


@contextmanager
def demo_card() -> Iterator[Path]:
    """The path of the demo's card, while the block lasts: a package need not lie in a folder."""
    with importlib.resources.as_file(importlib.resources.files("lsap_cli") / "demo") as folder:
        yield folder / "model.toml"


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
