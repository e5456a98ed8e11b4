"""A cluster of two nodes for tests, and the session on it that commands of the tests borrow."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lsap_cli.cluster.work import WorkOutcome
from lsap_cli.runs import Run
from tests.cluster.cluster_tasks import Trial, Weights

TIMES = re.compile("cost|milliseconds|seconds")
LIMIT = 2**30


class ClusterWorld:
    """A cluster, a session on it, and the events of its run."""

    def __init__(self, cluster: Any, storage: Path, session: Any, events: list[Any]) -> None:
        self.cluster, self.storage, self.session, self.events = cluster, storage, session, events

    def outcomes(self, tasks: list[Trial], setup: Weights | None = None) -> dict[Trial, Any]:
        from lsap_cli.cluster.pool import ClusterPool

        self.events.clear()
        steps = ClusterPool(self.session, LIMIT, setup).work(tasks)
        return {step.task: step.result for step in steps if isinstance(step, WorkOutcome)}

    def lend_session(self, patch: pytest.MonkeyPatch) -> None:
        """Commands that would start a session get this one: a start takes seconds, each new worker three."""
        patch.setattr("lsap_cli.jobs.clusters.ClusterSession", lambda _, run, __: _Borrowed(self.session, run))

    def said(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


class _Borrowed:
    """The session of the module as a command's own."""

    def __init__(self, session: Any, run: Run) -> None:
        self._session, self._run = session, run
        self._before = session.run, session.settings

    def __enter__(self) -> Any:
        self._session.run = self._run
        self._session.settings = replace(self._session.settings, timeout=120.0)  # a busy machine is no hang
        return self._session

    def __exit__(self, *_: object) -> None:
        self._session.run, self._session.settings = self._before


def without_times(value: Any) -> Any:
    """A document without what a clock says."""
    if isinstance(value, dict):
        return {name: without_times(one) for name, one in value.items() if not TIMES.search(name)}
    return [without_times(one) for one in value] if isinstance(value, list | tuple) else value
