"""Model cards: a TOML file that describes how to build a network and its input. See docs/model-card.md."""

import importlib
from collections.abc import Mapping
from pathlib import Path

from lsap_cli.classifiers.card_fields import CardFiles, ModelCard, check_card
from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.classifiers.factories import build_network, helpers_sha256
from lsap_cli.classifiers.family_networks import family_network
from lsap_cli.classifiers.formats import OutputFormat, SamplingFormat
from lsap_cli.classifiers.model_formats.base import LoadedNetwork, NetworkRequest
from lsap_cli.classifiers.weights import sha256
from lsap_cli.errors import LsapError


def load_card(path: Path, given: tuple[str, Path] | None = None) -> Classifier:
    """The classifier that a card describes.

    Args:
        path: of the card.
        given: the format and the file of a network that the card stands beside; the card then needs to name none.

    Raises:
        LsapError: naming the card's field that is wrong or the file that is missing.
    """
    files = check_card(path, given)
    card = files.card
    if card.sampling is not None:
        card.sampling.build(f"sampler of {files.where}")
    source = {"spec": str(path), "card_sha256": sha256(path)}
    if files.format is not None:
        name, place = files.format
        request = NetworkRequest(place, files.where, files.labels, card.input, card.output, card.service, path)
        return _classifier(_load(name, request), request, card, source)
    if files.weights is not None:
        source["weights_sha256"] = sha256(files.weights)
    if files.factory_file is not None:
        source["factory_sha256"] = sha256(files.factory_file)
    request = NetworkRequest("", files.where, files.labels, card.input, card.output)
    built = _built(files, request)
    helpers = None if files.factory_file is None else helpers_sha256(files.factory_file)
    if helpers is not None:
        source["helpers_sha256"] = helpers
    return _classifier(built, request, card, source)


def _built(files: CardFiles, request: NetworkRequest) -> LoadedNetwork:
    """The network that a card's factory or family makes."""
    card = files.card
    if card.family is not None:
        network, notes = family_network(files, request)
        return LoadedNetwork(network, files.path.stem, request.labels, request.expects, notes=notes)
    assert card.factory is not None  # there is no format
    network, notes = build_network(files.path, card.factory, files.weights, card.weights_key, card.strip_prefix)
    return LoadedNetwork(network, files.path.stem, request.labels, request.expects, notes=notes)


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
