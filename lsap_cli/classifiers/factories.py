"""From a card's factory, which is a stranger's code, to a network. Errors name the card."""

import hashlib
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import torch
from torch import nn

from lsap_cli.classifiers.card_fields import factory_parts
from lsap_cli.classifiers.weights import check_file, error_text, load_into, load_state, sha256
from lsap_cli.errors import LsapError

OURS = {"lsap_cli", "defenses", "perturbations"}  # a card may lie in the root of this project


def build_network(
    card: Path, factory: str, weights: Path | None, key: str | None = None, strip_prefix: str | None = None
) -> tuple[nn.Module, tuple[str, ...]]:
    """Calls a card's factory: with the weights' path where it takes one, else the weights are loaded for it.

    Args:
        card: the card's path.
        factory: "file.py:callable" beside the card, or "package.module:callable".
        weights: the file with the weights, if the card names one.
        key: under which a checkpoint has the weights; None: where training programs usually put them.
        strip_prefix: that is taken from the names of the weights; None: what training programs are known to put there.

    Returns:
        The network, and sentences on how the weights were read.

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
            f"the model card {card}: its factory gave an object of type {type(network).__name__}, not a torch module "
            f"({called})"
        )
    if weights is not None and not takes_path:
        return network, load_into(
            network, load_state(weights, key), f"{weights} of the model card {card}", strip_prefix
        )
    return network, ()


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


class _Helpers:
    """The modules and packages beside a card's file that its code has imported; those of one card at a time."""

    def __init__(self) -> None:
        self._folder = Path()
        self._before = frozenset(sys.modules)
        self._names: set[str] = set()

    def begin(self, folder: Path) -> None:
        """Forgets those of the card before: a module beside another card can have the same name."""
        for name in self._noticed():
            sys.modules.pop(name, None)
        self._folder, self._before, self._names = folder, frozenset(sys.modules), set()

    def files(self) -> list[Path]:
        """Their files, in order."""
        found = {getattr(sys.modules.get(name), "__file__", None) for name in self._noticed()}
        return sorted(Path(file) for file in found if file is not None and Path(file).is_file())

    def _noticed(self) -> set[str]:
        new = {name for name in set(sys.modules) - self._before if name.partition(".")[0] not in self._before | OURS}
        self._names |= {name for name in new if _lies_in(self._folder, name)}
        return self._names


_helpers = _Helpers()


def helper_files() -> list[Path]:
    """The modules beside the file of the factory called last, as far as it has imported them, in order."""
    return _helpers.files()


def helpers_sha256(factory_file: Path) -> str | None:
    """The hash of the modules beside the file of the factory called last, as far as imported; None: there are none."""
    folder = factory_file.resolve().parent
    lines = [f"{file.relative_to(folder).as_posix()} {sha256(file)}" for file in helper_files()]
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest() if lines else None


def _lies_in(folder: Path, name: str) -> bool:
    """Whether a module was found in a folder, and not in an environment that lies below it."""
    spec = vars(sys.modules[name]).get("__spec__")
    if not isinstance(spec, ModuleSpec):
        return False
    places = [Path(place) for place in (spec.origin, *(spec.submodule_search_locations or ())) if place is not None]
    top = folder / name.partition(".")[0]
    return any(place.is_relative_to(top) or place == top.with_name(f"{top.name}.py") for place in places)


def _module_from_file(path: Path) -> Any:
    """Imports a file under a name of its own; modules and packages beside it can be imported by it."""
    path = path.resolve()
    name = f"lsap_card_{hashlib.sha256(str(path).encode()).hexdigest()[:12]}_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise FileNotFoundError(path)
    _helpers.begin(path.parent)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(path.parent))
    return module


def _takes_an_argument(factory: Callable[..., Any]) -> bool:
    positional = (
        inspect.Parameter.POSITIONAL_ONLY,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        inspect.Parameter.VAR_POSITIONAL,
    )
    return any(parameter.kind in positional for parameter in inspect.signature(factory).parameters.values())
