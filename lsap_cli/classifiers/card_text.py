"""A model card for a network whose own files say everything: what was read from them, to be changed."""

import json
from pathlib import Path
from typing import Any

import msgspec

from lsap_cli.classifiers.card_fields import ModelCard
from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.errors import LsapError
from lsap_cli.known_models import MODEL_FORMATS, format_of


def card_text(spec: str, classifier: Classifier) -> str:
    """The text of a model.toml that gives the same predictions.

    Args:
        spec: that the classifier was loaded from.
        classifier: what was loaded.

    Raises:
        LsapError: if the spec is not of a format that needs no card.
    """
    named = format_of(spec)
    if named is None or MODEL_FORMATS[named[0]].needs_card:
        raise LsapError(f"--card writes a card for hf: and torchvision: specs; '{spec}' has one, or needs none")
    name, place = named
    if Path(place).exists():
        place = str(Path(place).resolve())
    lines = [
        f"name = {_toml(classifier.name)}",
        f"format = {_toml(f'{name}:{place}')}",
        f"labels = {_toml(classifier.labels)}",
    ]
    tables = {"input": classifier.expects, "sampling": classifier.sampling, "output": classifier.gives}
    for title, table in tables.items():
        lines += _table_lines(title, msgspec.to_builtins(table))
    return "\n".join(lines) + "\n"


def fields_text(card: ModelCard) -> str:
    """The text of a model.toml with the fields of a card that are set."""
    values = {name: value for name, value in msgspec.to_builtins(card).items() if value is not None}
    tables = {name: value for name, value in values.items() if isinstance(value, dict)}
    lines = [f"{name} = {_toml(value)}" for name, value in values.items() if name not in tables]
    for title, table in tables.items():
        lines += _table_lines(title, table)
    return "\n".join(lines) + "\n"


def _table_lines(title: str, values: dict[str, Any]) -> list[str]:  # JSON values
    return ["", f"[{title}]", *(f"{key} = {_toml(value)}" for key, value in values.items() if value is not None)]


def _toml(value: Any) -> str:
    """A value of a card as TOML writes it, which for text, numbers and lists is as JSON does."""
    return json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=False)
