"""HMDB51's own split files: `<class>_test_split<N>.txt`, a line `<video>.avi <0|1|2>`."""

import re
from dataclasses import dataclass
from pathlib import Path

from lsap_cli.datasets.base import recording_in
from lsap_cli.datasets.entries import Entry, Listing, SetFormat
from lsap_cli.datasets.formats.folders_nearby import roots_of
from lsap_cli.datasets.label_files import read_text
from lsap_cli.errors import LsapError
from lsap_cli.set_sources import SetSource

FILE = re.compile(r"(?P<label>.+)_test_split(?P<split>[123])\.txt")
PART = re.compile(r"(?P<part>train|test)(?P<split>[123])")
LINE = re.compile(r"(?P<name>\S.*\S)\s+(?P<use>[012])")
USES = {"train": "1", "test": "2"}  # 0: in neither part
FOLDERS = ("hmdb51", "HMDB51", "hmdb51_org", "videos", "rawframes")
DEFAULT = "test1"


@dataclass(frozen=True)
class Hmdb51(SetFormat):
    """The folder of HMDB51's split files; `:train1` or `:test3` behind it says which part (default: `test1`)."""

    def fits(self, path: Path) -> bool:
        if path.is_dir():
            return any(FILE.fullmatch(one.name) for one in path.iterdir())
        return path.is_file() and bool(FILE.fullmatch(path.name))

    def read(self, source: SetSource) -> Listing:
        path, part = _which(source.path)
        if path.is_dir():
            files = sorted(
                one for one in path.iterdir() if (found := FILE.fullmatch(one.name)) and found["split"] == part[-1]
            )
            folder = path
        else:
            files, folder = [path], path.parent
        if not path.is_dir() and not FILE.fullmatch(path.name):
            raise LsapError(f"{path} is no split file of HMDB51 (<class>_test_split1.txt); give one, or their folder")
        if not files:
            raise LsapError(f"{path} has no file <class>_test_split{part[-1]}.txt")
        listing = Listing(noun="class", roots=roots_of(source, folder, FOLDERS))
        listing.notes.append(f"{path} is read as the part {part[:-1]} of split {part[-1]} of HMDB51")
        for file in files:
            match = FILE.fullmatch(file.name)
            _add(listing, file, match["label"] if match else "", USES[part[:-1]])
        return listing


def _which(path: Path) -> tuple[Path, str]:
    """The folder or file, and the part that is asked for."""
    front, colon, part = str(path).rpartition(":")
    if path.exists() or not colon:
        match = FILE.fullmatch(path.name)
        return path, f"test{match['split']}" if match else DEFAULT
    if not PART.fullmatch(part):
        raise LsapError(f"hmdb51:{path}: '{part}' is no part; write train or test with the split's number, as in test1")
    return Path(front), part


def _add(listing: Listing, file: Path, label: str, use: str) -> None:
    for number, text in enumerate(read_text(file).splitlines(), 1):
        match = LINE.fullmatch(text.strip())
        if match is None:
            if text.strip():
                listing.leave_out(file, number, "is no line of HMDB51 (video.avi and 0, 1 or 2)")
        elif match["use"] == use:
            name = match["name"]
            film = recording_in(name).removesuffix(f"_{label}")  # a film's cuts show several classes
            listing.entries.append(Entry((f"{label}/{name}", name), number, (label,), group=film))
