"""A single file."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from lsap_cli.datasets.entries import Entry, Listing, SetFormat
from lsap_cli.datasets.formats.headers import is_utf16
from lsap_cli.errors import LsapError
from lsap_cli.set_sources import SetSource

LISTS = {
    ".txt": "list:PATH (path label), ucf101:PATH or hmdb51:PATH",
    ".csv": "csv:PATH, list:PATH, kinetics:PATH, jester:PATH or charades:PATH",
    ".tsv": "csv:PATH or list:PATH",
    ".json": "ssv2:PATH or diving48:PATH",
    ".jsonl": "hf-folder:PATH",
    ".parquet": "hf-folder:PATH",
    ".tar": "webdataset:PATH",
    ".zip": "a folder: unpack it first",
    ".gz": "a folder: unpack it first",
    ".tgz": "a folder: unpack it first",
    ".xz": "a folder: unpack it first",
    ".7z": "a folder: unpack it first",
    ".rar": "a folder: unpack it first",
    ".toml": "--model PATH, if it is a model card",
    ".safetensors": "a folder of videos: this is a perturbation or a network",
}


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
        if suffix in LISTS:
            raise LsapError(
                f"{source.path} is no video, and its lines are of no list that is known; give {LISTS[suffix]}"
            )
        return Listing([Entry((source.path.name,))], roots=[source.path.parent])
