"""Something-Something V2: `validation.json` with templates, and videos `ID.webm`."""

from dataclasses import dataclass
from pathlib import Path

from lsap_cli.datasets.entries import Entry, Listing, SetFormat
from lsap_cli.datasets.formats.folders_nearby import roots_of
from lsap_cli.datasets.formats.headers import beginning
from lsap_cli.datasets.label_files import read_json
from lsap_cli.errors import LsapError
from lsap_cli.set_sources import SetSource

FOLDERS = ("20bn-something-something-v2", "videos", "rawframes", "frames")


@dataclass(frozen=True)
class SomethingSomething(SetFormat):
    """`train.json`, `validation.json` of Something-Something V2: the template without its brackets is the label."""

    def fits(self, path: Path) -> bool:
        return path.suffix.lower() == ".json" and '"template"' in beginning(path)

    def read(self, source: SetSource) -> Listing:
        document = read_json(source.path)
        if not isinstance(document, list):
            raise LsapError(f"{source.path} is no list of Something-Something: it holds no array of videos")
        listing = Listing(roots=roots_of(source, source.path.parent, FOLDERS), unit="entry")
        listing.notes.append(f"{source.path} is read as a list of Something-Something V2")
        for number, one in enumerate(document, 1):
            identity = str(one.get("id", "")) if isinstance(one, dict) else ""
            if not identity or "/" in identity:
                listing.leave_out(source.path, number, "is no video of Something-Something: it has no id")
                continue
            label = str(one.get("template") or one.get("label") or "").replace("[", "").replace("]", "")
            listing.entries.append(Entry((f"{identity}.webm",), number, (label,) if label else ()))
        return listing
