"""The fields of a model card and the files that it names, read and checked without torch. See docs/model-card.md."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from lsap_cli.classifiers.formats import InputFormat, OutputFormat, SamplingFormat, ServiceFormat
from lsap_cli.classifiers.label_files import read_labels
from lsap_cli.classifiers.places import check_place
from lsap_cli.errors import LsapError
from lsap_cli.known_models import FAMILIES, MODEL_FORMATS, SERVICES, format_of
from lsap_cli.plugins import SAMPLERS
from lsap_cli.validation import checked
from lsap_common import unknown_name

MAKERS = ("factory", "family", "format", *SERVICES)
"""The fields of a card that say where its network comes from, of which it has one."""


class ModelCard(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The fields of a card; its tables are the classes of their own.

    Attributes:
        factory: what makes the network.
        family: in its place: a family of networks, alone or with settings.
        backbone: the family's image network.
        classes: of the family's network; None: as many as labels.
        segments: frames of a clip of the family's network; None: those of the input.
        format: in its place: the format of the network's own files, alone or with their place.
        command: in its place: a command line that answers requests.
        url: in its place: an address of this machine that answers requests.
        labels: a file with one class a line, or the classes; None: as the network's own files say.
        input: what the network takes; None: as the network's own files say.
        name: how the model is called in reports; None: as the card's file.
        weights: a file with weights.
        weights_key: under which a checkpoint has the weights.
        strip_prefix: taken from the names of the weights.
        accuracy: top-1 that the network is known to have, for `lsap models check`.
        sampling: the network's own protocol.
        output: what the network gives.
        service: how a command or a URL is asked.
    """

    factory: Annotated[
        str | None,
        Meta(description='"file.py:callable" beside the card or "package.module:callable"'),
    ] = None
    family: Annotated[str | None, Meta(description='a family such as "tsn" or "tsm:shift=4"')] = None
    backbone: Annotated[str | None, Meta(description='an image network such as "resnet50" or "timm:NAME"')] = None
    classes: Annotated[int | None, Meta(description="a whole number")] = None
    segments: Annotated[int | None, Meta(description="a whole number")] = None
    format: Annotated[str | None, Meta(description="a format, with its file or folder behind a colon")] = None
    command: Annotated[str | None, Meta(description='a command line such as "python serve.py"')] = None
    url: Annotated[str | None, Meta(description="an address such as http://127.0.0.1:8000/predict")] = None
    labels: Annotated[
        str | tuple[str, ...] | None,
        Meta(description="a text file with one class a line, relative to the card, or a list of classes"),
    ] = None
    input: InputFormat | None = None
    name: Annotated[str | None, Meta(description="a name")] = None
    weights: Annotated[str | None, Meta(description="a file's path, relative to the card")] = None
    weights_key: Annotated[str | None, Meta(description="a key of the checkpoint, as text")] = None
    strip_prefix: Annotated[str | None, Meta(description='text such as "module."')] = None
    accuracy: Annotated[float | None, Meta(description="a share from 0 to 1")] = None
    sampling: SamplingFormat | None = None
    output: OutputFormat | None = None
    service: ServiceFormat | None = None

    def __post_init__(self) -> None:
        for name in (*MAKERS, "backbone", "labels", "name", "weights", "weights_key", "strip_prefix"):
            value = getattr(self, name)
            if value is not None and len(value) == 0:
                raise ValueError(f"{name} is empty; give one, or leave it out")
        if self.accuracy is not None and not 0 <= self.accuracy <= 1:
            raise ValueError(f"accuracy is {self.accuracy}; it must be a share from 0 to 1")
        made_by = [name for name in MAKERS if getattr(self, name) is not None]
        if len(made_by) > 1:
            raise ValueError(f"{' and '.join(made_by)} say twice where the network comes from; give one of them")
        if self.family is None:
            for name in ("backbone", "classes", "segments"):
                if getattr(self, name) is not None:
                    raise ValueError(f"{name} is of a family, and the card names none")
        if self.service is not None and self.network_format not in SERVICES:
            raise ValueError("[service] says how a command or a URL is asked, and the card names neither")
        if self.output is not None and self.output.kind == "label" and self.network_format not in SERVICES:
            raise ValueError("kind in [output] is 'label', which only a command or a URL may answer")

    @property
    def network_format(self) -> str | None:
        """The name of the format that the card names, in whichever field; None: it names none."""
        named = next((name for name in SERVICES if getattr(self, name) is not None), None)
        return named or (None if self.format is None else self.format.partition(":")[0])


