"""Files opened by the desktop's own program, where there is a desktop."""

import os
import shutil
import subprocess
import sys
from pathlib import Path


def can_open() -> bool:
    """Whether a browser would appear before this person: a screen, and no connection from elsewhere."""
    if any(os.environ.get(name) for name in ("SSH_CONNECTION", "SSH_TTY")):
        return False
    return _opener() is not None


def open_file(path: Path) -> bool:
    """Opens a file without waiting; whether that could be started."""
    opener = _opener()
    if opener is None:
        return False
    try:
        subprocess.Popen(
            [opener, str(path.resolve())],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
    except OSError:
        return False
    return True


def _opener() -> str | None:
    if sys.platform == "darwin":
        return shutil.which("open")
    has_screen = any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
    return shutil.which("xdg-open") if has_screen else None
