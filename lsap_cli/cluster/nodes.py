"""The nodes of a cluster as the run's events name them: what each works on, has done, and how fast."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from lsap_cli.results.events import ClusterEvent
from lsap_cli.results.node_use import NodeUse

EVENT_SECONDS = 2.0


@dataclass
class Node:
    """One node, as the driver sees it.

    Attributes:
        name: its host's; with a part of its identity where several nodes have one host.
        workers: how many tasks it can do at a time.
        running: numbers of the attempts that it works on.
        done: tasks that it has ended.
        failed: attempts that ended without a result.
        busy_seconds: that its workers have worked.
        alive: whether the cluster still has it.
    """

    name: str
    workers: int
    running: set[int] = field(default_factory=set)
    done: int = 0
    failed: int = 0
    busy_seconds: float = 0.0
    alive: bool = True


class NodeTable:
    """All nodes by their identity.

    Args:
        threads: that each task takes: so many CPUs of a node make a worker.
    """

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._nodes: dict[str, Node] = {}
        self._start = time.monotonic()
        self._said = float("-inf")

    def update(self, listed: Sequence[dict[str, Any]]) -> tuple[list[Node], list[Node]]:
        """Takes over what Ray lists.

        Args:
            listed: as `ray.nodes()` gives it.

        Returns:
            The nodes that came, and those that went, since the last call.
        """
        alive = {one["NodeID"]: one for one in listed if one["Alive"] and one["Resources"].get("CPU", 0) >= 1}
        hosts = [one["NodeManagerHostname"] for one in alive.values()]
        came = []
        for identity, one in alive.items():
            if identity not in self._nodes:
                host = one["NodeManagerHostname"]
                name = host if hosts.count(host) == 1 else f"{host} ({identity[:6]})"
                self._nodes[identity] = Node(name, int(one["Resources"]["CPU"]) // self._threads)
                came.append(self._nodes[identity])
        gone = [node for identity, node in self._nodes.items() if node.alive and identity not in alive]
        for node in gone:
            node.alive, node.running = False, set()
        return came, gone

    @property
    def workers(self) -> int:
        """How many tasks can be done at a time."""
        return sum(node.workers for node in self._nodes.values() if node.alive)

    @property
    def most_workers_of_a_node(self) -> int:
        """Of the largest node."""
        return max((node.workers for node in self._nodes.values() if node.alive), default=1)

    def node(self, identity: str) -> Node:
        """A node, which may have joined a moment ago."""
        return self._nodes.setdefault(identity, Node(identity[:6], 1))

    def name(self, identity: str) -> str:
        """How events call a node."""
        return self.node(identity).name

    def begin(self, identity: str, attempt: int) -> None:
        """A node has begun an attempt."""
        self.node(identity).running.add(attempt)

    def end(self, attempt: int, seconds: float | None) -> str | None:
        """An attempt is over.

        Args:
            attempt: its number.
            seconds: that it took; None: it has no result.

        Returns:
            The name of its node; None where it had not begun.
        """
        for node in self._nodes.values():
            if attempt in node.running:
                node.running.discard(attempt)
                if seconds is None:
                    node.failed += 1
                else:
                    node.done += 1
                    node.busy_seconds += seconds
                return node.name
        return None

    def event(self, waiting: int, start_seconds: float | None = None) -> ClusterEvent:
        """The state of all nodes.

        Args:
            waiting: tasks that are sent and not begun.
            start_seconds: that Ray took to start; None: it was said before.
        """
        self._said = time.monotonic()
        passed = max(self._said - self._start, 0.001)
        nodes = tuple(
            NodeUse(
                name=node.name,
                workers=node.workers,
                running=len(node.running),
                done=node.done,
                failed=node.failed,
                tasks_per_second=round(node.done / passed, 3),
                busy=round(min(1.0, node.busy_seconds / (passed * max(node.workers, 1))), 3),
                alive=node.alive,
            )
            for node in sorted(self._nodes.values(), key=lambda one: one.name)
        )
        return ClusterEvent(nodes=nodes, waiting=waiting, start_seconds=start_seconds)

    @property
    def is_due(self) -> bool:
        """Whether the last event is some seconds old."""
        return time.monotonic() - self._said >= EVENT_SECONDS

    def begin_stage(self) -> None:
        """Counts tasks and rates from here on."""
        self._start = time.monotonic()
        for node in self._nodes.values():
            node.done = node.failed = 0
            node.busy_seconds = 0.0
