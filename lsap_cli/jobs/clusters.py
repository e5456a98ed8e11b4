"""The cluster of a command: begun after everything that can be refused without it, ended with the command."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from lsap_cli.classifiers.spec_checks import absolute_spec
from lsap_cli.cluster.session import ClusterSession
from lsap_cli.cluster.settings import ClusterSettings, require_in_storage
from lsap_cli.runs import Run


@contextmanager
def cluster_session(
    settings: ClusterSettings, run: Run, places: Mapping[str, Path], threads: int
) -> Iterator[ClusterSession]:
    """Ray, for the block.

    Args:
        settings: of the command line.
        run: of the command.
        places: files and folders that workers read or write, by what they are.
        threads: torch's, in each worker.

    Raises:
        LsapError: if a place is not in the storage, or see `ClusterSession`.
    """
    require_in_storage(settings, places)
    with ClusterSession(settings, run, threads) as session:
        yield session


def model_places(*specs: str) -> dict[str, Path]:
    """The files or folders of models, where the specs name some."""
    absolute = {f"the model {spec}": absolute_spec(spec) for spec in specs}
    paths = {what: Path(spec[spec.find("/") :]) for what, spec in absolute.items() if "/" in spec}
    return {what: path for what, path in paths.items() if path.exists()}
