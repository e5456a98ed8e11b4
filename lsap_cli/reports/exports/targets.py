"""The table of targets. Imports next to nothing: every start of the program needs the names."""

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class Exported:
    """What an export left.

    Attributes:
        place: where it is.
        notes: sentences on what is not in it.
    """

    place: str
    notes: tuple[str, ...] = ()


class Export(Protocol):
    """What a target does."""

    def __call__(self, run: Path, out: Path | None) -> Exported:
        """Hands a run over.

        Args:
            run: the folder.
            out: what --out named.
        """
        ...


TARGETS: dict[str, str] = {  # by name, the module and its function that does the work
    "tensorboard": "lsap_cli.reports.exports.tensorboard:export_tensorboard",
    "mlflow": "lsap_cli.reports.exports.mlflow:export_mlflow",
    "wandb": "lsap_cli.reports.exports.wandb:export_wandb",
    "parquet": "lsap_cli.reports.exports.parquet:export_parquet",
    "pdf": "lsap_cli.reports.pdf:export_pdf",
}
ONE_FILE = {
    "parquet": ".parquet",
    "pdf": ".pdf",
}  # --out is such a file, which holds one run; else a folder for several


def export_to(target: str, run: Path, out: Path | None) -> Exported:
    """Hands a run to a target.

    Args:
        target: a name of the table.
        run: the folder.
        out: where to; None: the target's own default.

    Raises:
        LsapError: if a package is missing, or the run cannot be exported.
        OSError: if a file cannot be written.
    """
    return export_of(target)(run, out)


def export_of(target: str) -> Export:
    """A target's function; its module is imported now."""
    module, _, name = TARGETS[target].partition(":")
    export: Export = getattr(importlib.import_module(module), name)
    return export
