"""Diving48: `Diving48_V2_test.json`, whose numbers `Diving48_vocab.json` beside it names."""

from dataclasses import dataclass
from pathlib import Path

from lsap_cli.datasets.entries import Entry, Listing, SetFormat
from lsap_cli.datasets.formats.folders_nearby import roots_of
from lsap_cli.datasets.formats.headers import beginning
from lsap_cli.datasets.label_files import read_json
from lsap_cli.errors import LsapError
from lsap_cli.set_sources import SetSource

FOLDERS = ("rgb", "videos", "rawframes", "frames")
VOCABULARY = "Diving48_vocab.json"


@dataclass(frozen=True)
class Diving48(SetFormat):
    """`Diving48_V2_test.json`, `Diving48_V2_train.json` of Diving48; labels count from 0."""

    def fits(self, path: Path) -> bool:
        return path.suffix.lower() == ".json" and '"vid_name"' in beginning(path)

    def read(self, source: SetSource) -> Listing:
        document = read_json(source.path)
        if not isinstance(document, list):
            raise LsapError(f"{source.path} is no list of Diving48: it holds no array of videos")
        listing = Listing(roots=roots_of(source, source.path.parent, FOLDERS), unit="entry")
        listing.notes.append(f"{source.path} is read as a list of Diving48")
        vocabulary = source.path.parent / VOCABULARY
        if vocabulary.is_file():
            listing.names = _names(vocabulary)
        for number, one in enumerate(document, 1):
            name = str(one.get("vid_name", "")) if isinstance(one, dict) else ""
            if not name or not isinstance(one.get("label"), int):
                listing.leave_out(source.path, number, "is no video of Diving48: it has no vid_name and label")
                continue
            group = name.rpartition("_")[0]  # of the competition's recording
            listing.entries.append(Entry((f"{name}.mp4",), number, (str(one["label"]),), group=group))
        return listing


def _names(path: Path) -> dict[int, str]:
    """Names of the numbers: the vocabulary gives each dive in four words."""
    document = read_json(path)
    if not isinstance(document, list) or not all(isinstance(one, list | str) for one in document):
        raise LsapError(f"{path} is no vocabulary of Diving48: it holds no array of dives")
    return {number: one if isinstance(one, str) else " ".join(map(str, one)) for number, one in enumerate(document)}
