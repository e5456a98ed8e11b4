"""The one exception that stands for what the user can mend: it becomes one sentence on stderr."""

import errno
import os
from pathlib import Path

WRONG_USAGE = 2  # the exit code for what the command line, or a file that it names, has wrong
FULL_DISK = (errno.ENOSPC, errno.EDQUOT)
OF_THE_PLACE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR, errno.EIO)


class LsapError(Exception):
    """A sentence that says what was wrong, what it was, and what would work.

    Args:
        message: the sentence.
        exit_code: 2 for wrong usage (the default), 1 for work that failed.
    """

    def __init__(self, message: str, exit_code: int = WRONG_USAGE) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def file_error(error: OSError, next_step: str = "") -> LsapError | None:
    """The sentence for a file that the system refuses.

    Args:
        error: of the system.
        next_step: what works when that is mended, such as `go on with --resume`.

    Returns:
        None for other errors than those of a full disk or of a place that cannot be used.
    """
    place = error.filename if error.filename2 is None else error.filename2  # where something is moved: to
    name = "" if place is None else os.fsdecode(place)
    after = f"; {next_step}" if next_step else ""
    if error.errno in FULL_DISK:
        which = f" ({name} cannot be written)" if name else ""
        return LsapError(f"the disk is full{which}: free some{after}", 1)
    if error.errno == errno.EEXIST and name and not Path(name).is_dir():
        return LsapError(f"{name} is no folder, and one is needed there; remove it{after}", 1)
    if error.errno in OF_THE_PLACE and name:
        return LsapError(f"{name} cannot be read or written ({error.strerror}){after}", 1)
    return None


def missing_text(path: Path) -> str:
    """Why nothing can be opened at a path: it does not exist, or it is a link that leads nowhere."""
    if not path.is_symlink():
        return "does not exist"
    return f"is a link that leads nowhere ({path.readlink()})"
