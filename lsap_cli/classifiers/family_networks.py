"""From a card's family and backbone to a network with its weights."""

import torch
from torch import nn

from lsap_cli.classifiers.card_fields import CardFiles
from lsap_cli.classifiers.families import FAMILIES
from lsap_cli.classifiers.model_formats.base import NetworkRequest
from lsap_cli.classifiers.weights import load_into, load_state
from lsap_cli.errors import LsapError
from lsap_cli.specs import build


def family_network(files: CardFiles, request: NetworkRequest) -> tuple[nn.Module, tuple[str, ...]]:
    """The network of a card that names a family, and sentences on how its weights were read.

    Without weights, they are drawn by torch's generator with the seed 0, the same in every run.

    Args:
        files: the card and what it names.
        request: its labels and input.

    Raises:
        LsapError: if the backbone is not known, or the weights do not fit.
    """
    card = files.card
    assert card.family is not None
    assert request.labels is not None
    assert request.expects is not None
    try:
        family = build(card.family, FAMILIES, "family")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            network = family.build(card.backbone, len(request.labels), request.expects.frames)
    except LsapError as error:
        raise LsapError(f"{files.where}: {error}") from None
    if files.weights is not None:
        state = family.renamed(load_state(files.weights, card.weights_key))
        return network, load_into(network, state, f"{files.weights} of {files.where}", card.strip_prefix)
    return network, ()
