"""The classifiers that need no file, by name. No torch here: `lsap models` answers at once."""

from dataclasses import dataclass
from pathlib import PurePath

from lsap_cli.plugins import added_models, origin

ZOO = {
    "r3d_18": 16,
    "mc3_18": 16,
    "r2plus1d_18": 16,
    "s3d": 16,
    "mvit_v1_b": 16,
    "mvit_v2_s": 16,
    "swin3d_t": 32,
    "swin3d_s": 32,
    "swin3d_b": 32,
}  # torchvision's video networks, and the clip length each is used with (s3d's published figure is at 128)
PREFIX = "torchvision:"
HF = "hf"  # the format of transformers' own files
DEMO = "demo"


@dataclass(frozen=True)
class ModelFormat:
    """A format of networks. The module of its name in `lsap_cli.classifiers.model_formats` reads it.

    Attributes:
        suffixes: of its files; none: it has no file of its own.
        spec: how it is written behind --model.
        about: what it is.
        needs_card: whether its files leave preprocessing and labels to a model card.
        is_service: whether it is no file, but a field of a card that says where requests go.
    """

    suffixes: tuple[str, ...]
    spec: str
    about: str
    needs_card: bool = True
    is_service: bool = False


MODEL_FORMATS = {
    "torchvision": ModelFormat((), "torchvision:NAME", "one of torchvision's video networks", needs_card=False),
    "hf": ModelFormat((), "hf:FOLDER", "a video classifier of transformers: a folder, or OWNER/NAME", needs_card=False),
    "pt2": ModelFormat((".pt2",), "FILE.pt2", "a program of torch.export.save, with a model card beside it"),
    "torchscript": ModelFormat((".ts", ".pt"), "FILE.ts", "TorchScript (.ts or .pt), with a model card beside it"),
    "onnx": ModelFormat((".onnx",), "FILE.onnx", "scores by onnxruntime, with a model card beside it"),
    "command": ModelFormat((), "command = in a card", "a program that answers requests: a black box", is_service=True),
    "url": ModelFormat((), "url = in a card", "a server on this machine that answers requests", is_service=True),
}


FAMILIES = {
    "tsn": "an image network's logits, averaged over frames",
    "tsm": "the same, with features shifted between frames",
    "i3d": "an image network inflated to three dimensions",
    "cnn-lstm": "an image network's features, read by an LSTM",
    "c3d": "eight convolutions over space and time, without a backbone",
}
"""Families of networks that a card names in place of a factory, by the word before their settings."""


SERVICES = tuple(name for name, one in MODEL_FORMATS.items() if one.is_service)
"""Formats that are fields of a card, with the table [service]."""


def service_of(spec: str) -> str | None:
    """The service that a spec names, which a card alone can name: `http://...`, `url:...`, `command:...`; or None."""
    word = spec.partition(":")[0]
    return "url" if word in ("http", "https") else word if word in SERVICES else None


def needs_its_card(spec: str, service: str) -> str:
    """The sentence for a spec that names a service."""
    place = spec.removeprefix(f"{service}:")
    return (
        f"the model '{spec}' needs a model card: a file such as model.toml with {service} = \"{place}\", labels and "
        "[input], as docs/model-card.md shows"
    )


def format_of(spec: str) -> tuple[str, str] | None:
    """The format and the place that a spec names: `hf:FOLDER`, `pt2:FILE`, or a file with a format's suffix."""
    name, colon, place = spec.partition(":")
    if colon and name in MODEL_FORMATS:
        return name, place
    suffix = PurePath(spec).suffix.lower()
    return next(((one, spec) for one, about in MODEL_FORMATS.items() if suffix in about.suffixes), None)


def known_models() -> list[tuple[str, str]]:
    """(spec, what it is) of lsap's own models and of those that installed packages add."""
    about = "Kinetics-400; weights are downloaded once, or given with :weights=FILE"
    return [
        (DEMO, "8 kinds of motion; comes with lsap"),
        *((PREFIX + name, f"{frames} frames, {about}") for name, frames in ZOO.items()),
        *((one.spec, one.about) for name, one in MODEL_FORMATS.items() if name != PREFIX.removesuffix(":")),
        *((f"family = {name} in a card", about) for name, about in FAMILIES.items()),
        *((name, "of " + " and of ".join(map(origin, points))) for name, points in added_models().items()),
    ]
