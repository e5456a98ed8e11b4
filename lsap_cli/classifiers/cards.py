"""Model cards: a TOML file that describes how to build a network and its input. See docs/model-card.md."""

import tomllib
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.classifiers.factories import build_network
from lsap_cli.classifiers.formats import InputFormat, OutputFormat, SamplingFormat
from lsap_cli.classifiers.weights import sha256
from lsap_cli.errors import LsapError
from lsap_cli.validation import checked


class ModelCard(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The fields of a card; its tables are the classes of their own.

    Attributes:
        factory: what makes the network.
        labels: a file with one class a line.
        input: what the network takes.
        name: how the model is called in reports; None: as the card's file.
        weights: a file with weights.
        sampling: the network's own protocol.
        output: what the network gives.
    """

    factory: Annotated[
        str, Meta(min_length=1, description='"file.py:callable" beside the card or "package.module:callable"')
    ]
    labels: Annotated[str, Meta(min_length=1, description="a text file with one class a line, relative to the card")]
    input: InputFormat
    name: Annotated[str | None, Meta(description="a name")] = None
    weights: Annotated[str | None, Meta(description="a file's path, relative to the card")] = None
    sampling: SamplingFormat = SamplingFormat()
    output: OutputFormat = OutputFormat()

    def __post_init__(self) -> None:
        if self.name == "":
            raise ValueError("name is empty; give a name, or leave it out")


def read_card(path: Path) -> ModelCard:
    """A card's checked fields.

    Raises:
        LsapError: if it cannot be read, is not TOML, or a field is missing, unknown or wrong.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise LsapError(f"the model card {path} cannot be read ({error.strerror})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise LsapError(f"the model card {path} is not valid TOML: {error}") from None
    return checked(data, ModelCard, f"the model card {path}")


def load_card(path: Path) -> Classifier:
    """The classifier that a card describes.

    Raises:
        LsapError: naming the card's field that is wrong or the file that is missing.
    """
    card = read_card(path)
    card.sampling.build(f"sampler of the model card {path}")
    labels = read_labels(_beside(path, "labels", card.labels))
    weights = None if card.weights is None else _beside(path, "weights", card.weights)
    source = {"spec": str(path), "card_sha256": sha256(path)}
    if weights is not None:
        source["weights_sha256"] = sha256(weights)
    factory = path.parent / card.factory.rpartition(":")[0]
    if factory.suffix == ".py" and factory.is_file():
        source["factory_sha256"] = sha256(factory)
    return Classifier(
        build_network(path, card.factory, weights),
        card.name or path.stem,
        labels,
        card.input,
        gives=card.output,
        sampling=card.sampling,
        source=source,
    )


def read_labels(path: Path) -> list[str]:
    """One class a line, in the order of the logits.

    Raises:
        LsapError: if the file is empty or is not text.
    """
    try:
        labels = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise LsapError(f"the labels {path} cannot be read as text ({error})") from None
    while labels and not labels[-1]:
        labels.pop()
    if not labels:
        raise LsapError(f"the labels {path} are empty; give one class a line, in the order of the logits")
    return labels


def _beside(card: Path, field: str, name: str) -> Path:
    path = card.parent / name
    if not path.is_file():
        raise LsapError(f"the model card {card}: {field} names {path}, which is not a file")
    return path
