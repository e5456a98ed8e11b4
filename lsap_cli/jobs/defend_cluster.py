"""The cluster that judges the videos of a `defend` run."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import torch

from lsap_cli.errors import LsapError
from lsap_cli.evaluation.judging_cluster import JudgingCluster
from lsap_cli.jobs.clusters import cluster_session, model_places
from lsap_cli.jobs.defend_settings import DefendSettings
from lsap_cli.jobs.defend_task import DefendTask
from lsap_cli.video.media import Media, absolute_media


@contextmanager
def judged_on_cluster(task: DefendTask, settings: DefendSettings, inputs: Mapping[str, str]) -> Iterator[DefendTask]:
    """The task, whose videos are judged on the cluster where the settings name one.

    Args:
        task: of the command.
        settings: likewise.
        inputs: hashes of videos and files, as `defend_inputs` names them.

    Raises:
        LsapError: see `cluster_session`.
    """
    cluster = settings.cluster_settings
    if cluster is None:
        yield task
        return
    protocol = task.evaluation.protocol
    if protocol.device.type != "cpu":
        raise LsapError("workers of --cluster judge on their processors; give --device cpu")
    files = task.folder.media if task.folder else {}
    media = {f"video {video.name}": video.media for video in task.videos}
    media |= {f"perturbed file of {name}": file for name, file in files.items() if isinstance(file, Path)}
    hashes = {absolute_media(one): inputs[what] for what, one in media.items() if inputs.get(what) != "missing"}
    places = {what: _path(one) for what, one in media.items()} | model_places(settings.model, *settings.also)
    with cluster_session(cluster, task.evaluation.run, places, torch.get_num_threads()) as session:
        judging = JudgingCluster(session, settings.model, hashes)
        yield replace(task, evaluation=replace(task.evaluation, spread=judging))


def _path(media: Media) -> Path:
    return media if isinstance(media, Path) else media.path
