"""Keeping house: runs are deleted and restored, named, tagged and noted. What the application does for the screens."""

from collections.abc import Sequence
from pathlib import Path

from textual import on

from lsap_cli.dashboard.formatting import one_line
from lsap_cli.dashboard.navigation import DeleteRuns, LabelRun, OpenTrash, RunsChanged, UndoDelete
from lsap_cli.dashboard.notices import NoticesOfEnds
from lsap_cli.errors import LsapError
from lsap_cli.results.run_labels import RunLabels
from lsap_cli.results.text import printable
from lsap_cli.runs.reading import RunSnapshot

LISTED = 5  # runs that a question names


class Housekeeping(NoticesOfEnds):
    """The part of the application that changes run folders. All else only reads them.

    Args:
        root: the folder with the runs.
    """

    def __init__(self, root: Path) -> None:
        super().__init__()
        self.root = root
        self._deleted: list[Path] = []  # places in the trash of what was deleted last

    @on(DeleteRuns)
    def delete_runs(self, event: DeleteRuns) -> None:
        """Asks first. A live run is not deleted; what lies in a run that is deleted goes with it."""
        from lsap_cli.dashboard.screens.dialogs import Question

        runs = outermost(event.runs)
        live = [one for one in runs if one.live]
        if live:
            alive = ", ".join(printable(one.folder.name) for one in live[:LISTED])
            self.notify(f"{alive}: live, so not deleted; stop it first (x)", severity="warning", markup=False)
        runs = [one for one in runs if not one.live]
        if not runs:
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self._delete([one.folder for one in runs])

        names = [f"  {one_line(one.folder.name, 50)}  {one.state}" for one in runs[:LISTED]]
        more = [f"  and {len(runs) - LISTED} more"] if len(runs) > LISTED else []
        what = "this run" if len(runs) == 1 else f"these {len(runs)} runs"
        self.push_screen(
            Question("\n".join([f"Delete {what}? u brings it back from the trash.", *names, *more])), answered
        )

    def _delete(self, folders: Sequence[Path]) -> None:
        from lsap_cli.runs.trash import move_to_trash

        places = []
        for folder in folders:
            try:
                places.append(move_to_trash(self.root, folder).place)
            except (LsapError, OSError) as error:
                self.notify(_reason(folder, error), severity="warning", markup=False)
        if places:
            self._deleted = places
            what = printable(folders[0].name) if len(places) == 1 else f"{len(places)} runs"
            self.notify(f"deleted {what} · u: undo", markup=False)
            self.screen.post_message(RunsChanged())

    @on(UndoDelete)
    def undo_delete(self) -> None:
        """What was deleted last comes back; without any, the trash is shown."""
        from lsap_cli.runs.trash import restore_from_trash, trash_entries

        entries = [one for one in trash_entries(self.root) if one.place in self._deleted]
        if not entries:
            self.open_trash()
            return
        self._deleted = []
        for one in entries:
            try:
                folder = restore_from_trash(self.root, one)
            except (LsapError, OSError) as error:
                self.notify(_reason(Path(one.path), error), severity="warning", markup=False)
            else:
                self.notify(f"restored {printable(folder.name)}", markup=False)
        self.screen.post_message(RunsChanged())

    @on(OpenTrash)
    def open_trash(self) -> None:
        from lsap_cli.dashboard.screens.trash import TrashDialog

        below = self.screen

        def closed(restored: bool | None) -> None:
            if restored:
                below.post_message(RunsChanged())

        self.push_screen(TrashDialog(self.root), closed)

    @on(LabelRun)
    def label_run(self, event: LabelRun) -> None:
        from lsap_cli.dashboard.screens.labels import LabelsDialog
        from lsap_cli.runs.labels import read_run_labels, write_run_labels

        folder, below = event.folder, self.screen

        def answered(labels: RunLabels | None) -> None:
            if labels is None:
                return
            try:
                write_run_labels(folder, labels)
            except OSError as error:
                self.notify(_reason(folder, error), severity="warning", markup=False)
            below.post_message(RunsChanged())

        self.push_screen(LabelsDialog(folder.name, read_run_labels(folder)), answered)


def outermost(runs: Sequence[RunSnapshot]) -> list[RunSnapshot]:
    """Runs without those that lie in another one of them."""
    folders = {one.folder for one in runs}
    return [one for one in runs if not folders.intersection(one.folder.parents)]


def _reason(folder: Path, error: Exception) -> str:
    if isinstance(error, OSError):
        return printable(f"{folder} cannot be changed: {error.strerror or error}")
    return printable(error)
