"""Ray's own local cluster of two nodes: one is started for all files here, and most tests share one session."""

from collections.abc import Iterator
from typing import Any

import pytest

from lsap_cli.cluster.settings import ClusterSettings
from lsap_cli.runs import Run
from tests.cluster.worlds import ClusterWorld

PATIENCE = 2.0  # seconds


@pytest.fixture(scope="package")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterWorld]:
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'lsap[cluster]'")
    from ray.cluster_utils import Cluster

    from lsap_cli.cluster.session import ClusterSession

    folder = tmp_path_factory.mktemp("cluster")
    (folder / "storage").mkdir()
    cluster = Cluster()
    try:
        for _ in range(2):
            cluster.add_node(num_cpus=1, object_store_memory=100 * 2**20, include_dashboard=False)
        events: list[Any] = []
        settings = ClusterSettings(cluster.address, str(folder / "storage"), PATIENCE)
        with (
            Run(folder / "run", "apply", {}, [events.append]) as run,
            ClusterSession(settings, run, threads=1) as session,
        ):
            yield ClusterWorld(cluster, folder / "storage", session, events)
    finally:
        cluster.shutdown()
