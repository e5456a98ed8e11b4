"""The folder that `apply` writes: its files, its manifest, and a copy of what was added."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from lsap_cli.applying.manifest import (
    append_entry,
    begin_manifest,
    check_same_recipe,
    is_valid_copy,
    rewrite_manifest,
    write_errors_explained,
)
from lsap_cli.applying.planning import PlannedCopy, place
from lsap_cli.applying.recipe import Recipe
from lsap_cli.applying.tasks import FinishedCopy, remove
from lsap_cli.datasets.base import Video
from lsap_cli.results.manifest import PERTURBATION_COPY, ManifestEntry
from lsap_cli.runs.manifest import read_manifest


class OutputFolder:
    """An output folder that this process alone writes.

    Args:
        root: the folder, which exists.
        recipe: what is done to every video.

    Attributes:
        entries: the manifest's, by source.
        resumed: sources whose copies an earlier part wrote.
    """

    def __init__(self, root: Path, recipe: Recipe) -> None:
        self.root = root
        self._recipe = recipe
        self.entries: dict[str, ManifestEntry] = {}
        self.resumed: list[str] = []

    @property
    def perturbation(self) -> Path:
        """The copy of the added perturbation, which `lsap defend --perturbed` reads."""
        return self.root / PERTURBATION_COPY

    def begin(self) -> dict[str, ManifestEntry]:
        """Marks the folder as one of `apply`, and gives what an earlier part wrote, checked against the recipe.

        Raises:
            LsapError: if it was begun in another way, or cannot be written.
        """
        begin_manifest(self.root)
        earlier = read_manifest(self.root)
        check_same_recipe(self.root, earlier.values(), self._recipe.fixed)
        return earlier

    def keep(self, earlier: dict[str, ManifestEntry], videos: Sequence[Video]) -> Iterator[Video]:
        """Takes over each earlier copy that is still as it was written, and gives its source."""
        for video in videos:
            entry = earlier.get(video.name)
            if entry is not None and is_valid_copy(self.root, entry, video.media):
                self.entries[video.name] = entry
                self.resumed.append(video.name)
                yield video

    def save_perturbation(self, source: Path) -> None:
        """Puts what is added beside the manifest, over an earlier copy, in one step.

        Args:
            source: the perturbation's file: copied byte for byte where it is added at its own strength.

        Raises:
            LsapError: if it cannot be written.
        """
        partial = self.root / f".{PERTURBATION_COPY}.partial"
        whole = source.read_bytes() if self._recipe.fixed["strength"] == 1 else None
        try:
            with write_errors_explained(self.perturbation):
                if whole is None:
                    self._recipe.perturbation.save(partial)
                else:
                    partial.write_bytes(whole)
                partial.replace(self.perturbation)
        finally:
            partial.unlink(missing_ok=True)

    def accept(self, planned: PlannedCopy, finished: FinishedCopy) -> ManifestEntry:
        """Moves a finished copy into its place, then writes its line: a line without its file would be wrong.

        Raises:
            OSError: if either cannot be written; neither is there then.
        """
        entry = ManifestEntry(
            source=planned.video.name,
            output=planned.output,
            source_sha256=finished.source_sha256,
            output_sha256=finished.output_sha256,
            **self._recipe.fixed,
            **asdict(finished.proof),
            over_budget=self._recipe.exceeds_budget(finished.proof),
            remarks=tuple(finished.remarks),
        )
        try:
            place(planned.staged(self.root), self.root / planned.output)
            append_entry(self.root, entry)
        except OSError:
            with suppress(OSError):
                remove(self.root / planned.output)
            raise
        self.entries[planned.video.name] = entry
        return entry

    def rewrite(self) -> None:
        """Puts the manifest's lines in order.

        Raises:
            LsapError: if it cannot be written.
        """
        rewrite_manifest(self.root, self.entries.values())
