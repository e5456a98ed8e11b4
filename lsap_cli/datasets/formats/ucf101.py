"""UCF101's own lists: `testlist01.txt`, `trainlist01.txt`, and `classInd.txt` beside them."""

import re
from dataclasses import dataclass
from pathlib import Path

from lsap_cli.datasets.entries import Entry, Listing, SetFormat
from lsap_cli.datasets.formats.folders_nearby import roots_of
from lsap_cli.datasets.formats.headers import first_line
from lsap_cli.datasets.label_files import read_label_names, read_text
from lsap_cli.errors import LsapError
from lsap_cli.set_sources import SetSource

LIST = re.compile(r"(test|train)list\d\d\.txt", re.IGNORECASE)
LINE = re.compile(r"(?P<path>(?P<folder>[^/]+)/[^/]+?)(?:\s+(?P<number>\d+))?")
FOLDERS = ("UCF-101", "UCF101", "ucf101", "videos", "rawframes")  # beside the lists, as the set is unpacked
CLASSES = "classInd.txt"


@dataclass(frozen=True)
class Ucf101(SetFormat):
    """`testlist01.txt` or `trainlist01.txt` of UCF101: the folder is the label."""

    def fits(self, path: Path) -> bool:
        if not path.is_file() or not LIST.fullmatch(path.name):
            return False
        return bool(LINE.fullmatch(first_line(path)))  # lists of other sets are called so, too

    def read(self, source: SetSource) -> Listing:
        if source.path.is_dir():
            lists = sorted(path.name for path in source.path.iterdir() if LIST.fullmatch(path.name))
            raise LsapError(f"{source.path} is a folder; give one of its lists: {', '.join(lists) or 'there are none'}")
        listing = Listing(noun="folder", roots=roots_of(source, source.path.parent, FOLDERS))
        listing.notes.append(f"{source.path} is read as a list of UCF101")
        classes = source.path.parent / CLASSES
        names = read_label_names(classes) if classes.is_file() else {}
        contradicting: list[int] = []
        for number, text in enumerate(read_text(source.path).splitlines(), 1):
            match = LINE.fullmatch(text.strip())
            if match is None:
                if text.strip():
                    listing.leave_out(source.path, number, "is no path of UCF101 (folder/video.avi)")
                continue
            folder, written = match["folder"], match["number"]
            if written and names and names.get(int(written), "").lower() != folder.lower():
                contradicting.append(number)
            listing.entries.append(Entry((match["path"],), number, (folder,)))
        if contradicting:
            more = f" and {len(contradicting) - 1} more" if len(contradicting) > 1 else ""
            listing.warnings.append(
                f"{source.path}: the number in line {contradicting[0]}{more} is not that of {CLASSES}; "
                "the folders' names are taken"
            )
        return listing
