"""What the dashboard remembers from one start to the next: the theme; of each folder its sort, filter and open run."""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import msgspec

from lsap_cli.results.files import read_regular, write_atomically

STATE_FILE = "dashboard.json"
MOST_FOLDERS = 100
LARGEST_STATE = 2**20


class FolderState(msgspec.Struct, frozen=True, kw_only=True):
    """How a folder of runs was last looked at.

    Attributes:
        sort: a name of the list's sorts.
        filter: words.
        opened: the run folder that was open, as a path; empty: the list.
        tab: of the run screen.
    """

    sort: str = ""
    filter: str = ""
    opened: str = ""
    tab: str = ""


class DashboardState(msgspec.Struct, frozen=True, kw_only=True):
    """All that is remembered.

    Attributes:
        theme: a name of Textual's themes; empty: the default.
        folders: states by the folder's resolved path, the one that was looked at last at the end.
    """

    theme: str = ""
    folders: dict[str, FolderState] = {}  # msgspec copies it


class DashboardMemory:
    """Reads and keeps what is remembered. What cannot be read or written is passed over: nothing of a run is in it.

    Args:
        path: of the file; None: nothing is remembered.
        root: the folder with the runs.
    """

    def __init__(self, path: Path | None, root: Path) -> None:
        self._path, self._key = path, str(root.resolve())
        self.theme = self._read().theme
        self.folder = self._read().folders.get(self._key, FolderState())

    def keep(self, theme: str | None = None, **changes: str) -> None:
        """Writes what has changed; of other folders, what is in the file by now.

        Args:
            theme: that was chosen.
            changes: fields of `FolderState`.
        """
        folder = msgspec.structs.replace(self.folder, **changes)
        if self._path is None or (folder == self.folder and theme in (None, self.theme)):
            return
        self.folder, self.theme = folder, self.theme if theme is None else theme
        others: Mapping[str, FolderState] = self._read().folders
        folders = {key: one for key, one in others.items() if key != self._key} | {self._key: folder}
        state = DashboardState(theme=self.theme, folders=dict(list(folders.items())[-MOST_FOLDERS:]))
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self._path, msgspec.json.encode(state))

    def _read(self) -> DashboardState:
        if self._path is None:
            return DashboardState()
        try:
            return msgspec.json.decode(read_regular(self._path, LARGEST_STATE), type=DashboardState)
        except (OSError, msgspec.MsgspecError, ValueError):
            return DashboardState()


def state_file() -> Path:
    """`lsap/dashboard.json` in the folder for what programs remember: XDG_STATE_HOME, or `~/.local/state`."""
    folder = os.environ.get("XDG_STATE_HOME", "")
    base = Path(folder) if Path(folder).is_absolute() else Path("~/.local/state").expanduser()
    return base / "lsap" / STATE_FILE
