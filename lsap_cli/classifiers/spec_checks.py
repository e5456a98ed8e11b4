"""What can be wrong with the words behind --model, found without torch: names, cards and the files that they name."""

from pathlib import Path

from lsap_cli.classifiers.card_fields import check_card
from lsap_cli.classifiers.places import check_place
from lsap_cli.errors import LsapError
from lsap_cli.known_models import DEMO, MODEL_FORMATS, PREFIX, format_of, needs_its_card, service_of
from lsap_cli.plugins import added_models

DEMO_CARD = Path(__file__).parents[1] / "demo" / "model.toml"


def check_model_spec(spec: str) -> None:
    """Refuses what cannot be loaded, as far as names, cards and files tell; nothing is imported.

    Args:
        spec: as for `load_classifier`.

    Raises:
        LsapError: naming what is wrong or missing.
    """
    if spec == DEMO or spec in added_models():
        return
    service = service_of(spec)
    if service is not None and not Path(spec).exists():
        raise LsapError(needs_its_card(spec, service))
    card, named = card_path(spec), format_of(spec)
    if named is not None:
        check_place(*named, f"the model '{spec}'")
        if not MODEL_FORMATS[named[0]].needs_card:
            return
    if card is not None:
        check_card(card, named and (named[0], Path(named[1])))
        return
    if named is not None:
        raise LsapError(
            f"the model '{spec}' needs a model card: {Path(named[1]).with_suffix('.toml')} beside it, with labels and "
            "[input]; the file itself says neither how frames are resized and normalized nor what its scores mean"
        )
    if (Path(spec) / "config.json").is_file():
        raise LsapError(f"the model '{spec}' is a folder with a config.json and no model.toml; did you mean hf:{spec}?")
    raise LsapError(
        f"the model '{spec}' is neither a model card (no such file), nor 'demo', "
        f"nor a zoo name such as {PREFIX}r3d_18 or hf:FOLDER, nor that of an installed package; "
        "lsap models lists what there is, docs/model-card.md explains how to add your own"
    )


def known_labels(spec: str) -> list[str] | None:
    """The labels of a model, where a card or the demo tells them without torch; None: the loaded network tells them.

    Raises:
        LsapError: see `check_model_spec`.
    """
    card = DEMO_CARD if spec == DEMO else card_path(spec)
    if card is None:
        return None
    named = format_of(spec)
    labels = check_card(card, named and (named[0], Path(named[1]))).labels
    return None if labels is None else [*labels]


def absolute_spec(spec: str) -> str:
    """The same with an absolute path, where it names a file or folder: for a process whose folder is another."""
    if spec == DEMO or spec in added_models():
        return spec
    word, colon, place = spec.partition(":")
    if colon and word in MODEL_FORMATS:
        return f"{word}:{Path(place).absolute()}" if Path(place).exists() else spec
    return str(Path(spec).absolute()) if Path(spec).exists() else spec


def hub_repository(spec: str) -> str | None:
    """OWNER/NAME of the Hugging Face Hub that a spec, or the card that it names, names; None: another model."""
    if spec == DEMO or spec in added_models():
        return None
    card, named = card_path(spec), format_of(spec)
    if card is not None:
        named = check_card(card, named and (named[0], Path(named[1]))).format
    return named[1] if named is not None and named[0] == "hf" and not Path(named[1]).is_dir() else None


def card_path(spec: str) -> Path | None:
    """The user's own model card that a spec names, or that lies beside the file it names; None where there is none."""
    if spec == DEMO or spec.startswith(PREFIX) or spec in added_models():
        return None
    path = Path(spec)
    named = format_of(spec)
    if named is not None:
        path = Path(named[1])
        if not path.name:
            return None
        beside = (path.with_suffix(".toml"), path.parent / "model.toml")
        return next((card for card in beside if card.is_file()), None) if MODEL_FORMATS[named[0]].needs_card else None
    if path.is_dir():
        path = path / "model.toml"
    return path if path.is_file() else None
