"""What `lsap study` was asked for. No torch here: the command line is checked first."""

from dataclasses import dataclass

from lsap_cli.cluster.settings import DEFAULT_TIMEOUT, ClusterSettings, cluster_settings
from lsap_cli.errors import LsapError
from lsap_cli.learning.settings import FRAME_STORE_BYTES
from lsap_cli.set_sources import SetSource


@dataclass(frozen=True)
class StudySettings:
    """What `study` was asked for; the fields are the command's options.

    Attributes:
        study: a study file, or `paper:NAME`.
        videos: in place of the file's; None: those.
        model: in place of the networks that the file's grids learn on; none: those.
        folds: in place of the file's; None: those.
        seconds: of learning one perturbation, in place of the file's; None: those.
        workers: processes that work on cells; 1: the command's own.
        device: where networks are.
        memory: bytes of decoded frames that a process holds, before they go to the disk.
        cluster: `local:N` or an address; None: no cluster.
        storage: the folder that all nodes see.
        timeout: seconds without any news of a cell after which it is given up on.
    """

    study: str
    videos: str | None = None
    model: tuple[str, ...] = ()
    folds: int | None = None
    seconds: float | None = None
    workers: int = 1
    device: str = "auto"
    memory: int = FRAME_STORE_BYTES
    cluster: str | None = None
    storage: str | None = None
    timeout: float = DEFAULT_TIMEOUT

    @property
    def cluster_settings(self) -> ClusterSettings | None:
        """Where cells are worked on; None: on this machine.

        Raises:
            LsapError: if the options do not fit together.
        """
        if self.cluster is not None and self.workers != 1:
            raise LsapError("--cluster and --workers are two ways to spread a study; take one of them")
        return cluster_settings(self.cluster, self.storage, self.timeout)


@dataclass(frozen=True)
class StudySource:
    """The set of videos of a study, as other processes read it again.

    Attributes:
        videos: a folder or a list.
        root: where a list's relative paths begin.
        fps: of frame folders.
        labels: a file with the names of a list's numbers.
    """

    videos: str
    root: str | None = None
    fps: float | None = None
    labels: str | None = None

    @property
    def source(self) -> SetSource:
        """The set."""
        return SetSource.parse(self.videos, self.root, self.fps, self.labels)
