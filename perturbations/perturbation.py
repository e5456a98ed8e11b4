"""The perturbation: delta, how it is bound to the frames of a video, and its budget; and the file it lives in."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from lsap_common import parse_epsilon, require_kind, require_whole, unknown_name
from perturbations.adding import add_float
from perturbations.bindings import Binding, parse_binding
from perturbations.budgets import LEVELS, Budget
from perturbations.resizing import BILINEAR, RESIZINGS, with_empty_slot
from perturbations.slot_cache import SlotCache, add_cached

FORMAT = "lsap.perturbation/1"
FORMAT_WITH_RESIZE = "lsap.perturbation/2"  # says how delta is resized; of the first format all are bilinear
UNITS = "pixels in [0, 1]"
LARGEST_SIDE = 4096
EVERY_SLOT = slice(None)
RECORD_KINDS: dict[str, tuple[type, ...]] = {
    "target": (str, type(None)),
    "only": (str, type(None)),
    "fit_samplers": (list,),
    "held_out_samplers": (list,),
    "videos": (list,),
    "classifier": (dict,),
    "surrogates": (list,),
}
RECORD_LISTS = ("fit_samplers", "held_out_samplers")  # of texts
RECORD_TEXTS = (("classifier", "name"),)
OBJECT_TEXTS = {"videos": ("name", "group", "sha256"), "surrogates": ("name",)}  # texts of the objects in lists
REQUIRED = ("format", "units", "binding", "norm", "epsilon", "record")


@dataclass(frozen=True, eq=False)
class Perturbation:
    """One pattern for every video. Two are equal where delta (bit by bit), binding, budget, record and resize are.

    Args:
        delta: (P, 3, h, w) float32, pixel units of [0, 1]; it covers the whole frame at any size.
        binding: which of the P slots a frame gets.
        budget: norm and epsilon that delta keeps.
        record: how it was learned (classifier, samplers, seed, hashes of the videos, versions): JSON values.
        resize: how delta is brought to the size of frames, a name of `perturbations.resizing.RESIZINGS`. `saturating`
            is delta enlarged, times 4, projected onto the budget; that at its own size, too. `bilinear` leaves small
            values between neighbors of opposite sign.

    Raises:
        ValueError: if delta does not have that shape, is not finite, does not fit the binding, or is over budget.
    """

    delta: Tensor
    binding: Binding
    budget: Budget
    record: Mapping[str, Any] = field(default_factory=dict)
    resize: str = BILINEAR

    def __post_init__(self) -> None:
        require_kind("delta is", self.delta, Tensor, "give a tensor (slots, 3, height, width)")
        require_kind("the binding is", self.binding, Binding, "use parse_binding('cyclic:4')")
        require_kind("the budget is", self.budget, Budget, "use Budget.parse('linf', '8/255')")
        require_kind("the record is", self.record, Mapping, "give a dict of JSON values")
        require_kind("resize is", self.resize, str, "use 'bilinear' or 'saturating'")
        if self.resize not in RESIZINGS:
            raise ValueError(unknown_name("resize", self.resize, RESIZINGS))
        if self.delta.ndim != 4 or self.delta.shape[1] != 3 or 0 in self.delta.shape:
            raise ValueError(f"delta has the shape {tuple(self.delta.shape)}; it must be (slots, 3, height, width)")
        if max(self.delta.shape[2:]) > LARGEST_SIDE:
            raise ValueError(
                f"delta is {tuple(self.delta.shape[2:])} pixels; at most {LARGEST_SIDE} a side are allowed"
            )
        if self.delta.dtype != torch.float32:
            raise ValueError(f"delta holds {self.delta.dtype}; it must be float32")
        if not bool(self.delta.isfinite().all()):
            raise ValueError("delta holds values that are not finite")
        if self.delta.shape[0] != self.binding.period:
            raise ValueError(f"delta has {self.delta.shape[0]} slots, but its binding is {self.binding}")
        size = self.budget.size(self.delta)
        if size > float(self.budget.epsilon) * (1 + 1e-5):
            raise ValueError(
                f"delta's {self.budget.norm} norm is {size * LEVELS:.4g}/255, "
                f"over its budget of {self.budget.epsilon_text}"
            )

    @property
    def pattern(self) -> Tensor:
        """What is added to frames of delta's own size, before rounding: (P, 3, h, w) float32."""
        return self.resized(*self.delta.shape[2:])

    def resized(self, height: int, width: int, slots: slice = EVERY_SLOT) -> Tensor:
        """What is added to frames of a size, before rounding: (P, 3, height, width) float32, within the budget.

        Args:
            height: of the frame, in pixels.
            width: likewise.
            slots: of delta; others than all are for linf only, as an l2 budget spans all slots.
        """
        require_whole("height", height, least=1)
        require_whole("width", width, least=1)
        return RESIZINGS[self.resize].resized(self.delta[slots], height, width, self.budget)

    def levels(self, height: int, width: int) -> Tensor:
        """What is added to 8-bit frames of that size: (P, 3, height, width) int16, within the budget."""
        return self.budget.quantize(self.resized(height, width))

    def at(self, indices: Tensor, frame_count: int, height: int, width: int) -> Tensor:
        """The pattern on some frames of a video.

        Args:
            indices: (T,) int64, frame numbers in [0, frame_count), and on where frames are appended.
            frame_count: the video's number of frames.
            height: the frames' height in pixels.
            width: the frames' width in pixels.

        Returns:
            (T, 3, height, width) float32.
        """
        require_whole("frame_count", frame_count, least=1)
        return with_empty_slot(self.resized(height, width))[self.binding.slots(indices, frame_count)]

    def add(self, frames: Tensor, indices: Tensor | None = None, frame_count: int | None = None) -> Tensor:
        """Perturbed frames, before 8-bit rounding; differentiable by the frames.

        Args:
            frames: (..., T, 3, H, W) float in [0, 1], one video or a batch of videos.
            indices: (T,) int64, the frames' numbers in their video; None: the frames are the whole video.
            frame_count: the video's own number of frames; None: it is T.

        Returns:
            The shape and device of the frames, float in [0, 1]. Where the binding appends K frames and no indices are
            given, there are T + K frames.

        Raises:
            ValueError: if the frames do not have that shape, dtype or range, or the indices do not fit them.
        """
        require_kind("the frames are", frames, Tensor, "give a tensor (frames, 3, height, width)")
        if not frames.dtype.is_floating_point:
            raise ValueError(f"the frames are {frames.dtype}; give floats in [0, 1], or use add_to_bytes for uint8")
        low, high = frames.detach().aminmax() if frames.numel() else (0.0, 1.0)
        if not (low >= 0 and high <= 1):  # NaN, too
            raise ValueError(f"the frames' values run from {low:g} to {high:g}; give floats in [0, 1]")
        frames, slots = self._with_slots(frames, indices, frame_count)
        pattern = with_empty_slot(self.resized(*frames.shape[-2:]).to(frames))
        return add_float(frames, pattern, slots.to(frames.device).expand(frames.shape[:-3]))

    def add_to_bytes(self, frames: Tensor, indices: Tensor | None = None, frame_count: int | None = None) -> Tensor:
        """Perturbed frames as a file holds them: rounded to whole levels, so that a lossless copy gives them back.

        Args:
            frames: (..., T, 3, H, W) uint8, one video or a batch of videos.
            indices: as in `add`.
            frame_count: as in `add`.

        Returns:
            As in `add`, but uint8.

        Raises:
            ValueError: as in `add`.
        """
        require_kind("the frames are", frames, Tensor, "give a tensor (frames, 3, height, width)")
        if frames.dtype != torch.uint8:
            raise ValueError(f"the frames are {frames.dtype}; give uint8, or use add for floats in [0, 1]")
        frames, slots = self._with_slots(frames, indices, frame_count)
        every = slots.expand(frames.shape[:-3]).flatten()
        return add_cached(frames.flatten(0, -4), every, SlotCache(self)).view(frames.shape)

    def _with_slots(self, frames: Tensor, indices: Tensor | None, frame_count: int | None) -> tuple[Tensor, Tensor]:
        """The frames, with those that the binding appends, and the slot of each: (..., T, 3, H, W) and (T,)."""
        if frames.ndim < 4 or frames.shape[-3] != 3 or 0 in frames.shape:
            raise ValueError(f"the frames have the shape {tuple(frames.shape)}; give (frames, 3, height, width)")
        length = frames.shape[-4]
        if indices is None:
            if self.binding.appended:
                black = frames.new_zeros(*frames.shape[:-4], self.binding.appended, *frames.shape[-3:])
                frames = torch.cat([frames, black], -4)
            indices = torch.arange(frames.shape[-4])
        self._check_indices(indices, frames.shape[-4], frame_count)
        return frames, self.binding.slots(indices, length if frame_count is None else frame_count)

    def _check_indices(self, indices: Tensor, frames: int, frame_count: int | None) -> None:
        require_kind("the indices are", indices, Tensor, "give an int64 tensor of frame numbers")
        if indices.shape != (frames,):
            raise ValueError(
                f"the indices have the shape {tuple(indices.shape)}; give one for each of the {frames} frames"
            )
        if indices.dtype != torch.int64:
            raise ValueError(f"the indices are {indices.dtype}; give int64 frame numbers")
        if frame_count is not None:
            require_whole("frame_count", frame_count, least=1)
        first, last = int(indices.min()), int(indices.max())
        limit = (frames if frame_count is None else frame_count) + self.binding.appended
        if first < 0 or (last >= limit and (frame_count is not None or self.binding.needs_length)):
            raise ValueError(
                f"the indices run from {first} to {last}, but must be in [0, {limit}); frame_count is the number of "
                "frames of the whole video"
            )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Perturbation):
            return NotImplemented
        own, others = ((one.binding, one.budget, one.resize, dict(one.record)) for one in (self, other))
        return own == others and torch.equal(self.delta, other.delta)

    def __hash__(self) -> int:
        return hash((self.binding, self.budget, self.delta.shape, float(self.delta.sum())))

    def save(self, path: Path | str) -> None:
        """Writes one safetensors file: `delta`, and in its metadata everything else. Equal ones give equal bytes.

        Raises:
            ValueError: if the record holds what JSON cannot.
            OSError: if the folder does not exist, the path is that of a folder, or it cannot be written.
        """
        if not Path(path).parent.is_dir():
            raise FileNotFoundError(f"{path} cannot be written: the folder {Path(path).parent} does not exist; make it")
        if Path(path).is_dir():
            raise IsADirectoryError(f"{path} is a folder; give the name of a file in it")
        try:
            record = json.dumps(self.record, sort_keys=True)
        except TypeError as error:
            raise ValueError(f"the record cannot be written as JSON ({error}); give JSON values") from None
        metadata = {
            "format": FORMAT,
            "units": UNITS,
            "binding": str(self.binding),
            "norm": self.budget.norm,
            "epsilon": self.budget.epsilon_text,
            "record": record,
        }
        if self.resize != BILINEAR:  # a version that cannot resize so must refuse the file
            metadata |= {"format": FORMAT_WITH_RESIZE, "resize": self.resize}
        Path(path).write_bytes(_in_fixed_order(save({"delta": self.delta.contiguous()}, metadata=metadata)))

    @classmethod
    def load(cls, path: Path | str) -> "Perturbation":
        """Reads what `save` wrote.

        Raises:
            ValueError: if the file is not a perturbation file, or anything in it is missing or malformed.
            OSError: if it cannot be read.
        """
        if not Path(path).exists():
            raise FileNotFoundError(f"the perturbation {path} does not exist; make one with save or lsap generate")
        if Path(path).is_dir():
            raise IsADirectoryError(f"the perturbation {path} is a folder; give the name of the file")
        try:
            with safe_open(path, framework="pt") as file:
                metadata = file.metadata() or {}
                _check_metadata(path, metadata, list(file.keys()))
                delta = file.get_tensor("delta")
        except SafetensorError as error:
            raise ValueError(f"{path} is not a safetensors file ({error}); use one written by lsap generate") from None
        try:
            record = json.loads(metadata["record"])
            if not isinstance(record, dict):
                raise TypeError("record is not an object")
            _check_record(record)
            budget = Budget(metadata["norm"], parse_epsilon(metadata["epsilon"]))
            resize = metadata["resize"] if metadata["format"] == FORMAT_WITH_RESIZE else BILINEAR
            return cls(delta, parse_binding(metadata["binding"]), budget, record, resize)
        except (ValueError, TypeError, ZeroDivisionError, RecursionError) as error:
            raise ValueError(f"{path} is damaged: {error}") from None


