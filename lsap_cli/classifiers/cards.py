"""Model cards: a TOML file that says how to build a network and what it wants. See docs/model-card.md."""

import hashlib
import importlib
import importlib.util
import inspect
import math
import sys
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from lsap_cli.classifiers.classifier import Classifier, InputFormat, OutputFormat
from lsap_cli.classifiers.geometry import Geometry
from lsap_cli.errors import LsapError
from lsap_cli.plugins import SAMPLERS
from lsap_cli.specs import build

FIELDS: dict[str, tuple[str, ...]] = {
    "": ("name", "factory", "weights", "labels", "input", "sampling", "output"),
    "input": ("layout", "frames", "size", "resize", "antialias", "channels", "scale", "mean", "std"),
    "sampling": ("sampler", "views"),
    "output": ("kind", "pick"),
}


class Card:
    """One card's fields, with errors that name the card and the field.

    Args:
        path: the card.

    Raises:
        LsapError: if it cannot be read, is not TOML, or has a field that is not known.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.data: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise LsapError(f"the model card {path} cannot be read ({error.strerror})") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise LsapError(f"the model card {path} is not valid TOML: {error}") from None
        for section, known in FIELDS.items():
            table = self.data.get(section, {}) if section else self.data
            if not isinstance(table, dict):
                raise LsapError(f"the model card {path}: [{section}] must be a table")
            for key in table:
                if key not in known:
                    where = f"in [{section}] " if section else ""
                    raise LsapError(
                        f"the model card {path} has an unknown field '{key}' {where}; known: {', '.join(known)}"
                    )

    def get(self, section: str, key: str, check: Callable[[Any], Any], wanted: str, default: Any = ...) -> Any:
        """A field's checked value, or its default where the card is silent; `...` as default: it must be there."""
        table = self.data.get(section, {}) if section else self.data
        place = f"{key} in [{section}]" if section else key
        if key not in table:
            if default is ...:
                raise LsapError(f"the model card {self.path} lacks {place}; it is {wanted}")
            return default
        try:
            return check(table[key])
        except (ValueError, TypeError):
            raise LsapError(f"the model card {self.path}: {place} is {table[key]!r}; it must be {wanted}") from None

    def file(self, key: str) -> Path | None:
        """A file beside the card that the card names, or None.

        Raises:
            LsapError: if it is not there.
        """
        name = self.get("", key, _text, "a file's path, relative to the card", None)
        if name is None:
            return None
        path = self.path.parent / str(name)
        if not path.is_file():
            raise LsapError(f"the model card {self.path}: {key} names {path}, which is not a file")
        return path


