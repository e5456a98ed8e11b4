"""What `train` and `harden` write into --out, and what is refused before anything begins. No torch here."""

from pathlib import Path

from lsap_cli.classifiers.card_fields import ModelCard, read_card
from lsap_cli.classifiers.spec_checks import card_path
from lsap_cli.errors import LsapError
from lsap_cli.known_models import DEMO, HF, PREFIX, format_of

CARD_FILE, WEIGHTS_FILE, LABELS_FILE = "model.toml", "weights.safetensors", "labels.txt"
PATTERN_FILE = "pattern.safetensors"  # of harden: the universal delta of the last step
FIT_LIST, HELD_OUT_LIST = "fit.csv", "held_out.csv"


def check_out_folder(out: Path, overwrite: bool, resume: bool) -> None:
    """Refuses a folder that holds a card already, and what is no folder.

    Raises:
        LsapError: naming what would work.
    """
    if out.exists() and not out.is_dir():
        raise LsapError(f"--out {out} is a file; give a folder for the card and its weights")
    if (out / CARD_FILE).exists() and not overwrite and not resume:
        raise LsapError(f"--out {out} holds a model card already; give another folder, or --overwrite to replace it")


def check_can_be_hardened(spec: str, out: Path) -> None:
    """Refuses models that have no weights to train, or no card that could take others, and their own folder. No torch.

    Args:
        spec: of the model, which exists.
        out: the folder of the hardened network.

    Raises:
        LsapError: naming what would work.
    """
    card, named = None if spec == DEMO else card_path(spec), format_of(spec)
    for own in filter(None, (card and card.parent, named and Path(named[1]))):
        if own.resolve() == out.resolve():
            raise LsapError(
                f"--out {out} is the folder of the model '{spec}', which is judged beside the hardened one; give "
                "another folder"
            )
    if spec == DEMO or spec.startswith(PREFIX) or (card is not None and _takes_weights(read_card(card))):
        return
    kind = read_card(card).network_format if card is not None else named[0] if named is not None else None
    if kind == HF:
        return
    what = "is of an installed package" if kind is None else f"is {kind}: it gives scores, or runs as it was exported"
    raise LsapError(
        f"the model '{spec}' {what}, and has no weights that harden can train; take one that a model card builds: a "
        f"family, a factory, {PREFIX}NAME, {HF}:FOLDER or {DEMO}"
    )


def _takes_weights(card: ModelCard) -> bool:
    return card.factory is not None or card.family is not None or card.network_format == PREFIX.removesuffix(":")
