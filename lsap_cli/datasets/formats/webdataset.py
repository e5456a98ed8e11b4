"""Tar shards as webdataset reads them: `000001.mp4` and `000001.cls` are one sample. They are read in place."""

import json
import os
import re
import tarfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from lsap_cli.datasets.base import UnreadablePlace, few
from lsap_cli.datasets.entries import Entry, Listing, SetFormat
from lsap_cli.datasets.label_files import label_text
from lsap_cli.datasets.locating import split_suffix
from lsap_cli.errors import LsapError
from lsap_cli.set_sources import SetSource
from lsap_cli.video.media import ArchivedVideo
from lsap_cli.video.walking import MEDIA_SUFFIXES

RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")
MOST_SHARDS = 100_000
BESIDE_SHARDS = frozenset({".json", ".txt", ".md"})
LABELS = frozenset({".cls", ".json"})
LARGEST_LABEL = 2**20  # bytes
BLOCK = 512
END = bytes(2 * BLOCK)
LeaveOut = Callable[[str, str], None]  # name and reason


@dataclass(frozen=True)
class WebDataset(SetFormat):
    """A tar shard, a folder of them, or a pattern such as `train-{000..009}.tar`: videos with `.cls` or `.json`."""

    def fits(self, path: Path) -> bool:
        if path.is_dir():
            return _holds_shards(path)
        return path.is_file() and path.suffix.lower() == ".tar"

    def read(self, source: SetSource) -> Listing:
        shards = _shards(source.path)
        listing = Listing(roots=[source.path.parent])
        count = "a tar shard" if len(shards) == 1 else f"{len(shards)} tar shards"
        listing.notes.append(f"{source.path} is read as {count} of webdataset")
        for shard in shards:
            _Shard(shard).add_to(listing)
        return listing


@dataclass
class _Sample:
    """The members of one key."""

    videos: list[tuple[str, ArchivedVideo]] = field(default_factory=list)
    labels: dict[str, tuple[int, int]] = field(default_factory=dict)  # places of .cls and .json, by name


