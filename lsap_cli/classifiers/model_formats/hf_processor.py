"""The preprocessing that a Hugging Face folder describes, as the tables of a model card, proved against its own class.

Size, crop and filter are the settings of the class that the folder names, as the class itself completes them. Mean and
std are measured: the class's output for black and for white frames, since the classes differ in how they rescale. Then
the class and lsap are given the same frames: another pixel is an error, not a guess.
"""

import importlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lsap_cli.classifiers.formats import InputFormat
from lsap_cli.errors import LsapError

FILES = ("processor_config.json", "video_preprocessor_config.json", "preprocessor_config.json")
TYPE_KEYS = ("video_processor_type", "image_processor_type", "feature_extractor_type")
ROUNDING = 1e-3  # of float32, in levels
BILINEAR, BICUBIC = 2, 3  # Pillow's numbers of the filters
PROBES = ((342, 256), (240, 321), (263, 263))  # height, width of frames that both ways are tried on


@dataclass(frozen=True)
class FolderProcessor:
    """The processor that a folder names.

    Attributes:
        kind: its class, in the package transformers.
        file: the folder's file that has its settings.
        settings: as the file has them.
        named: whether the file names the class; else the network's type decides.
    """

    kind: type[Any]
    file: str
    settings: Mapping[str, Any]
    named: bool

    def make(self, where: str) -> Any:
        """The processor's object, which completes its settings.

        Raises:
            LsapError: if it does not take them.
        """
        try:
            return self.kind.from_dict(dict(self.settings))
        except Exception as error:  # a class of transformers can raise anything at settings that it does not know
            raise LsapError(
                f"{where}: {self.kind.__name__} does not take the settings in {self.file}: "
                f"{type(error).__name__}: {error}"
            ) from None


def find_processor(folder: Path, model_type: str, where: str) -> FolderProcessor:
    """The class and the settings that a folder names for its preprocessing.

    Args:
        folder: with the files.
        model_type: of config.json: it decides where no class is named.
        where: whose it is, for sentences.

    Raises:
        LsapError: if there is no file, or no class that transformers has.
    """
    file, settings = _settings(folder, where)
    for key in TYPE_KEYS:
        if isinstance(settings.get(key), str):
            return FolderProcessor(_class_named(settings[key], key, file, where), file, settings, named=True)
    mapping: Any = importlib.import_module("transformers.models.auto.video_processing_auto")
    name = _own_processor(mapping.VIDEO_PROCESSOR_MAPPING_NAMES.get(model_type))
    if name is None:
        raise LsapError(
            f"{where}: {file} names no class and transformers has none for {model_type}; write its "
            'video_processor_type or image_processor_type, such as "VideoMAEImageProcessor"'
        )
    lacking = [key for key in ("image_mean", "image_std") if key not in settings]
    if lacking and settings.get("do_normalize", True):
        raise LsapError(
            f"{where}: {file} has no {' and no '.join(lacking)} and names no class, and transformers' classes disagree "
            "on the default; write the numbers that the network was trained with into it"
        )
    return FolderProcessor(_class_named(name, "model_type", file, where), file, settings, named=False)


def _own_processor(listed: object) -> str | None:
    """The class that transformers lists for a type of network: a name, or since version 5 one a backend."""
    names = list(listed.values()) if isinstance(listed, Mapping) else [listed]
    return next((name for name in names if isinstance(name, str)), None)


def _settings(folder: Path, where: str) -> tuple[str, dict[str, Any]]:
    for file in FILES:
        path = folder / file
        if not path.is_file():
            continue
        try:
            settings = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise LsapError(f"{where}: {file} cannot be read as JSON ({error})") from None
        if not isinstance(settings, dict):
            raise LsapError(f"{where}: {file} holds {_kind(settings)}, and not an object with settings; correct it")
        if file == FILES[0]:
            settings = settings.get("video_processor")
        if isinstance(settings, dict):
            return file, settings
        if settings is not None:
            raise LsapError(f"{where}: video_processor in {file} is {_kind(settings)}, and not an object with settings")
    raise LsapError(
        f"{where} has no preprocessor_config.json or video_preprocessor_config.json, so nothing says how frames are "
        "resized and normalized; copy it from the network that this one was fine-tuned from, or save the processor "
        "with processor.save_pretrained(FOLDER)"
    )


