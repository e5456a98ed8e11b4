"""What a run was asked to do, in a few words that tell it from others of the same command."""

import re
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

DEFAULT_NAME = re.compile(r"(queued-)?\d{8}-\d{6}-[a-z-]+(-\d+)?$")  # <time>-<command>, as lsap names a run folder


def description(command: str, settings: Mapping[str, Any]) -> str:
    """Method, then budget, then what else differs most often; empty where the settings do not say it.

    Args:
        command: of the run.
        settings: of its run.json, which may hold anything.
    """
    words = {
        "generate": lambda: [_word(settings, "attack"), _budget(settings), _word(settings, "binding"),
                             _flag(settings, "target"), _many(settings, "through", "through")],
        "apply": lambda: [_stem(settings, "perturbation"), _word(settings, "codec")],
        "defend": lambda: [_stem(settings, "perturbation") or _stem(settings, "perturbed"),
                           "adaptive" if settings.get("adaptive") is True else "", _many(settings, "defense", "def."),
                           _many(settings, "detector", "det.")],
        "train": lambda: [_word(settings, "family"), _word(settings, "backbone"), _word(settings, "train")],
        "harden": lambda: [_word(settings, "method"), _budget(settings), _word(settings, "trained")],
        "study": lambda: [_stem(settings, "study")],
        "demo": lambda: [_budget(settings)],
    }.get(command, list)()  # fmt: skip
    return " ".join(word for word in words if word)


def is_default_name(name: str) -> bool:
    """Whether a folder's name says nothing but its time and command, which have columns of their own."""
    return DEFAULT_NAME.match(name) is not None


def _word(settings: Mapping[str, Any], name: str) -> str:
    value = settings.get(name)
    return value if isinstance(value, str) else ""


def _budget(settings: Mapping[str, Any]) -> str:
    norm, epsilon = _word(settings, "norm"), _word(settings, "epsilon")
    return epsilon if norm in ("", "linf") else f"{norm} {epsilon}"


def _flag(settings: Mapping[str, Any], name: str) -> str:
    return f"→{_word(settings, name)}" if _word(settings, name) else ""


def _stem(settings: Mapping[str, Any], name: str) -> str:
    return PurePath(_word(settings, name)).stem


def _many(settings: Mapping[str, Any], name: str, unit: str) -> str:
    value = settings.get(name)
    return f"{len(value)} {unit}" if isinstance(value, list) and value else ""