OTHER_FILES = (
    ((".pth", ".safetensors", ".bin", ".ckpt", ".npz"), "it looks like weights: name it in the field weights of one"),
    ((".pkl", ".pickle", ".joblib"), "a pickle runs code, and is not read"),
    ((".json",), "of a network of transformers, give the folder of its config.json, as hf:FOLDER"),
    ((".py",), 'name it in the field factory of one, as in factory = "FILE.py:CALLABLE"'),
    ((".txt", ".csv"), "labels belong into the field labels of one"),
    ((".h5", ".keras", ".pb", ".tflite", ".engine", ".mlmodel"), "other frameworks' networks: export it as ONNX"),
)
"""What a file that is given for a model card may be, by its suffix."""


def read_card(path: Path) -> ModelCard:
    """A card's checked fields.

    Raises:
        LsapError: if it cannot be read, is not TOML, or a field is missing, unknown or wrong.
    """
    try:
        text = path.read_text(encoding="utf-8")
        if not text.strip() and path.suffix.lower() != ".toml":
            raise _no_toml(path, ValueError("it is empty"))
        data = tomllib.loads(text)
    except OSError as error:
        raise LsapError(f"the model card {path} cannot be read ({error.strerror})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise _no_toml(path, error) from None
    return checked(data, ModelCard, f"the model card {path}")


def _no_toml(path: Path, error: Exception) -> LsapError:
    """Of a card with a mistake in it; or of another file, which is said to be no card."""
    suffix = path.suffix.lower()
    hint = next((hint for suffixes, hint in OTHER_FILES if suffix in suffixes), None)
    if not hint and (suffix == ".toml" or isinstance(error, tomllib.TOMLDecodeError)):
        return LsapError(f"the model card {path} is not valid TOML: {error}")
    return LsapError(f"{path} is no model card, which is a TOML file{f': {hint}' if hint else ''}")


@dataclass(frozen=True)
class CardFiles:
    """A checked card and the files that it names, all of which are there.

    Attributes:
        path: of the card.
        card: its fields.
        labels: one a class; None: as the network's own files say.
        weights: None: it names none, or its format has them.
        format: the name of its format and the place of the network's files; None: a factory makes the network.
        factory_file: the factory's own Python file; None: it is of an installed package, or there is a format.
    """

    path: Path
    card: ModelCard
    labels: Sequence[str] | None
    weights: Path | None
    format: tuple[str, str] | None
    factory_file: Path | None

    @property
    def where(self) -> str:
        """The card, for sentences."""
        return f"the model card {self.path}"


def check_card(path: Path, given: tuple[str, Path] | None = None) -> CardFiles:
    """Reads a card, and checks its fields and the files that it names; nothing is imported.

    Args:
        path: of the card.
        given: the format and the file of a network that the card stands beside; the card then needs to name none.

    Raises:
        LsapError: naming the field that is wrong or the file that is missing; or if it is the card of another network
            than that of `given`.
    """
    card, where = read_card(path), f"the model card {path}"
    if given is not None:
        _require_card_of(given[1], path, card)
    if card.sampling is not None and card.sampling.sampler.partition(":")[0] not in SAMPLERS:
        raise LsapError(f"sampler of {where}: {unknown_name('sampler', card.sampling.sampler, SAMPLERS)}")
    labels = _labels(path, card)
    if card.factory is None and card.family is None:
        return CardFiles(path, card, labels, None, _format(path, card, given), None)
    weights = None if card.weights is None else _beside(path, "weights", card.weights)
    if labels is None:
        raise LsapError(f"{where} lacks labels; it is a text file with one class a line, relative to the card")
    if card.input is None:
        raise LsapError(f"{where} lacks input; it is a table [input]")
    if card.factory is not None:
        return CardFiles(path, card, labels, weights, None, _factory_file(path, card.factory))
    _check_family(where, card, len(labels))
    return CardFiles(path, card, labels, weights, None, None)


def _require_card_of(file: Path, path: Path, card: ModelCard) -> None:
    """Refuses a card that lies beside a network's file and names another network."""
    maker = next((name for name in MAKERS if getattr(card, name) is not None), None)
    if maker is None:
        return
    place = None if card.format is None or card.format in MODEL_FORMATS else (format_of(card.format) or ("", ""))[1]
    named = [path.parent / one for one in (card.weights, place) if one]
    if not any(one.resolve() == file.resolve() for one in named):
        raise LsapError(
            f"the model card {path} beside {file} is that of another network ({maker} = '{getattr(card, maker)}'); "
            f"give {file} a card of its own, {file.with_suffix('.toml').name}, or name the card to use that network"
        )


def _check_family(where: str, card: ModelCard, labels: int) -> None:
    """Refuses what of a family's card does not fit together.

    Raises:
        LsapError: naming the field.
    """
    assert card.family is not None
    assert card.input is not None
    name = card.family.partition(":")[0]
    if name not in FAMILIES:
        raise LsapError(f"family of {where}: {unknown_name('family', card.family, FAMILIES)}")
    if card.backbone is None and name != "c3d":
        raise LsapError(f'{where} lacks backbone; it is an image network such as "resnet50" or "timm:NAME"')
    if card.backbone is not None and name == "c3d":
        raise LsapError(f"{where}: c3d has no backbone; leave it out")
    if card.input.layout != "BTCHW":
        raise LsapError(f"{where}: layout is '{card.input.layout}', and a family takes BTCHW")
    if card.input.channels == "GRAY":
        raise LsapError(f"{where}: channels is GRAY, and a family takes three channels")
    if card.segments not in (None, card.input.frames):
        raise LsapError(f"{where}: segments is {card.segments}, and frames in [input] is {card.input.frames}")
    if card.classes not in (None, labels):
        raise LsapError(f"{where}: classes is {card.classes}, and there are {labels} labels")


def _labels(path: Path, card: ModelCard) -> list[str] | None:
    if card.labels is None:
        return None
    return read_labels(_beside(path, "labels", card.labels)) if isinstance(card.labels, str) else list(card.labels)


def _beside(card: Path, field: str, name: str) -> Path:
    """A file that a card names.

    Raises:
        LsapError: if it is not there.
    """
    path = card.parent / name
    if not path.is_file():
        raise LsapError(f"the model card {card}: {field} names {path}, which is not a file")
    return path


def _format(path: Path, card: ModelCard, given: tuple[str, Path] | None) -> tuple[str, str]:
    """The name of a card's format and the place of its files."""
    for name in SERVICES:
        service = getattr(card, name)
        if service is not None:
            check_place(name, service, f"the model card {path}")
            return name, service
    if card.format is None:
        if given is not None:
            return given[0], str(given[1])
        raise LsapError(
            f'the model card {path} lacks factory; it is "file.py:callable" beside the card or '
            f'"package.module:callable" (or, in its place, format: {", ".join(MODEL_FORMATS)})'
        )
    named = (card.format, card.weights or "") if card.format in MODEL_FORMATS else format_of(card.format)
    if named is None:
        raise LsapError(f"the model card {path} has format = '{card.format}'; it must be {', '.join(MODEL_FORMATS)}")
    name, place = named
    if not place:
        raise LsapError(
            f"the model card {path} has format = '{card.format}' and does not say of what; write "
            f'format = "{name}:PLACE", or weights'
        )
    there = path.parent / place
    if there.exists() or MODEL_FORMATS[name].suffixes:
        place = str(there)
    check_place(name, place, f"the model card {path}")
    return name, place


def factory_parts(card: Path, factory: str) -> tuple[str, str]:
    """The file or module, and the callable in it, that a card's factory names.

    Raises:
        LsapError: if the text names no callable.
    """
    place, colon, name = factory.rpartition(":")
    if name.endswith(".from_pretrained"):
        raise LsapError(
            f"the model card {card}: factory is '{factory}', a method, which is not called; for a network "
            'of transformers write format = "hf:FOLDER" in its place'
        )
    if not colon or not name.isidentifier():
        raise LsapError(
            f'the model card {card}: factory is \'{factory}\'; write "file.py:callable" or "package.module:callable"'
        )
    return place, name


def _factory_file(card: Path, factory: str) -> Path | None:
    place, _ = factory_parts(card, factory)
    if not place.endswith(".py"):
        return None
    file = card.parent / place
    if not file.is_file():
        raise LsapError(f"the model card {card}: factory names {file}, which is not there")
    return file