def _kind(value: object) -> str:
    """What a JSON value is that is no object."""
    kinds = {list: "an array", str: "a text", bool: "true or false", type(None): "null"}
    return kinds.get(type(value), "a number")


def _class_named(name: str, key: str, file: str, where: str) -> type[Any]:
    transformers: Any = importlib.import_module("transformers")
    plain = name.removesuffix("Fast").replace("FeatureExtractor", "ImageProcessor")
    for one in (name, plain):
        kind = getattr(transformers, one, None)
        if isinstance(kind, type) and hasattr(kind, "from_dict"):
            return kind
    raise LsapError(
        f"{where}: {key} in {file} is '{name}', which transformers {transformers.__version__} does not have"
    )


def followed_input(processor: FolderProcessor, frames: int, where: str) -> InputFormat:
    """`read_input`, with a sentence for settings that the processor's own class fails on, such as a crop of 0 x 0.

    Raises:
        LsapError: see `read_input`.
    """
    try:
        return read_input(processor, frames, where)
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        raise LsapError(
            f"{where}: the settings in {processor.file} cannot be followed by {processor.kind.__name__} "
            f"({type(error).__name__}: {error}); correct them, or write a model card with this format and an [input]"
        ) from None


def read_input(processor: FolderProcessor, frames: int, where: str) -> InputFormat:
    """What the network takes, as the processor brings it there.

    Raises:
        LsapError: if a setting has no counterpart, or the processor's pixels are not those of the result.
    """
    made = processor.make(where)
    settings = _Settings(made, processor.file, where)
    size = settings.size()
    mean, std = _levels(made, size)
    expects = InputFormat(
        "BTCHW",
        frames,
        size,
        resize=settings.resize(),
        interpolation=settings.interpolation(),
        crop_rounding="down",
        mean=mean,
        std=std,
    )
    levels = largest_difference(made, expects)
    if levels > 1 + ROUNDING:
        raise LsapError(
            f"{where}: {type(made).__name__} gives pixels that are up to {levels:.1f} levels off those of its settings "
            f"in {processor.file} ({settings}); write a model card with [input] for this network"
        )
    return expects


class _Settings:
    """The settings of a processor's object that decide on sizes."""

    def __init__(self, made: Any, file: str, where: str) -> None:
        self._made, self._file, self._where = made, file, where
        self._size = dict(_plain(getattr(made, "size", None)))
        self._crop = dict(_plain(getattr(made, "crop_size", None)))
        self._resizes = bool(getattr(made, "do_resize", True))
        self._crops = bool(getattr(made, "do_center_crop", False)) and bool(self._crop)

    def __str__(self) -> str:
        return f"resize {self._size if self._resizes else 'none'}, crop {self._crop if self._crops else 'none'}"

    def size(self) -> tuple[int, int]:
        """(height, width) that reaches the network."""
        pair = _pair(self._crop) if self._crops else _pair(self._size) if self._resizes else None
        if pair is None:
            raise self._refusal("frames of different videos would reach the network in different sizes")
        return pair

    def resize(self) -> tuple[int, int] | int:
        """The size before the crop, or the length of the shorter side."""
        if not self._resizes:
            raise self._refusal("it crops frames that it does not resize, which a model card cannot say")
        shorter = self._size.get("shortest_edge")
        resize = int(shorter) if shorter else _pair(self._size)
        if resize is None or self._size.get("longest_edge") or getattr(self._made, "do_pad", False):
            raise self._refusal("a model card cannot say this size")
        sides = (resize, resize) if isinstance(resize, int) else resize
        if sides[0] < self.size()[0] or sides[1] < self.size()[1]:
            raise self._refusal("it crops more than it resizes to, so that frames get black borders")
        return resize

    def interpolation(self) -> Any:
        """The filter of the resize."""
        number = int(getattr(self._made, "resample", BILINEAR) or 0)
        names = {BILINEAR: "bilinear", BICUBIC: "bicubic"}
        if number not in names:
            raise self._refusal(f"resample is {number}; 2 (bilinear) and 3 (bicubic) can be followed")
        return names[number]

    def _refusal(self, why: str) -> LsapError:
        return LsapError(
            f"{self._where}: {type(self._made).__name__} of {self._file} cannot be followed ({self}): {why}"
        )


