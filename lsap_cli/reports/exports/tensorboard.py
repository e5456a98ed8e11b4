"""A run as TensorBoard's event files."""

import hashlib
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from lsap_cli.errors import LsapError
from lsap_cli.reports.exports.contents import RunContents, read_contents, sha256_of
from lsap_cli.reports.exports.figures import headline, numbers
from lsap_cli.reports.exports.packages import optional_package
from lsap_cli.reports.exports.targets import Exported
from lsap_cli.reports.grid import as_markdown
from lsap_cli.results.manifest import PERTURBATION_COPY

FOLDER = "tensorboard"
SUFFIX = ".lsap-"  # of the event files, before a digest of the run: an earlier export of the same run is replaced


def export_tensorboard(run: Path, out: Path | None) -> Exported:
    """Writes event files, and the perturbation file beside them.

    Args:
        run: the run folder.
        out: the folder of logs, which gets a folder of the run's name; None: `tensorboard/` in the run.

    Raises:
        LsapError: if the package is missing, the run cannot be read, or another run of its name was exported there.
        OSError: if they cannot be written.
    """
    board = optional_package("torch.utils.tensorboard", "tensorboard")
    contents = read_contents(run)
    folder = (run / FOLDER if out is None else out) / contents.name
    folder.mkdir(parents=True, exist_ok=True)
    suffix = SUFFIX + _digest(contents)
    earlier = list(folder.glob(f"events.out.tfevents.*{SUFFIX}*"))
    if any(not path.name.endswith(suffix) for path in earlier):
        raise LsapError(f"{folder} holds an export of another run of that name; give another --out", 1)
    for path in earlier:
        path.unlink()
    with board.SummaryWriter(str(folder), filename_suffix=suffix) as writer:
        _write_scalars(writer, contents)
        _write_texts(writer, contents)
        for name, path in contents.pictures.items():
            with Image.open(path) as picture:
                pixels = np.asarray(picture.convert("RGB"))
            writer.add_image(name, pixels, dataformats="HWC", walltime=contents.finished)
        _write_settings(writer, contents)
    if perturbation := contents.files.get(PERTURBATION_COPY):
        shutil.copyfile(perturbation, folder / PERTURBATION_COPY)
    return Exported(str(folder), contents.notes)


def _digest(contents: RunContents) -> str:
    """What tells a run from others of its name."""
    about = (contents.command, contents.started, sorted(contents.settings.items()))
    return hashlib.sha256(repr(about).encode(errors="replace")).hexdigest()[:8]


def _write_scalars(writer: Any, contents: RunContents) -> None:  # tensorboard is no dependency
    for name, points in contents.curves.items():
        for point in points:
            writer.add_scalar(name, point.value, point.step, walltime=point.time)
    for name, figure in contents.figures.items():
        group, _, rest = name.partition("/")
        for end, value in numbers(figure).items():  # TensorBoard folds tags by their first level
            tag = f"{group} ({end})/{rest}" if end else name
            writer.add_scalar(tag, value, 0, walltime=contents.finished)


def _write_texts(writer: Any, contents: RunContents) -> None:  # likewise
    texts = {"summary": contents.summary}
    texts |= {f"tables/{grid.name}": as_markdown(grid) for grid in contents.tables}
    texts |= {"facts": _list(contents.facts), "settings": _list(contents.settings)}
    texts["files"] = _list({name: f"SHA-256 {sha256_of(path)}" for name, path in contents.files.items()})
    if contents.notes:
        texts["left out"] = "\n\n".join(contents.notes)
    for name, text in texts.items():
        writer.add_text(name, text, walltime=contents.finished)


def _write_settings(writer: Any, contents: RunContents) -> None:  # likewise
    """Settings and undefended rates in the tab HPARAMS; `add_hparams` would write them into a folder of its own."""
    summary = optional_package("torch.utils.tensorboard.summary", "tensorboard")
    shown = headline(contents.figures) or contents.figures
    values = {name: numbers(figure)[""] for name, figure in shown.items()}
    for part in summary.hparams({"command": contents.command} | contents.settings, values):
        writer.file_writer.add_summary(part)


def _list(lines: dict[str, str]) -> str:
    return "\n".join(f"- {name}: `{text}`" for name, text in lines.items())
