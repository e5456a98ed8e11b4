"""What a finished run offers the next one: its perturbation, its folder of perturbed videos, its model."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lsap_cli.dashboard.launching import working_folder
from lsap_cli.runs.reading import CARD_FILE, RunSnapshot

Values = Mapping[str, str]


def offers(run: RunSnapshot) -> dict[str, Values]:
    """Values for the forms of other commands, by command and field; what is not there is not offered."""
    match run.command:
        case "generate":
            file, model = _path(run, "out"), _model(run)
            return {"apply": _given(perturbation=file), "defend": _given(perturbation=_listed(file), model=model)}
        case "apply":
            folder, videos = _path(run, "out"), _path(run, "videos")
            return {"defend": _given(perturbed=folder, videos=videos)}
        case "defend":
            return {"generate": _given(model=_model(run)), "apply": _given(videos=_path(run, "videos"))}
        case "train" | "harden":
            card = _path(run, "out", CARD_FILE)
            return {"generate": _given(model=card), "defend": _given(model=_listed(card))}
        case "demo":
            return _of_demo(run.folder)
    return {}


def _of_demo(folder: Path) -> dict[str, Values]:
    file = _existing(folder / "perturbation.safetensors")
    learn, test = _existing(folder / "videos" / "learn"), _existing(folder / "videos" / "test")
    return {
        "generate": _given(videos=learn, model="demo"),
        "apply": _given(perturbation=file, videos=test),
        "defend": _given(videos=test, model="demo", perturbed=_existing(folder / "perturbed")),
        "train": _given(videos=learn),
    }


def _given(**values: str) -> dict[str, str]:
    return {name: value for name, value in values.items() if value}


def _model(run: RunSnapshot) -> str:
    """The model's spec, or the path of its card from here; of several the first."""
    model: Any = run.settings.get("model")
    return (_path(run, "model") or model) if isinstance(model, str) else ""


def _path(run: RunSnapshot, setting: str, *below: str) -> str:
    """A path among the settings, as it is from here; empty where nothing is there."""
    value: Any = run.settings.get(setting)
    if not isinstance(value, str) or "\0" in value:
        return ""
    return _existing(Path(working_folder(run) or ".", value, *below))


def _existing(path: Path) -> str:
    try:
        if not path.exists():
            return ""
    except OSError:
        return ""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def _listed(value: str) -> str:
    return shlex.quote(value) if value else ""
