"""A single file."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from lsap_cli.datasets.entries import Entry, Listing, SetFormat
from lsap_cli.datasets.formats.headers import is_text, is_utf16
from lsap_cli.errors import LsapError
from lsap_cli.set_sources import SetSource
from lsap_cli.video.walking import MEDIA_SUFFIXES

PATHS = "(lines 'path label', or paths alone; --root DIR is where they begin)"
LISTS = {
    ".txt": f"list:PATH {PATHS}, ucf101:PATH or hmdb51:PATH",
    ".csv": "csv:PATH, list:PATH, kinetics:PATH, jester:PATH or charades:PATH",
    ".tsv": f"list:PATH {PATHS} or csv:PATH",
    ".json": "json:PATH (videos and labels), ssv2:PATH, diving48:PATH or kinetics:PATH",
    ".jsonl": "json:PATH or hf-folder:PATH",
    ".parquet": "hf-folder:PATH",
    ".tar": "webdataset:PATH",
    ".zip": "a folder: unpack it first",
    ".gz": "a folder: unpack it first",
    ".tgz": "a folder: unpack it first",
    ".pkl": "list:PATH or csv:PATH: a pickle runs code, and is not read",
    ".npz": "a folder of videos: arrays are not read",
    ".npy": "a folder of videos: arrays are not read",
    ".h5": "a folder of videos: arrays are not read",
    ".xlsx": "csv:PATH: save the table as CSV",
    ".arrow": "hf-folder:PATH, with its metadata as CSV, JSON lines or Parquet",
    ".pt": "--model PATH, if it is a network",
    ".pth": "--model PATH, if it is a network",
    ".onnx": "--model PATH, if it is a network",
    ".xz": "a folder: unpack it first",
    ".7z": "a folder: unpack it first",
    ".rar": "a folder: unpack it first",
    ".toml": "--model PATH, if it is a model card",
    ".safetensors": "a folder of videos: this is a perturbation or a network",
}
PICTURES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"})


@dataclass(frozen=True)
class SingleVideo(SetFormat):
    """One file is a set of one video, without a label."""

    said: ClassVar[bool] = False

    def fits(self, path: Path) -> bool:
        return path.is_file()

    def read(self, source: SetSource) -> Listing:
        suffix = source.path.suffix.lower()
        if suffix in LISTS and is_utf16(source.path):
            raise LsapError(f"{source.path} is UTF-16 text, which no list is; save it as UTF-8")
        if source.path.stat().st_size == 0 and suffix in LISTS:
            raise LsapError(f"{source.path} is empty, and no video; give {_given(source.path)}")
        if source.path.stat().st_size == 0:
            return Listing([Entry((source.path.name,))], roots=[source.path.parent])
        if suffix in PICTURES:
            raise LsapError(f"{source.path} is a picture; give the folder of a video's pictures as frames:FOLDER")
        if suffix not in LISTS and suffix not in MEDIA_SUFFIXES and is_text(source.path):
            raise LsapError(f"{source.path} is text and no list that is known; give {_given(source.path)}")
        if suffix in LISTS:
            lines = f", and {_parts(suffix)} of no list that is known" if is_text(source.path) else ""
            raise LsapError(f"{source.path} is no video{lines}; give {_given(source.path)}")
        return Listing([Entry((source.path.name,))], roots=[source.path.parent])


def _given(path: Path) -> str:
    """What to type for a file that is no video."""
    return LISTS.get(path.suffix.lower(), LISTS[".tsv"]).replace("PATH", str(path), 1)


def _parts(suffix: str) -> str:
    """What a text file of some suffix is made of, for a sentence."""
    return "what it holds is" if suffix == ".json" else "its lines are"
