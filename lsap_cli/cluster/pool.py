"""Tasks on a cluster: a bounded number at a time, done again where a worker dies, given up on where one hangs.

Ray's own retries are off: it would not say that it does them, nor of which task. The driver alone writes what is kept.
"""

import hashlib
import pickle
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import numpy as np

from lsap_cli.cluster.session import ClusterSession
from lsap_cli.cluster.work import WorkFailure, WorkOutcome, WorkProgress
from lsap_cli.cluster.worker import ClusterTask, Setup, TaskEnd, TaskNews, TaskOrder, TaskProblem, fingerprint, run_task
from lsap_cli.errors import LsapError
from lsap_cli.results.events import Event, WarningEvent

TaskType = TypeVar("TaskType", bound=ClusterTask)

ATTEMPTS = 3  # of a task whose worker dies
QUEUED_PER_WORKER = 2  # tasks sent at a time: one is worked on, one waits
WAIT_SECONDS = HEAR_SECONDS = 0.25
NODES_SECONDS = 5.0  # between two looks at which nodes are there
NEWS_SECONDS = 10.0  # that the last messages of a task are waited for


@dataclass
class _Attempt(Generic[TaskType]):
    """One time that a task is sent."""

    task: TaskType
    number: int
    tries: int
    last_news: float | None = None  # by time.monotonic; None: it has not begun
    messages: int = 0


@dataclass
class _Flight(Generic[TaskType]):
    """What one call of `work` has sent and not heard the end of."""

    attempts: dict[Any, _Attempt[TaskType]] = field(default_factory=dict)  # by Ray's references, which have no type
    again: deque[tuple[TaskType, int]] = field(default_factory=deque)