class _Shard:
    """One archive, gone through once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._size = path.stat().st_size
        self._samples: dict[str, _Sample] = {}
        self._places: dict[str, tuple[int, int]] = {}  # offset and size of every file
        self._others: Counter[str] = Counter()

    def add_to(self, listing: Listing) -> None:
        """Adds its videos, and names what is wrong with it or with them."""

        def leave_out(name: str, reason: str) -> None:
            listing.unreadable.append(UnreadablePlace(self._path, f"{self._path.name}/{name}".rstrip("/"), reason))

        damage = self._look_through(leave_out)
        if damage:
            leave_out("", damage)
        unread: list[str] = []
        bare = [key for key, sample in self._samples.items() if sample.labels and not sample.videos]
        for key, sample in self._samples.items():
            if len(sample.videos) > 1:
                names = " and ".join(name for name, _ in sample.videos)
                leave_out(key, f"is one sample with several videos ({names}): names differ only after their first dot")
            elif sample.videos:
                name, video = sample.videos[0]
                label = self._label(sample, name, unread)
                inside = f"{split_suffix(self._path.name)[0]}/{name}"
                listing.entries.append(Entry((), 0, (label,) if label else (), archived=video, name=inside))
        if unread:
            listing.warnings.append(
                f"{self._path}: {few(unread)} {'is' if len(unread) == 1 else 'are'} no JSON with 'label' or 'cls'; "
                "those videos have no label from it"
            )
        if bare:
            listing.warnings.append(
                f"{self._path}: {few(bare)} {'has' if len(bare) == 1 else 'have'} a label and no video"
            )
        if self._others:
            shown = ", ".join(f"{count} with '{suffix}'" for suffix, count in self._others.most_common(3))
            listing.notes.append(f"{self._path}: members that are neither videos nor labels are passed over: {shown}")

    def _look_through(self, leave_out: LeaveOut) -> str:
        """Collects all members; says how the archive is damaged, or nothing."""
        end = 0
        try:
            with tarfile.open(self._path, "r:") as archive:
                for member in archive:
                    end = member.offset_data + (-(-member.size // BLOCK) * BLOCK if member.isreg() else 0)
                    self._collect(member, leave_out)
        except tarfile.TarError as error:
            if not self._places:
                return f"is no tar archive that can be read in place ({error}); decompress it, if it is compressed"
            return f"is damaged or cut ({error}); {len(self._places)} members before that are used"
        except OSError as error:
            return f"cannot be read ({error.strerror or error})"
        return self._end_problem(end)

    def _end_problem(self, end: int) -> str:
        """What is wrong behind the last member: tarfile stops there without a word."""
        with self._path.open("rb") as file:
            file.seek(end)
            mark = file.read(len(END))
        if mark == END:
            return ""
        used = f"{len(self._places)} members before that are used"
        if len(mark) < len(END):
            return f"is cut at byte {self._size}; {used}"
        return f"is damaged at byte {end}; {used}"

    def _collect(self, member: tarfile.TarInfo, leave_out: LeaveOut) -> None:
        name = PurePosixPath(member.name.removeprefix("./")).as_posix()
        base = name.rpartition("/")[2]
        if member.isdir() or base.startswith("."):
            return
        place = self._place(member, name)
        if place is None:
            leave_out(name, f"is a link to {member.linkname}, which is not in the archive, or no file")
            return
        if name in self._places:
            leave_out(name, "is there twice; the first one is used")
            return
        if place[0] + place[1] > self._size:
            leave_out(name, "is cut: the archive ends before it does")
            return
        self._places[name] = place
        stem, dot, rest = base.partition(".")
        suffix = "." + rest.rpartition(".")[2].lower()
        sample = self._samples.setdefault(name[: len(name) - len(base)] + stem, _Sample())
        if dot and suffix in MEDIA_SUFFIXES:
            sample.videos.append((name, ArchivedVideo(self._path, *place, suffix)))
        elif dot and suffix in LABELS:
            sample.labels[name] = place
        else:
            self._others[suffix if dot else "no suffix"] += 1

    def _place(self, member: tarfile.TarInfo, name: str) -> tuple[int, int] | None:
        """Where a member's bytes are: a hard link has those of another one."""
        if member.isreg() and not member.issparse():
            return member.offset_data, member.size
        if member.islnk():
            return self._places.get(member.linkname.removeprefix("./"))
        if member.issym():
            return self._places.get((PurePosixPath(name).parent / member.linkname).as_posix())
        return None

    def _label(self, sample: _Sample, video: str, unread: list[str]) -> str:
        """The label of a video: of the file that is called as it is, of a `.cls` before a `.json`."""
        stem = split_suffix(video)[0]
        names = sorted(
            sample.labels, key=lambda name: (split_suffix(name)[0] != stem, not name.lower().endswith(".cls"))
        )
        for name in names:
            text = self._text(sample.labels[name])
            label = text.strip() if name.lower().endswith(".cls") else _label_in_json(text)
            if label:
                return label
            if label is None:
                unread.append(name)
        return ""

    def _text(self, place: tuple[int, int]) -> str:
        with self._path.open("rb") as file:
            file.seek(place[0])
            return file.read(min(place[1], LARGEST_LABEL)).decode("utf-8-sig", "replace")


def _label_in_json(text: str) -> str | None:
    """The label in a sample's JSON; None: it has no place for one, or is no JSON."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if isinstance(document, dict) and not {"label", "cls"} & set(document):
        return None
    value = document.get("label", document.get("cls")) if isinstance(document, dict) else document
    return None if isinstance(value, bool | list) else label_text(value)


def _holds_shards(folder: Path) -> bool:
    """Whether a folder's files are shards and what describes them; a folder of a million videos ends at the first."""
    found = False
    with os.scandir(folder) as entries:
        for one in entries:
            suffix = split_suffix(one.name)[1].lower()
            if one.name.startswith(".") or not one.is_file():
                continue
            if suffix not in BESIDE_SHARDS and suffix != ".tar":
                return False
            found = found or suffix == ".tar"
    return found


def _shards(path: Path) -> list[Path]:
    """The files of a folder, or of a pattern with `*` or `{000..009}`.

    Raises:
        LsapError: if there is none, or one of a range is missing.
    """
    if path.is_dir():
        return sorted(one for one in path.iterdir() if one.suffix.lower() == ".tar")
    if path.exists():
        return [path]
    match = RANGE.search(str(path))
    if match is not None:
        first, last = int(match[1]), int(match[2])
        if not 0 <= last - first < MOST_SHARDS:
            raise LsapError(f"{path}: the range {match[0]} is empty, or has more than {MOST_SHARDS} shards")
        names = (RANGE.sub(f"{number:0{len(match[1])}d}", str(path), count=1) for number in range(first, last + 1))
        shards = [Path(name) for name in names]
        missing = [shard for shard in shards if not shard.is_file()]
        if missing:
            raise LsapError(f"{path}: {missing[0]} does not exist, and {len(missing) - 1} others of the range")
        return shards
    found = sorted(path.parent.glob(path.name))
    if not found:
        raise LsapError(f"{path} fits no tar shard")
    return found
