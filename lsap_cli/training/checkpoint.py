"""The saved state of training, with which a run that was killed goes on."""

import math
import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lsap_cli.errors import LsapError
from lsap_cli.results.files import write_errors_named

STATE_FILE = "state.pt"


@dataclass
class TrainingState:
    """Where training is.

    Attributes:
        step: updates that are done.
        seconds: of training and measuring so far.
        limit: seconds that the time budget leaves to training; None: no limit.
        best_loss: the lowest on the validation videos.
        best: the network's weights with that loss; empty without --patience.
        epochs_without_gain: in a row, up to now.
    """

    step: int = 0
    seconds: float = 0.0
    limit: float | None = None
    best_loss: float = math.inf
    best: dict[str, Tensor] = field(default_factory=dict)
    epochs_without_gain: int = 0

    def save(self, path: Path, parts: Mapping[str, Mapping[str, Any]]) -> None:
        """Writes the state whole or not at all.

        Args:
            path: of the file.
            parts: the state dicts of network, optimizer and so on, by name.

        Raises:
            OSError: naming the file, if it cannot be written.
        """
        partial = path.with_name(f"{path.name}.partial")
        with write_errors_named(path):
            try:
                with partial.open("wb") as file:  # of a path, torch would tell a full disk as a fault of its own
                    torch.save({"training": vars(self), **parts}, file)
                partial.replace(path)
            finally:
                partial.unlink(missing_ok=True)


def load_training_state(path: Path) -> tuple[TrainingState, dict[str, Any]]:
    """A saved state, and the state dicts beside it, on the CPU.

    Raises:
        LsapError: if the file is damaged.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        return TrainingState(**content.pop("training")), content
    except (RuntimeError, KeyError, TypeError, AttributeError, EOFError, ValueError, pickle.UnpicklingError):
        raise LsapError(f"--resume: {path} is damaged; start a new run with another --run", 1) from None
