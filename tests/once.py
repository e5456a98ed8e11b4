"""What the worker processes of one test run share: made by the first that needs it, used by all."""

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """A folder that `make` fills, once a test run: the other workers wait for it, then use it. No test changes it.

    Args:
        factory: pytest's `tmp_path_factory`.
        name: The folder's name below the test run's own folder; one name stands for one content.
        make: Gets an empty folder. Where it fails, its error is raised, and the next worker tries again.
    """
    root = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent
    folder, done = root / name, root / f"{name}.done"
    with (root / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            folder.mkdir(exist_ok=True)
            make(folder)
            done.touch()
    return folder
