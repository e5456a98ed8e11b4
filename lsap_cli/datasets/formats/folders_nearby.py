"""Where the videos of a list lie, if nobody says it: beside the list, or in a folder of the set's usual names."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from lsap_cli.set_sources import SetSource


def roots_of(source: SetSource, folder: Path, names: Sequence[str]) -> list[Path]:
    """Folders where a list's paths may begin: --root alone, or those near the list.

    Args:
        source: the set.
        folder: of the list.
        names: of folders that the set is usually unpacked into.
    """
    return [source.root] if source.root else [folder, *_unpacked(folder, names)]


def _unpacked(folder: Path, names: Sequence[str]) -> Iterable[Path]:
    above = folder.absolute().parent
    for parent in (folder, above):
        yield from (parent / name for name in names if (parent / name).is_dir())
    yield above
