"""Optional packages, imported when they are asked for."""

import importlib
from typing import Any

from lsap_cli.errors import LsapError


def optional_package(name: str, target: str) -> Any:  # a package that is not installed everywhere has no type
    """A module of a package that an extra installs.

    Args:
        name: of the module.
        target: that needs it; its extra has the same name.

    Raises:
        LsapError: if it cannot be imported.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        package = name.partition(".")[0] if name != "torch.utils.tensorboard" else "tensorboard"
        raise LsapError(f"--to {target} needs the package {package} ({error}): pip install 'lsap[{target}]'") from None
