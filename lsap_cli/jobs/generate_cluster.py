"""The cluster that learns the perturbations of `generate --seeds` and `--matrix`, and verifies them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from lsap_cli.cluster.session import ClusterSession
from lsap_cli.errors import LsapError
from lsap_cli.evaluation.judging_cluster import JudgingCluster
from lsap_cli.jobs.clusters import cluster_session, model_places
from lsap_cli.learning.settings import GenerateSettings
from lsap_cli.learning.time_budget import TimeBudget
from lsap_cli.learning.training_videos import TrainingVideos
from lsap_cli.runs import Run
from lsap_cli.video.media import absolute_media


@dataclass(frozen=True)
class GenerateCall:
    """How `generate` was called.

    Attributes:
        settings: what to do.
        run: where events and the state go.
        resume: whether to go on from the states in the run folder.
        budget: of the whole command.
        session: of the cluster; None: everything is done by this process.
    """

    settings: GenerateSettings
    run: Run
    resume: bool
    budget: TimeBudget
    session: ClusterSession | None


@contextmanager
def members_session(settings: GenerateSettings, run: Run, device: torch.device) -> Iterator[ClusterSession | None]:
    """The cluster that the settings name, for the block; None where they name none.

    Raises:
        LsapError: if it stands beside torchrun or a GPU, or see `cluster_session`.
    """
    cluster = settings.cluster_settings
    if cluster is None:
        yield None
        return
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise LsapError("--cluster and torchrun are two ways to spread one command; take one of them")
    if device.type != "cpu":
        raise LsapError("workers of --cluster learn on their processors; give --device cpu")
    places = {"the videos": settings.source.path, "the run folder": run.folder} | model_places(*settings.models)
    with cluster_session(cluster, run, places, torch.get_num_threads()) as session:
        yield session


def verifying_cluster(call: GenerateCall, videos: TrainingVideos) -> JudgingCluster | None:
    """Where the perturbations are verified."""
    if call.session is None:
        return None
    media = {stored.video.name: absolute_media(stored.video.media) for stored in videos.verify}
    return JudgingCluster(
        call.session, call.settings.models[0], {one: videos.hashes[name] for name, one in media.items()}
    )
