"""From a card's factory, which is a stranger's code, to a network. Errors name the card."""

import hashlib
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from lsap_cli.classifiers.card_fields import factory_parts
from lsap_cli.classifiers.weights import check_file, error_text, load_into, load_state
from lsap_cli.errors import LsapError


def build_network(
    card: Path, factory: str, weights: Path | None, key: str | None = None, strip_prefix: str | None = None
) -> nn.Module:
    """Calls a card's factory: with the weights' path where it takes one, else the weights are loaded for it.

    Args:
        card: the card's path.
        factory: "file.py:callable" beside the card, or "package.module:callable".
        weights: the file with the weights, if the card names one.
        key: under which a checkpoint has the weights; None: where training programs usually put them.
        strip_prefix: that is taken from the names of the weights; None: what training programs are known to put there.

    Raises:
        LsapError: if the factory is not there, fails, ends the program or gives no network; or if the weights do not
            fit.
    """
    call = _callable(card, factory)
    if weights is not None:
        check_file(weights)  # a pickle that is more than weights is refused before the factory can open it
    called = f"a card is code: lsap called {factory}, which must build a network"
    takes_path = weights is not None and _takes_an_argument(call)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)  # a network without weights is the same in every run, and can be resumed
            network = call(weights) if takes_path else call()
    except LsapError:
        raise
    except (Exception, SystemExit) as error:  # a stranger's factory can raise anything; the sentence says whose it is
        raise LsapError(
            f"the model card {card}: its factory failed: {type(error).__name__}: {error_text(error)} ({called})"
        ) from error
    if not isinstance(network, nn.Module):
        raise LsapError(
            f"the model card {card}: its factory gave a {type(network).__name__}, not a torch module ({called})"
        )
    if weights is not None and not takes_path:
        load_into(network, load_state(weights, key), f"{weights} of the model card {card}", strip_prefix)
    return network


def _callable(card: Path, factory: str) -> Callable[..., Any]:
    place, name = factory_parts(card, factory)
    try:
        module = _module_from_file(card.parent / place) if place.endswith(".py") else importlib.import_module(place)
    except FileNotFoundError:
        raise LsapError(f"the model card {card}: factory names {card.parent / place}, which is not there") from None
    except (Exception, SystemExit) as error:  # importing a stranger's code can raise anything
        raise LsapError(
            f"the model card {card}: {place} cannot be imported: {type(error).__name__}: {error_text(error)}"
        ) from error
    build = getattr(module, name, None)
    if not callable(build):
        raise LsapError(f"the model card {card}: {place} has no callable '{name}'")
    return build  # type: ignore[no-any-return]  # getattr's result, known to be callable


def _module_from_file(path: Path) -> Any:
    """Imports a file under a name of its own; modules beside it can be imported by it."""
    path = path.resolve()
    name = f"lsap_card_{hashlib.sha256(str(path).encode()).hexdigest()[:12]}_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise FileNotFoundError(path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    before = set(sys.modules)
    sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(path.parent))
        for new in set(sys.modules) - before:  # another card's module beside it can have the same name
            if Path(getattr(sys.modules[new], "__file__", None) or "/").parent == path.parent:
                del sys.modules[new]
    return module


def _takes_an_argument(factory: Callable[..., Any]) -> bool:
    positional = (
        inspect.Parameter.POSITIONAL_ONLY,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        inspect.Parameter.VAR_POSITIONAL,
    )
    return any(parameter.kind in positional for parameter in inspect.signature(factory).parameters.values())
