"""Model cards: a TOML file that describes how to build a network and its input. See docs/model-card.md."""

import importlib
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.classifiers.factories import build_network
from lsap_cli.classifiers.formats import InputFormat, OutputFormat, SamplingFormat
from lsap_cli.classifiers.label_files import read_labels
from lsap_cli.classifiers.model_formats.base import LoadedNetwork, NetworkRequest
from lsap_cli.classifiers.weights import sha256
from lsap_cli.errors import LsapError
from lsap_cli.known_models import MODEL_FORMATS, format_of
from lsap_cli.validation import checked

MAKERS = ("factory", "format")
"""The fields of a card that say where its network comes from, of which it has one."""


class ModelCard(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The fields of a card; its tables are the classes of their own.

    Attributes:
        factory: what makes the network.
        format: in its place: the format of the network's own files, alone or with their place.
        labels: a file with one class a line, or the classes; None: as the network's own files say.
        input: what the network takes; None: as the network's own files say.
        name: how the model is called in reports; None: as the card's file.
        weights: a file with weights.
        weights_key: under which a checkpoint has the weights.
        strip_prefix: taken from the names of the weights.
        accuracy: top-1 that the network is known to have, for `lsap models check`.
        sampling: the network's own protocol.
        output: what the network gives.
    """

    factory: Annotated[
        str | None,
        Meta(description='"file.py:callable" beside the card or "package.module:callable"'),
    ] = None
    format: Annotated[str | None, Meta(description="a format, with its file or folder behind a colon")] = None
    labels: Annotated[
        str | tuple[str, ...] | None,
        Meta(description="a text file with one class a line, relative to the card, or a list of classes"),
    ] = None
    input: InputFormat | None = None
    name: Annotated[str | None, Meta(description="a name")] = None
    weights: Annotated[str | None, Meta(description="a file's path, relative to the card")] = None
    weights_key: Annotated[str | None, Meta(description="a key of the checkpoint, as text")] = None
    strip_prefix: Annotated[str | None, Meta(description='text such as "module."')] = None
    accuracy: Annotated[float | None, Meta(description="a share from 0 to 1")] = None
    sampling: SamplingFormat | None = None
    output: OutputFormat | None = None

    def __post_init__(self) -> None:
        for name in ("factory", "format", "labels", "name", "weights", "weights_key", "strip_prefix"):
            value = getattr(self, name)
            if value is not None and len(value) == 0:
                raise ValueError(f"{name} is empty; give one, or leave it out")
        if self.accuracy is not None and not 0 <= self.accuracy <= 1:
            raise ValueError(f"accuracy is {self.accuracy}; it must be a share from 0 to 1")
        made_by = [name for name in MAKERS if getattr(self, name) is not None]
        if len(made_by) > 1:
            raise ValueError(f"{' and '.join(made_by)} say twice where the network comes from; give one of them")


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
        raise LsapError(f"the model card {path} is not valid TOML: {error}{_weights_hint(path)}") from None
    return checked(data, ModelCard, f"the model card {path}")


def _weights_hint(path: Path) -> str:
    if path.suffix in (".pth", ".safetensors", ".bin", ".ckpt"):
        return "; it looks like weights: name it in the field weights of a model card"
    return ""


def load_card(path: Path, given: tuple[str, Path] | None = None) -> Classifier:
    """The classifier that a card describes.

    Args:
        path: of the card.
        given: the format and the file of a network that the card stands beside; the card then needs to name none.

    Raises:
        LsapError: naming the card's field that is wrong or the file that is missing.
    """
    card = read_card(path)
    where = f"the model card {path}"
    if card.sampling is not None:
        card.sampling.build(f"sampler of {where}")
    labels = _labels(path, card)
    source = {"spec": str(path), "card_sha256": sha256(path)}
    if card.factory is None:
        return _from_format(path, card, given, labels, source)
    weights = None if card.weights is None else beside(path, "weights", card.weights)
    if labels is None:
        raise LsapError(f"{where} lacks labels; it is a text file with one class a line, relative to the card")
    if card.input is None:
        raise LsapError(f"{where} lacks input; it is a table [input]")
    if weights is not None:
        source["weights_sha256"] = sha256(weights)
    factory = path.parent / card.factory.rpartition(":")[0]
    if factory.suffix == ".py" and factory.is_file():
        source["factory_sha256"] = sha256(factory)
    network = build_network(path, card.factory, weights, card.weights_key, card.strip_prefix)
    loaded = LoadedNetwork(network, path.stem, labels, card.input)
    return _classifier(loaded, NetworkRequest("", where, labels, card.input, card.output), card, source)


def _from_format(
    path: Path, card: ModelCard, given: tuple[str, Path] | None, labels: Sequence[str] | None, source: dict[str, str]
) -> Classifier:
    where = f"the model card {path}"
    name, place = _format(path, card, given)
    request = NetworkRequest(place, where, labels, card.input, card.output)
    return _classifier(_load(name, request), request, card, source)


def _format(path: Path, card: ModelCard, given: tuple[str, Path] | None) -> tuple[str, str]:
    """The name of a card's format and the place of its files."""
    if card.format is None:
        if given is not None:
            return given[0], str(given[1])
        raise LsapError(
            f'the model card {path} lacks factory; it is "file.py:callable" beside the card or '
            f'"package.module:callable" (or, in its place, format: {", ".join(MODEL_FORMATS)})'
        )
    named = (card.format, card.weights or "") if card.format in MODEL_FORMATS else format_of(card.format)
    if named is None:
        raise LsapError(f"the model card {path} has format = '{card.format}'; it must be {', '.join(MODEL_FORMATS)}")
    name, place = named
    if not place:
        raise LsapError(
            f"the model card {path} has format = '{card.format}' and does not say of what; write "
            f'format = "{name}:PLACE", or weights'
        )
    there = path.parent / place
    return name, str(there) if there.exists() or MODEL_FORMATS[name].suffixes else place


def classifier_of(name: str, place: str, where: str, source: Mapping[str, str]) -> Classifier:
    """The classifier of a format whose files say everything.

    Args:
        name: of the format.
        place: its file or folder.
        where: who asks, for sentences.
        source: for the record.

    Raises:
        LsapError: if something is missing or does not fit.
    """
    request = NetworkRequest(place, where)
    return _classifier(_load(name, request), request, ModelCard(), source)


def _load(name: str, request: NetworkRequest) -> LoadedNetwork:
    module = importlib.import_module(f"lsap_cli.classifiers.model_formats.{name}")
    loaded: LoadedNetwork = getattr(module, f"load_{name}")(request)
    return loaded


def _classifier(
    loaded: LoadedNetwork, request: NetworkRequest, card: ModelCard, source: Mapping[str, str]
) -> Classifier:
    """A network with what its card says, and what its own files say where the card is silent."""
    labels = request.labels or loaded.labels
    if labels is None:
        raise LsapError(f"{request.where} lacks labels; it is a text file with one class a line, relative to the card")
    made = Classifier(
        loaded.network,
        card.name or loaded.name,
        labels,
        request.expects or loaded.expects or request.needed_input("its network"),
        gives=request.gives or loaded.gives or OutputFormat(),
        sampling=card.sampling or loaded.sampling or SamplingFormat(),
        source={**source, **loaded.source},
    )
    made.notes, made.declared_accuracy = loaded.notes, card.accuracy
    return made


def _labels(path: Path, card: ModelCard) -> list[str] | None:
    if card.labels is None:
        return None
    return read_labels(beside(path, "labels", card.labels)) if isinstance(card.labels, str) else list(card.labels)


def beside(card: Path, field: str, name: str) -> Path:
    """A file that a card names.

    Raises:
        LsapError: if it is not there.
    """
    path = card.parent / name
    if not path.is_file():
        raise LsapError(f"the model card {card}: {field} names {path}, which is not a file")
    return path