def _plain(size: Any) -> Mapping[str, Any]:
    """A size of transformers, which is a number, a mapping or an object, without what is not set."""
    if size is None:
        return {}
    if isinstance(size, int):
        return {"height": size, "width": size}
    return {key: value for key, value in dict(size).items() if value is not None}


def _pair(size: Mapping[str, Any]) -> tuple[int, int] | None:
    return (int(size["height"]), int(size["width"])) if {"height", "width"} <= {*size} else None


def _levels(made: Any, size: tuple[int, int]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and std of pixels in [0, 1], which the output for black and for white frames determines."""
    margin = 2 * max(size)
    black, white = (
        processed(made, np.full((2, margin, margin, 3), level, np.uint8)).mean((0, 2, 3)).double() for level in (0, 255)
    )
    spread = white - black
    mean, std = [_tidy(float(one)) for one in -black / spread], [_tidy(float(one)) for one in 1 / spread]
    return tuple(mean), tuple(std)


def _tidy(number: float) -> float:
    """A number of float32 arithmetic with the digits that it has."""
    return round(number, 6) + 0.0


def processed(made: Any, frames: np.ndarray[Any, np.dtype[np.uint8]]) -> Tensor:
    """What a processor makes of the frames of one video.

    Args:
        made: an image or video processor of transformers.
        frames: (T, H, W, 3) uint8.

    Returns:
        (T, 3, h, w) float32.
    """
    base: Any = importlib.import_module("transformers.video_processing_utils").BaseVideoProcessor
    if isinstance(made, base):
        video = torch.from_numpy(frames).permute(0, 3, 1, 2)
        output = made([video], do_sample_frames=False, return_tensors="pt")
    else:
        output = made([*frames], return_tensors="pt")
    pixels = next(iter(output.values()))
    if not isinstance(pixels, Tensor):
        pixels = torch.stack([torch.as_tensor(np.asarray(one)) for one in pixels])
    return pixels.reshape(-1, *pixels.shape[-3:]).float()


def largest_difference(made: Any, expects: InputFormat, videos: Sequence[Tensor] | None = None) -> float:
    """By how many levels lsap's pixels and the processor's differ at most.

    Args:
        made: the processor.
        expects: lsap's description of it.
        videos: frames (T, 3, H, W) uint8; None: noise of several sizes.
    """
    generator = torch.Generator().manual_seed(0)
    noise = (torch.randint(0, 256, (2, 3, *size), generator=generator, dtype=torch.uint8) for size in PROBES)
    return max(_difference(made, expects, frames) for frames in videos or noise)


def _difference(made: Any, expects: InputFormat, frames: Tensor) -> float:
    geometry = expects.geometry
    theirs = processed(made, frames.permute(0, 2, 3, 1).contiguous().numpy())
    mean, std = (torch.tensor(one).view(-1, 1, 1) for one in (expects.mean, expects.std))
    ours = geometry.crop(geometry.shrink(frames)).float() / 255
    if theirs.shape != ours.shape:
        return float("inf")
    return float((theirs * std + mean - ours).abs().max()) * 255