def load_card(path: Path) -> Classifier:
    """The classifier that a card describes.

    Raises:
        LsapError: naming the card's field that is wrong or the file that is missing.
    """
    card = Card(path)
    size = card.get("input", "size", _pair, "[height, width]")
    expects = InputFormat(
        layout=card.get("input", "layout", _one_of("BTCHW", "BCTHW"), "BTCHW or BCTHW"),
        frames=card.get("input", "frames", _count, "a whole number from 1"),
        channels=card.get("input", "channels", _one_of("RGB", "BGR"), "RGB or BGR", "RGB"),
        scale=card.get("input", "scale", _one_of(1, 255), "1 or 255", 1),
        mean=card.get("input", "mean", _triple, "three numbers", (0.0, 0.0, 0.0)),
        std=card.get("input", "std", _triple_above_zero, "three numbers above 0", (1.0, 1.0, 1.0)),
    )
    try:
        geometry = Geometry(
            size,
            card.get("input", "resize", _pair_or_count, "[height, width] or the shorter side", size),
            card.get("input", "antialias", _boolean, "true or false", True),
        )
    except ValueError as error:
        raise LsapError(f"the model card {path}: {error}") from None
    gives = OutputFormat(
        card.get("output", "kind", _one_of("logits", "probabilities"), "logits or probabilities", "logits"),
        card.get("output", "pick", _text, "an attribute, key or position", None),
    )
    sampler_spec = card.get("sampling", "sampler", _text, "a sampler such as uniform or rate:fps=5", "uniform")
    weights = card.file("weights")
    return Classifier(
        _network(card, weights),
        name=card.get("", "name", _text, "a name", path.stem),
        labels=read_labels(card.file("labels") or _no_labels(path)),
        geometry=geometry,
        expects=expects,
        gives=gives,
        sampler=build(sampler_spec, SAMPLERS, f"sampler of the model card {path}"),
        sampler_spec=sampler_spec,
        views=card.get("sampling", "views", _count, "a whole number from 1", 1),
        source={"spec": str(path), "card_sha256": sha256(path)}
        | ({"weights_sha256": sha256(weights)} if weights else {}),
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


def sha256(path: Path) -> str:
    """A file's SHA-256, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def load_state(path: Path) -> Mapping[str, Any]:
    """Weights from a safetensors file, or a `.pt` that holds nothing but weights.

    Raises:
        LsapError: if the file is neither; a pickle that could run code is never opened.
    """
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # the loaders raise many kinds; each becomes the same sentence
        raise LsapError(
            f"the weights {path} cannot be opened as safetensors or as a .pt with weights only ({_first_line(error)})"
        ) from None
    if isinstance(state, dict) and isinstance(state.get("state_dict"), dict):
        state = state["state_dict"]
    if not isinstance(state, dict):
        raise LsapError(f"the weights {path} hold a {type(state).__name__}; a state dict is needed")
    return state


def _network(card: Card, weights: Path | None) -> nn.Module:
    """Calls the card's factory: with the weights' path where it takes one, else the weights are loaded for it."""
    factory = _factory(card)
    if weights is not None and weights.suffix != ".safetensors":
        load_state(weights)  # a pickle that is more than weights is refused before the factory can open it
    try:
        takes_path = weights is not None and _takes_an_argument(factory)
        network = factory(weights) if takes_path else factory()
        if weights is not None and not takes_path:
            network.load_state_dict(load_state(weights))
    except LsapError:
        raise
    except Exception as error:  # a stranger's factory can raise anything; the sentence says whose it is
        raise LsapError(
            f"the model card {card.path}: its factory failed: {type(error).__name__}: {_first_line(error)}"
        ) from error
    if not isinstance(network, nn.Module):
        raise LsapError(f"the model card {card.path}: its factory gave a {type(network).__name__}, not a torch module")
    return network


def _factory(card: Card) -> Callable[..., Any]:
    spec = card.get("", "factory", _text, '"file.py:callable" beside the card or "package.module:callable"')
    place, colon, name = str(spec).rpartition(":")
    if not colon or not name.isidentifier():
        raise LsapError(
            f'the model card {card.path}: factory is \'{spec}\'; write "file.py:callable" or "package.module:callable"'
        )
    try:
        module = (
            _module_from_file(card.path.parent / place) if place.endswith(".py") else importlib.import_module(place)
        )
    except FileNotFoundError:
        raise LsapError(
            f"the model card {card.path}: factory names {card.path.parent / place}, which is not there"
        ) from None
    except Exception as error:  # importing a stranger's code can raise anything
        raise LsapError(
            f"the model card {card.path}: {place} cannot be imported: {type(error).__name__}: {_first_line(error)}"
        ) from error
    factory = getattr(module, name, None)
    if not callable(factory):
        raise LsapError(f"the model card {card.path}: {place} has no callable '{name}'")
    return factory  # type: ignore[no-any-return]  # getattr's result, known to be callable


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


def _no_labels(path: Path) -> Path:
    raise LsapError(f"the model card {path} lacks labels; it is a text file with one class a line")


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or ["no message"])[0]


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError
    return value


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise TypeError
    return value


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _one_of(*allowed: Any) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if value not in allowed or isinstance(value, bool):
            raise ValueError
        return value

    return check


def _pair(value: Any) -> tuple[int, int]:
    height, width = (_count(side) for side in value)
    return height, width


def _pair_or_count(value: Any) -> tuple[int, int] | int:
    return _count(value) if isinstance(value, int) else _pair(value)


def _triple(value: Any) -> tuple[float, float, float]:
    first, second, third = (float(number) for number in value)
    if not all(map(math.isfinite, (first, second, third))):
        raise ValueError
    return first, second, third


def _triple_above_zero(value: Any) -> tuple[float, float, float]:
    numbers = _triple(value)
    if min(numbers) <= 0:
        raise ValueError
    return numbers
