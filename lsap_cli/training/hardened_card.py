"""The card of a hardened network: the card that it was loaded from, with other weights."""

import io
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from msgspec import structs
from torch import nn

from lsap_cli.classifiers.card_fields import ModelCard, check_card, factory_parts, read_card
from lsap_cli.classifiers.card_text import fields_text
from lsap_cli.classifiers.cards import load_card
from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.classifiers.factories import helper_files
from lsap_cli.classifiers.resolve import demo_card
from lsap_cli.classifiers.spec_checks import card_path
from lsap_cli.classifiers.weights import tensors_hash
from lsap_cli.errors import LsapError
from lsap_cli.known_models import DEMO, HF, PREFIX, format_of
from lsap_cli.results.files import write_atomically
from lsap_cli.training.out_folder import CARD_FILE, LABELS_FILE, WEIGHTS_FILE
from lsap_cli.training.output import PLACES, TRIAL, write_labels, write_weights

CHECKPOINT_FILE = "weights.pth"  # for factories that cannot read safetensors


class CardForm(NamedTuple):
    """How a card hands weights to its network.

    Attributes:
        weights: name of their file.
        key: of a checkpoint, under which they are; None: the file holds nothing else.
    """

    weights: str
    key: str | None = None


@dataclass(frozen=True)
class HardenedCard:
    """Writes the folder of a hardened network, in a form that was tried.

    Attributes:
        card: that the network was loaded from.
        folder: of that card, where its factory's file may lie; of a network of transformers, that of its own files.
        name: of the hardened network.
        form: how the new card hands weights to it.
        files: of the factory: its own and those beside it that it imports.
    """

    card: ModelCard
    folder: Path
    name: str
    form: CardForm
    files: tuple[Path, ...]

    def write(self, out: Path, classifier: Classifier) -> Path:
        """Writes weights, labels, the files beside them that the network needs, and the card, which is last.

        A card that is there already is removed first, so that none stands beside files that are not its own.

        Args:
            out: the folder.
            classifier: with the network's weights.

        Returns:
            The card's path.
        """
        (out / CARD_FILE).unlink(missing_ok=True)
        write_labels(out, classifier.labels)
        if self.card.format == HF:
            from lsap_cli.classifiers.model_formats.hf import write_hf

            write_hf(classifier.network, self.folder, out)
        elif self.form.weights == WEIGHTS_FILE:
            write_weights(out, classifier.network)
        else:
            self._write_checkpoint(out, classifier.network)
        for file in self.files:
            place = out / file.relative_to(self.folder)
            place.parent.mkdir(parents=True, exist_ok=True)
            if file.resolve() != place.resolve():
                write_atomically(place, file.read_bytes())
        return self.write_card(out)

    def _write_checkpoint(self, out: Path, network: nn.Module) -> None:
        state: dict[str, Any] = {  # a state dict, or one within others
            name: value.detach().cpu() for name, value in network.state_dict().items()
        }
        for part in reversed(self.form.key.split(".") if self.form.key else []):
            state = {part: state}
        content = io.BytesIO()
        torch.save(state, content)
        write_atomically(out / self.form.weights, content.getvalue())

    def write_card(self, out: Path, accuracy: float | None = None, notes: tuple[str, ...] = ()) -> Path:
        """Writes the card alone.

        Args:
            out: the folder, with all files that the card names.
            accuracy: that was measured; None: none was.
            notes: lines at the top of the card, which readers of cards pass over.
        """
        card = structs.replace(
            self.card,
            name=self.name,
            labels=LABELS_FILE,
            accuracy=None if accuracy is None else round(accuracy, PLACES),
            strip_prefix=None,
            weights_key=self.form.key,
            weights=self.form.weights,
        )
        if self.card.format is not None:  # which takes the place of the weights
            absolute = f"{self.card.format}:weights={(out / self.form.weights).absolute()}"  # of torchvision
            card = structs.replace(card, format=f"{HF}:." if self.card.format == HF else absolute, weights=None)
        comments = "".join(f"# {' '.join(note.split())}\n" for note in notes)
        write_atomically(out / CARD_FILE, comments + fields_text(card))
        return out / CARD_FILE


def hardened_card(spec: str, classifier: Classifier, out: Path) -> HardenedCard:
    """The card for the network with other weights, tried on the weights that it has now.

    Args:
        spec: that the classifier was loaded from.
        classifier: as it was loaded.
        out: the folder that is there for the card.

    Raises:
        LsapError: if the card's factory does not take weights from a file that is written here.
    """
    card, folder = _original(spec, classifier)
    card, files = _with_factory(card, folder)
    forms = [CardForm(WEIGHTS_FILE), CardForm(CHECKPOINT_FILE, card.weights_key)]
    before, reason = tensors_hash(classifier.network.state_dict()), ""
    for form in forms[: 1 if card.factory is None else 2]:
        made = HardenedCard(card, folder, f"{classifier.name}-hardened", form, files)
        with tempfile.TemporaryDirectory(prefix=TRIAL, dir=out) as trial:
            try:
                loaded = load_card(made.write(Path(trial), classifier))
            except LsapError as error:
                reason = reason or str(error)
                continue
            if tensors_hash(loaded.network.state_dict()) == before:
                return made
            reason = reason or "it does not give the network the weights of the file"
    raise LsapError(
        f"the card of '{spec}' cannot load weights that harden writes: {reason}; let its factory take the path of a "
        "safetensors or .pth file, or no argument at all"
    )


def _with_factory(card: ModelCard, folder: Path) -> tuple[ModelCard, tuple[Path, ...]]:
    """The card with a factory that is found from elsewhere, and the factory's files that are copied for that."""
    if card.factory is None:
        return card, ()
    place, name = factory_parts(folder / CARD_FILE, card.factory)
    if not place.endswith(".py"):
        return card, ()
    file = (folder / place).resolve()
    if not file.is_relative_to(folder):
        return structs.replace(card, factory=f"{file}:{name}"), ()
    return card, tuple(one for one in (file, *helper_files()) if one.is_relative_to(folder))


def _original(spec: str, classifier: Classifier) -> tuple[ModelCard, Path]:
    """The card of a spec, and its folder; networks of torchvision and of transformers get one."""
    if spec.startswith(PREFIX):
        name = spec.removeprefix(PREFIX).partition(":")[0]
        card = ModelCard(
            format=f"{PREFIX}{name}", input=classifier.expects, sampling=classifier.sampling, output=classifier.gives
        )
        return card, Path.cwd()
    if spec == DEMO:
        with demo_card() as own:
            return read_card(own), own.parent.resolve()
    path, named = card_path(spec), format_of(spec)
    card = ModelCard() if path is None else read_card(path)
    if path is not None and card.network_format == HF:
        named = check_card(path).format
    if named is not None and named[0] == HF:
        from lsap_cli.classifiers.model_formats.hf import local_folder

        place = local_folder(named[1], f"the model '{spec}'")
        return structs.replace(card, format=HF), place.resolve()
    assert path is not None  # check_can_be_hardened
    if card.format is not None:
        card = structs.replace(card, format=card.format.partition(":weights=")[0])
    return card, path.parent.resolve()
