"""What `--cluster`, `--storage` and `--timeout` say. No Ray here: the command line is checked without it."""

import importlib.util
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lsap_cli.errors import LsapError

LOCAL = re.compile(r"local:([1-9]\d{0,3})")
ADDRESS = re.compile(r"auto|(?!local:)[\w.-]+:\d{1,5}|\[[0-9a-fA-F:.]+\]:\d{1,5}")
DEFAULT_TIMEOUT = 600.0  # seconds


@dataclass(frozen=True)
class ClusterSettings:
    """Where tasks are worked on.

    Attributes:
        address: `local:N` for N workers on this machine, or where a Ray cluster listens: `HOST:PORT`, or `auto`.
        storage: the folder that all nodes see under the same path; None: with `local:N`.
        timeout: seconds without any news of a task after which it is given up on.
    """

    address: str
    storage: str | None = None
    timeout: float = DEFAULT_TIMEOUT

    @property
    def local_workers(self) -> int | None:
        """How many workers `local:N` asks for; None: the cluster is there already."""
        match = LOCAL.fullmatch(self.address)
        return int(match.group(1)) if match else None


def cluster_settings(address: str | None, storage: str | None, timeout: float) -> ClusterSettings | None:
    """The settings of a command; None without `--cluster`.

    Raises:
        LsapError: if the options do not fit together.
    """
    if address is None:
        if storage is not None:
            raise LsapError("--storage is the folder that all nodes of a --cluster see; give --cluster, too")
        return None
    settings = ClusterSettings(address, storage, timeout)
    if settings.local_workers is None and storage is None:
        raise LsapError(
            f"--cluster {address} needs --storage DIR: the folder that every node sees under the same path, in which "
            "videos, model, perturbation and outputs lie"
        )
    return settings


def check_cluster(address: str | None) -> str | None:
    """The value of `--cluster`, where one was given.

    Raises:
        LsapError: if it is no address, or Ray is not installed.
    """
    if address is None:
        return None
    if not LOCAL.fullmatch(address) and not ADDRESS.fullmatch(address):
        raise LsapError(
            f"--cluster '{address}' is neither local:N, with N workers on this machine, nor the HOST:PORT of a Ray "
            "cluster, nor auto"
        )
    if importlib.util.find_spec("ray") is None:
        raise LsapError("--cluster needs Ray: pip install 'lsap[cluster]'")
    return address


def require_in_storage(settings: ClusterSettings, places: Mapping[str, Path]) -> None:
    """Refuses files that other nodes would not see.

    Args:
        settings: of the cluster; without a storage folder everything is on this machine.
        places: by what they are, as in "the output folder": files and folders that workers read or write.

    Raises:
        LsapError: naming the first one that is not below the storage folder.
    """
    if settings.storage is None:
        return
    storage = Path(settings.storage).resolve()
    for what, place in places.items():
        if not place.resolve().is_relative_to(storage):
            raise LsapError(
                f"{what} ({place}) is not in --storage {settings.storage}, where workers on other nodes look for it; "
                "move it there, or give the folder that holds all files"
            )
