"""What `lsap apply` is asked for; no torch."""

import os
from dataclasses import dataclass

from lsap_cli.cluster.settings import ClusterSettings, cluster_settings
from lsap_cli.errors import LsapError
from lsap_cli.set_sources import SetSource
from lsap_cli.video.threads import DecoderThreads

SSIM_SAMPLE = 8  # frames, of which the first one's similarity is measured


@dataclass(frozen=True)
class ApplySettings:
    """The command's options."""

    perturbation: str
    videos: str
    out: str
    codec: str = "ffv1"
    workers: int = 1
    segment: str | None = None
    strength: float = 1.0
    preview: int = 0
    timeout: float = 120.0
    threads: str = "auto"
    resume: bool = False
    root: str | None = None  # where a list's relative paths begin
    fps: float | None = None  # of frame folders
    ssim: str = "sample"
    cluster: str | None = None
    storage: str | None = None

    @property
    def cluster_settings(self) -> ClusterSettings | None:
        """Where files are written; None: on this machine.

        Raises:
            LsapError: if --workers, which are of one machine, stands beside it.
        """
        if self.cluster is not None and self.workers > 1:
            raise LsapError("--workers is of one machine; with --cluster its CPUs say how many, as in local:2")
        return cluster_settings(self.cluster, self.storage, self.timeout)

    @property
    def source(self) -> SetSource:
        """The set of videos."""
        return SetSource.parse(self.videos, self.root, self.fps)

    @property
    def ssim_every(self) -> int:
        """Of frames, the distance between two whose structural similarity is measured."""
        return SSIM_SAMPLE if self.ssim == "sample" else 1

    @property
    def threads_per_file(self) -> DecoderThreads:
        """How many threads each file's decoder takes."""
        if self.threads == "auto":
            return "one" if self.cluster or 2 * self.workers > (os.cpu_count() or 1) else "many"
        return "one" if self.threads == "one" else "many"
