"""A folder of perturbed videos: which file belongs to which video, and what was added."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePath, PurePosixPath

from lsap_cli.datasets.base import Video
from lsap_cli.errors import LsapError
from lsap_cli.hashing import readable_hash
from lsap_cli.results.manifest import PERTURBATION_COPY, ManifestEntry
from lsap_cli.runs.manifest import output_path, read_manifest
from lsap_cli.specs import load_perturbation
from lsap_cli.video.media import Media, read_alike, readable_media_hash
from lsap_cli.video.picture_folders import FOLDER, is_picture_folder
from lsap_cli.video.picture_sequences import PictureSequence
from lsap_cli.video.walking import find_media


class PerturbedFolder:
    """What `lsap apply` wrote, or a mirrored folder that something else wrote.

    Attributes:
        perturbation: what was added; None where the folder does not say.
        files: the perturbed file of each video, by the video's name; filled by `match`.
        media: what its frames are read from, likewise.

    Raises:
        LsapError: if there is no such folder, or its manifest is damaged.
    """

    def __init__(self, root: Path) -> None:
        if not root.is_dir():
            raise LsapError(f"--perturbed {root} is not a folder; give one that lsap apply wrote")
        self._root = root
        self.perturbation = load_perturbation(root / PERTURBATION_COPY) if (root / PERTURBATION_COPY).exists() else None
        self._entries: dict[str, ManifestEntry] = read_manifest(root)
        self.files: dict[str, Path] = {}
        self.media: dict[str, Media] = {}

    def match(self, videos: Sequence[Video]) -> Iterator[tuple[Video, str]]:
        """Finds each video's file; gives the videos that have none, and why."""
        by_stem: dict[str, list[Path]] = {}
        for copy in [] if self._entries else find_media(self._root):
            by_stem.setdefault(_stem(copy.relative_to(self._root)), []).append(copy)
        by_hash = {entry.source_sha256: entry for entry in reversed(self._entries.values())}
        for video in videos:
            source_hash = readable_media_hash(video.media)
            if source_hash is None:
                yield video, "it does not exist, or cannot be read"
                continue
            entry = self._entries.get(video.name)
            if entry is None or entry.source_sha256 != source_hash:
                entry = by_hash.get(source_hash, entry)  # another list may call it otherwise
            if entry is None:
                found = self._found(video, by_stem)
                if len(found) > 1:
                    names = ", ".join(one.name for one in found)
                    yield video, f"{self._root} has several copies of it ({names}) and no manifest that says which"
                    continue
                path = next(iter(found), None)
            elif entry.source_sha256 != source_hash:
                yield video, f"the copy in {self._root} was made from a file with other content"
                continue
            else:
                path = output_path(self._root, entry)
            if path is None or not path.exists():
                yield video, f"{self._root} has no perturbed copy of it"
            elif entry is not None and readable_hash(path) != entry.output_sha256:
                yield video, f"its copy {path} has changed since lsap apply wrote it: its hash is not the manifest's"
            else:
                self.files[video.name] = path
                self.media[video.name] = read_alike(path, video.media)

    def _found(self, video: Video, by_stem: Mapping[str, list[Path]]) -> list[Path]:
        """The copies of a video where no manifest says which: one of its own name, else named after all but a suffix.

        A copy is a file, a folder of frames (`a.frames`), or a folder of pictures of the same name as the video's.
        """
        same = self._root / video.name
        if same in by_stem.get(_stem(PurePosixPath(video.name)), []):
            return [same]
        for name in (video.name, _stem(PurePosixPath(video.name))):
            folder = self._root / f"{name}{FOLDER}"
            found = [*by_stem.get(name, []), *([folder] if is_picture_folder(folder) else [])]
            if found:
                return found
        return [same] if isinstance(video.media, PictureSequence) and same.is_dir() else []


def _stem(path: PurePath) -> str:
    return path.with_suffix("").as_posix()
