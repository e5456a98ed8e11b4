"""Perturbation files as users name them."""

from pathlib import Path

from lsap_cli.errors import LsapError
from perturbations import Perturbation


def load_perturbation(path: Path) -> Perturbation:
    """A perturbation file as an object.

    Raises:
        LsapError: if the file cannot be read or is damaged.
    """
    if not path.is_file():
        raise LsapError(f"the perturbation {path} does not exist; make one with lsap generate")
    try:
        perturbation = Perturbation.load(path)
    except (ValueError, OSError) as error:
        raise LsapError(
            f"the perturbation {error}" if str(path) in str(error) else f"the perturbation {path}: {error}"
        ) from None
    return perturbation
