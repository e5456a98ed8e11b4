"""A folder of videos, whose sub-folders' names are labels; or a single video file."""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from lsap_cli.classifiers.labels import LabelIndex
from lsap_cli.datasets.base import UnreadablePlace, Video, VideoSet, unknown_labels_warning
from lsap_cli.video.walking import walk_media


class VideoFolder:
    """Videos at any depth. The nearest folder above a video whose name matches a label gives its label."""

    def fits(self, source: Path) -> bool:
        return source.is_dir()

    def read(self, source: Path, labels: LabelIndex) -> VideoSet:
        classes: dict[str, int | None] = {}
        videos: list[Video] = []
        unknown: dict[str, None] = {}
        walk = walk_media(source)
        for path in walk.media:
            name = path.relative_to(source).as_posix()
            folders = PurePosixPath(name).parts[:-1]
            for folder in folders:
                if folder not in classes:
                    classes[folder] = labels.find(folder, f"{source}: the sub-folder")
            known = [index for folder in reversed(folders) if (index := classes[folder]) is not None]
            if folders and not known:
                unknown[folders[0]] = None
            videos.append(Video(path, name, tuple(known[:1])))
        warnings = unknown_labels_warning([*unknown], f"{source}: sub-folder", "those videos have no label")
        omitted = tuple(path.relative_to(source).as_posix() for path in walk.outside_links)
        unreadable = tuple(
            UnreadablePlace(path, path.relative_to(source).as_posix(), reason) for path, reason in walk.unreadable
        )
        return VideoSet(videos, warnings + _omitted_warning(source, omitted), omitted, unreadable)


class SingleVideo:
    """One file is a set of one video, without a label."""

    def fits(self, source: Path) -> bool:
        return source.is_file()

    def read(self, source: Path, labels: LabelIndex) -> VideoSet:
        return VideoSet([Video(source, source.name)])


def _omitted_warning(source: Path, omitted: Sequence[str]) -> list[str]:
    """A warning about links that are not followed, or nothing where there are none."""
    if not omitted:
        return []
    shown = ", ".join(omitted[:3]) + (f" and {len(omitted) - 3} more" if len(omitted) > 3 else "")
    return [f"{source}: {shown} lead out of the folder and are left out: the set has {len(omitted)} fewer"]
