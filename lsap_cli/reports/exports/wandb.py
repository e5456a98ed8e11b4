"""A run as a run of Weights & Biases, on its server or in a folder (WANDB_MODE=offline)."""

import os
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lsap_cli.errors import LsapError
from lsap_cli.reports.exports.contents import RunContents, read_contents
from lsap_cli.reports.exports.figures import numbers
from lsap_cli.reports.exports.names import metric_name
from lsap_cli.reports.exports.packages import optional_package
from lsap_cli.reports.exports.targets import Exported
from lsap_cli.results.manifest import PERTURBATION_COPY

PROJECT = "lsap"  # unless WANDB_PROJECT says another
STEP = "step"  # each group of curves has an axis of its own


def export_wandb(run: Path, out: Path | None) -> Exported:
    """Makes a run in the project `lsap`; with WANDB_MODE=offline no network is needed.

    Args:
        run: the run folder.
        out: the folder that gets `wandb/`; None: the package's own setting.

    Raises:
        LsapError: if the package is missing, the run cannot be read, or there is no account.
    """
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # read when the package is imported
    wandb = optional_package("wandb", "wandb")
    contents = read_contents(run)
    settings = wandb.Settings(console="off", disable_git=True, disable_code=True, x_disable_stats=True)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
    try:
        tracked = wandb.init(
            project=os.environ.get("WANDB_PROJECT", PROJECT), name=contents.name, job_type=contents.command,
            notes=contents.summary, config={"settings": contents.settings, "facts": contents.facts},
            dir=None if out is None else str(out), settings=settings,
        )  # fmt: skip
    except wandb.Error as error:
        sentence = str(error).partition("\n")[0].rstrip(".")
        raise LsapError(
            f"wandb refuses the run ({sentence}); log in with wandb login, or set WANDB_MODE=offline", 1
        ) from None
    try:
        _log(wandb, tracked, contents)
    except BaseException:
        tracked.finish(exit_code=1)
        raise
    tracked.finish()
    place = str(Path(tracked.dir).parent) if tracked.offline else tracked.url
    return Exported(place, contents.notes)


def _log(wandb: Any, tracked: Any, contents: RunContents) -> None:  # wandb is no dependency
    _log_curves(tracked, contents)
    flat = {f"{name}.{end}" if end else name: value
            for name, figure in contents.figures.items() for end, value in numbers(figure).items()}  # fmt: skip
    tracked.summary.update(flat)
    media: dict[str, Any] = {  # the package's own classes
        f"tables/{grid.name}": wandb.Table(columns=list(grid.header), data=[_texts(line) for line in grid.lines])
        for grid in contents.tables
    }
    media |= {name: wandb.Image(str(path), caption=name) for name, path in contents.pictures.items()}
    if media:
        tracked.log(media)
    artifact = wandb.Artifact(
        f"{metric_name(contents.name).replace(' ', '_').replace(':', '_')}-files", type="lsap-run"
    )
    for name, path in contents.files.items():
        artifact.add_file(str(path), name=name)
    if PERTURBATION_COPY in contents.files:
        artifact.metadata["perturbation"] = contents.files[PERTURBATION_COPY].name
    tracked.log_artifact(artifact)


def _texts(line: Sequence[str]) -> list[str]:
    """The cells of a line as plain texts: the package refuses a column of texts and of figures, a subclass of them."""
    return [str(cell) for cell in line]


def _log_curves(tracked: Any, contents: RunContents) -> None:  # likewise
    """Points of one group and step in one line; the group's step is the axis."""
    lines: dict[tuple[str, int], dict[str, float]] = defaultdict(dict)
    for name, points in contents.curves.items():
        group = name.partition("/")[0]
        axis = f"{group}/{STEP}"
        tracked.define_metric(axis, hidden=True)
        tracked.define_metric(name, step_metric=axis)
        for point in points:
            lines[group, point.step] |= {name: point.value, axis: point.step}
    for key in sorted(lines):
        tracked.log(lines[key])
