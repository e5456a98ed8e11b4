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
DEMO = "demo"


@dataclass(frozen=True)
class ModelFormat:
    """A format of networks. The module of its name in `lsap_cli.classifiers.model_formats` reads it.

    Attributes:
        suffixes: of its files; none: it has no file of its own.
        spec: how it is written behind --model.
        about: what it is.
        needs_card: whether its files leave preprocessing and labels to a model card.
    """

    suffixes: tuple[str, ...]
    spec: str
    about: str
    needs_card: bool = True


MODEL_FORMATS = {
    "torchvision": ModelFormat((), "torchvision:NAME", "one of torchvision's video networks", needs_card=False),
    "hf": ModelFormat((), "hf:FOLDER", "a video classifier of transformers: a folder, or OWNER/NAME", needs_card=False),
    "pt2": ModelFormat((".pt2",), "FILE.pt2", "a program of torch.export.save, with a model card beside it"),
    "torchscript": ModelFormat((".ts", ".pt"), "FILE.ts", "TorchScript (.ts or .pt), with a model card beside it"),
    "onnx": ModelFormat((".onnx",), "FILE.onnx", "scores by onnxruntime, with a model card beside it"),
}


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
        *((name, "of " + " and of ".join(map(origin, points))) for name, points in added_models().items()),
    ]
