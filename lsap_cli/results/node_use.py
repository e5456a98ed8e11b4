"""What a machine of a cluster does at one moment."""

from lsap_cli.results.base import Count, Result


class NodeUse(Result, frozen=True, kw_only=True):
    """One node of a cluster.

    Attributes:
        name: its host's; with a part of its identity where several nodes have one host.
        workers: tasks that it can do at a time.
        running: tasks that it works on.
        done: tasks that it has ended in this stage.
        failed: tasks that ended without a result there, because a worker died or was given up on.
        tasks_per_second: that it has ended, over the whole stage.
        busy: share of its workers' time in the tasks that have ended, 0 to 1.
        alive: whether the cluster still has it.
    """

    name: str
    workers: Count = 0
    running: Count = 0
    done: Count = 0
    failed: Count = 0
    tasks_per_second: float = 0.0
    busy: float = 0.0
    alive: bool = True