def _check_record(record: Mapping[str, Any]) -> None:
    for name, kinds in RECORD_KINDS.items():
        if name in record and not isinstance(record[name], kinds):
            raise TypeError(f"'{name}' of its record is {type(record[name]).__name__}, not {kinds[0].__name__}")
    texts = {name: record.get(name, []) for name in RECORD_LISTS}
    texts |= {f"{name}.{key}": [record[name][key]] for name, key in RECORD_TEXTS if key in record.get(name, {})}
    for listed, keys in OBJECT_TEXTS.items():
        for number, one in enumerate(record.get(listed, [])):
            if not isinstance(one, Mapping):
                raise TypeError(f"{listed}[{number}] of its record is {type(one).__name__}, not dict")
            texts |= {f"{listed}[{number}].{key}": [one[key]] for key in keys if key in one}
    for name, values in texts.items():
        kind = next((type(one).__name__ for one in values if not isinstance(one, str)), None)
        if kind is not None:
            raise TypeError(f"'{name}' of its record holds {kind}, not str")


def _in_fixed_order(file: bytes) -> bytes:
    """A safetensors file with its header's keys sorted; the library writes them in an order that changes."""
    length = int.from_bytes(file[:8], "little")
    header = json.dumps(json.loads(file[8 : 8 + length]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + file[8 + length :]


def _check_metadata(path: Path | str, metadata: Mapping[str, str], tensors: list[str]) -> None:
    known = {FORMAT: REQUIRED, FORMAT_WITH_RESIZE: (*REQUIRED, "resize")}
    if metadata.get("format") not in known:
        raise ValueError(
            f"{path} is not a perturbation file ({FORMAT} or {FORMAT_WITH_RESIZE}); use one written by lsap generate"
        )
    missing = [key for key in known[metadata["format"]] if key not in metadata]
    if missing or tensors != ["delta"]:
        raise ValueError(f"{path} is damaged: it lacks {', '.join(missing) or 'the tensor delta'}; generate it again")
    if metadata["units"] != UNITS:
        raise ValueError(f"{path} gives delta in '{metadata['units']}'; only '{UNITS}' is known")
