"""Where a set of videos is, as a user writes it: `PATH`, or `FORMAT:PATH`. No torch here: it is checked before."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from lsap_cli.errors import LsapError, missing_text
from lsap_cli.plugins import set_format_names

SETS = "a folder of videos, a list of them, or FORMAT:PATH"
PATTERN = frozenset("*?[{")
FASTEST = 10_000  # pictures a second


@dataclass(frozen=True)
class SetSource:
    """A set of videos, not read yet.

    Attributes:
        path: a folder or a file; some formats take a pattern of several.
        format: the name of its format; None: the one that it looks like.
        root: the folder where a list's relative paths begin; None: the list's own.
        fps: pictures a second of frame folders; None: the format's own pace.
        labels: a file with the names of a list's numbers.
    """

    path: Path
    format: str | None = None
    root: Path | None = None
    fps: Fraction | None = None
    labels: Path | None = None

    @classmethod
    def parse(
        cls, text: str | Path, root: str | None = None, fps: float | None = None, labels: str | None = None
    ) -> "SetSource":
        """Reads the words of a command line.

        Raises:
            LsapError: if nothing is there.
        """
        if root is not None and not Path(root).is_dir():
            raise LsapError(f"--root {root} is not a folder; give the one where the list's paths begin")
        if labels is not None and not Path(labels).is_file():
            raise LsapError(f"--labels {labels} is not a file; give one with a label's name a line")
        if fps is not None and not 0 < fps <= FASTEST:
            raise LsapError(f"--fps {fps:g} is no pace; give pictures a second, above 0 and up to {FASTEST}")
        pace = None if fps is None else Fraction(fps).limit_denominator(1001)
        name, path = split_source(str(text))
        return cls(path, name, Path(root) if root else None, pace, Path(labels) if labels else None)

    def __str__(self) -> str:
        return str(self.path) if self.format is None else f"{self.format}:{self.path}"


def split_source(text: str) -> tuple[str | None, Path]:
    """The format and the path of a source; a file that has a format's name and a colon in its own is taken as it is.

    Raises:
        LsapError: if nothing is there.
    """
    name, colon, rest = text.partition(":")
    if colon and not Path(text).exists():
        if name in set_format_names():
            if not rest:
                raise LsapError(f"{text} names no file; write {name}:PATH")
            if not is_there(rest):
                raise LsapError(
                    f"{rest} {missing_text(Path(rest))}; write {name}:PATH with {SETS.partition(', or ')[0]}"
                )
            return name, Path(rest)
        if "/" not in name and not is_there(text):
            raise LsapError(
                f"{text} does not exist, and {name} is no format of a set; "
                f"give a folder of videos or a list, or one of {', '.join(f'{one}:PATH' for one in set_format_names())}"
            )
    if not is_there(text):
        raise LsapError(f"{text} {missing_text(Path(text))}; give {SETS}")
    return None, Path(text)


def is_there(text: str) -> bool:
    """Whether a path, or the folder of a pattern, is there; what stands behind a colon may be the format's own."""
    if Path(text).exists() or (PATTERN & set(text) and _pattern_folder(text).is_dir()):
        return True
    front, colon, _ = text.rpartition(":")
    return bool(colon) and Path(front).exists()


def _pattern_folder(text: str) -> Path:
    place = min(text.find(sign) for sign in PATTERN if sign in text)
    return Path(text[:place] + "x").parent