class ClusterPool:
    """Does tasks on the workers of a session.

    Args:
        session: that has begun.
        memory_limit: bytes for the frames of videos, of one machine; a node's workers share it.
        setup: what all tasks have in common.
        on_event: gets the events of tasks, by the task's name; None: they go to the run.
    """

    def __init__(
        self,
        session: ClusterSession,
        memory_limit: int,
        setup: Setup | None = None,
        on_event: Callable[[str, Event], None] | None = None,
    ) -> None:
        import ray

        self._session, self._nodes, self._ray = session, session.nodes, ray
        self._board = session.board
        self._on_event = on_event or (lambda _, event: session.run.event(event))
        content = None if setup is None else np.frombuffer(pickle.dumps(setup), dtype=np.uint8)
        key = None if content is None else hashlib.sha256(content.data).hexdigest()
        self._setup = None if content is None else session.call(ray.put, content)
        limit = memory_limit // session.nodes.most_workers_of_a_node
        self._order = pickle.dumps(TaskOrder(session.board_name, fingerprint(), session.threads, limit, key))
        # Any: Ray's decorated functions have no type
        self._remote: Any = ray.remote(run_task).options(num_cpus=session.threads, max_retries=0)
        self._looked = self._heard = 0.0
        self._without_workers: float | None = None

    def work(self, tasks: Iterable[TaskType]) -> Iterator[WorkProgress[TaskType] | WorkOutcome[TaskType]]:
        """Does all tasks, in the order in which they end; progress comes in between, events go to the run.

        A task ends in what its `run` gave, or in a `WorkFailure` where its workers died or it was given up on.

        Raises:
            LsapError: if a task was refused, a node does not see a file or has another version, or no node is left.
            RuntimeError: for a fault of lsap in a worker, with its traceback.
        """
        waiting, flight, more = iter(tasks), _Flight[TaskType](), True
        self._nodes.begin_stage()
        try:
            while more or flight.again or flight.attempts:
                more = self._send(waiting, flight, more)
                yield from self._receive(flight)
        finally:
            self._abandon(flight)
        self._session.run.event(self._nodes.event(0))

    def _send(self, waiting: Iterator[TaskType], flight: _Flight[TaskType], more: bool) -> bool:
        """Sends tasks while there is room; gives whether there may be more."""
        most = QUEUED_PER_WORKER * max(self._nodes.workers, 1)
        while len(flight.attempts) < most:
            if flight.again:
                task, tries = flight.again.popleft()
            elif more and (new := next(waiting, None)) is not None:
                task, tries = new, 1
            else:
                return False
            number = next(self._session.numbers)
            content = pickle.dumps(task)
            sent = self._session.call(self._remote.remote, self._order, self._setup, number, content)
            flight.attempts[sent] = _Attempt(task, number, tries)
        return more

    def _receive(self, flight: _Flight[TaskType]) -> Iterator[WorkProgress[TaskType] | WorkOutcome[TaskType]]:
        sent = list(flight.attempts)
        at_once = min(len(sent), max(1, self._nodes.workers // 4))
        ended, _ = self._session.call(self._ray.wait, sent, num_returns=at_once, timeout=WAIT_SECONDS, fetch_local=True)
        if time.monotonic() - self._heard > HEAR_SECONDS:
            self._heard = time.monotonic()
            yield from self._take_news(flight)
        for reference in ended:
            yield from self._take_end(flight, reference)
        yield from self._give_up(flight)
        self._look(flight)

    def _take_news(self, flight: _Flight[TaskType]) -> Iterator[WorkProgress[TaskType]]:
        """Reads what workers have said."""
        by_number = {attempt.number: attempt for attempt in flight.attempts.values()}
        try:
            news = self._session.call(self._ray.get, self._session.call(self._board.take.remote))
        except self._ray.exceptions.RayActorError:  # it died, and Ray starts it anew; who began meanwhile is not known
            for attempt in flight.attempts.values():
                attempt.last_news = time.monotonic()
            return
        for number, content in news:
            one: TaskNews = pickle.loads(content)
            about = by_number.get(number)
            if about is None:  # given up on
                continue
            if about.last_news is None:
                self._nodes.begin(one.node, number)
            about.last_news = time.monotonic()
            about.messages += 1
            for event in one.events:
                self._on_event(about.task.name, event)
            if one.done is not None:
                yield WorkProgress(about.task, one.done)

    def _take_end(
        self, flight: _Flight[TaskType], reference: Any
    ) -> Iterator[WorkProgress[TaskType] | WorkOutcome[TaskType]]:
        attempt = flight.attempts[reference]
        try:
            end: TaskEnd = pickle.loads(self._session.call(self._ray.get, reference))
        except self._ray.exceptions.RayError as error:
            del flight.attempts[reference]
            yield from self._again(flight, attempt, error)
            return
        deadline = time.monotonic() + NEWS_SECONDS
        while end.messages > 1 and attempt.messages < end.messages and time.monotonic() < deadline:
            yield from self._take_news(flight)  # its events come before its end
        del flight.attempts[reference]
        if attempt.last_news is None:
            self._nodes.begin(end.node, attempt.number)
        self._nodes.end(attempt.number, end.seconds)
        if not isinstance(end.result, TaskProblem):
            yield WorkOutcome(attempt.task, end.result)
        elif end.result.kind == "missing" and end.result.path is not None and not end.result.path.exists():
            reason = f"it is gone: the worker on {self._nodes.name(end.node)} {end.result.text}"
            yield WorkOutcome(attempt.task, WorkFailure(reason, "file"))
        else:
            raise self._error(end.result, end.node)

    def _again(
        self, flight: _Flight[TaskType], attempt: _Attempt[TaskType], error: Exception
    ) -> Iterator[WorkOutcome[TaskType]]:
        """A worker has died, or its node: the task is done again, until it has killed too many."""
        node = self._nodes.end(attempt.number, None)
        where = f" on {node}" if node else ""  # it died too soon to say where
        if attempt.tries >= ATTEMPTS:
            reason = f"the process that worked on it crashed, {attempt.tries} times"
            yield WorkOutcome(attempt.task, WorkFailure(reason, "crash"))
            return
        message = (
            f"the worker{where} that worked on {attempt.task.name} died ({type(error).__name__}): it is done again"
        )
        self._session.run.event(WarningEvent(message=message))
        flight.again.append((attempt.task, attempt.tries + 1))

    def _give_up(self, flight: _Flight[TaskType]) -> Iterator[WorkOutcome[TaskType]]:
        now, patience = time.monotonic(), self._session.settings.timeout
        silent = [
            reference
            for reference, attempt in flight.attempts.items()
            if attempt.last_news is not None and now - attempt.last_news > patience
        ]
        for reference in silent:
            attempt = flight.attempts.pop(reference)
            self._cancel(reference)
            self._nodes.end(attempt.number, None)
            reason = f"nothing came of it for {patience:.0f} seconds, so it was given up on"
            yield WorkOutcome(attempt.task, WorkFailure(reason, "hang"))

    def _look(self, flight: _Flight[TaskType]) -> None:
        """At intervals: the nodes, and an event about them."""
        now = time.monotonic()
        if now - self._looked > NODES_SECONDS:
            self._looked = now
            self._session.look_again()
            if self._nodes.workers:
                self._without_workers = None
            elif self._without_workers is None:
                self._without_workers = now
            elif now - self._without_workers > self._session.settings.timeout:
                raise LsapError("no node of the cluster is left; start one, and go on with --resume", 1)
        if self._nodes.is_due:
            waiting = sum(attempt.last_news is None for attempt in flight.attempts.values())
            self._session.run.event(self._nodes.event(waiting))

    def _abandon(self, flight: _Flight[TaskType]) -> None:
        """Ends what is still worked on, where the driver stops early."""
        for reference in flight.attempts:
            self._cancel(reference)

    def _cancel(self, reference: Any) -> None:
        """By force, at once: a worker that was asked softly before may never end, in a call that does not return."""
        self._session.call(self._ray.cancel, reference, force=True)

    def _error(self, problem: TaskProblem, identity: str) -> Exception:
        """What a worker could not do, as an error of this process."""
        node = self._nodes.name(identity)
        if problem.kind == "refused":
            return LsapError(problem.text, problem.exit_code)
        if problem.kind == "versions":
            return LsapError(f"node {node} has {problem.text}; here are {fingerprint()}: install the same there", 1)
        if problem.kind in ("missing", "content"):
            return LsapError(
                f"the worker on {node} {problem.text}: mount the storage there as it is here, and go on with --resume",
                1,
            )
        return RuntimeError(f"on node {node}: {problem.text}")
