"""Ray for one command: started or joined, its nodes looked at, and ended. stdout stays the command's own.

Ray prints to whatever `sys.stdout` is at the time, and its C++ parts to the file descriptor of stderr while it starts.
Both go to a file in the run folder.
"""

import itertools
import os
import pickle
import secrets
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, redirect_stdout, suppress
from pathlib import Path
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

from lsap_cli.cluster.board import Board
from lsap_cli.cluster.nodes import NodeTable
from lsap_cli.cluster.settings import ClusterSettings
from lsap_cli.errors import LsapError
from lsap_cli.results.events import StageEvent, WarningEvent
from lsap_cli.runs import Run
from lsap_cli.runs.stop_signals import StopSignal

if TYPE_CHECKING:
    from lsap_cli.cluster.worker import NodeFacts

Value = TypeVar("Value")

LOG_FILE = "cluster.log"
NAMESPACE = "lsap"
START_ATTEMPTS = 2  # a busy machine can be too slow for the first
FOLDER = "lsap-ray-"  # with the number of the process
OBJECT_STORE_BYTES = 200 * 2**20  # set-ups and records; frames go over the storage
LONGEST_FOLDER = 40  # characters: Ray adds 60, and the path of a socket ends at 107
NODE_SECONDS = 120.0  # that a node may take to answer
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class ClusterSession:
    """A cluster that a command uses. A context manager: leaving it ends Ray here.

    Args:
        settings: of the command line.
        run: gets events, and Ray's messages in a file.
        threads: torch's in each worker.

    Attributes:
        nodes: of the cluster.
        numbers: of the attempts of tasks, each another.
        board: the actor that takes what workers say; `board_name` is its name.

    Raises:
        LsapError: if Ray does not start, or a node has another version of lsap or does not see the storage.
    """

    def __init__(self, settings: ClusterSettings, run: Run, threads: int) -> None:
        self.settings, self.run, self.threads = settings, run, threads
        self.nodes = NodeTable(threads)
        self.numbers = itertools.count()
        self.board_name = f"board-{secrets.token_hex(8)}"
        self.board: Any = None  # an actor's handle, which has no type
        self._stack = ExitStack()
        self._stopped: int | None = None
        self._calls = 0

    def __enter__(self) -> "ClusterSession":
        self.run.event(StageEvent(name="starting the cluster"))
        start = time.monotonic()
        with self._stack as stack:
            log = stack.enter_context((self.run.folder / LOG_FILE).open("a", encoding="utf-8"))
            stack.enter_context(redirect_stdout(log))
            environment = self._environment(stack)
            stack.enter_context(_signals_kept())
            stack.enter_context(_environment_variables(environment))
            self._start_ray(log, environment.get("RAY_TMPDIR"))
            stack.callback(self._end_ray)
            self._take_signals()
            seconds = time.monotonic() - start
            self._look_at_nodes()
            self.board = self.call(_make_board, self.board_name)
            self._stack = stack.pop_all()
        self.run.event(self.nodes.event(0, round(seconds, 1)))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def call(self, function: Callable[..., Value], *arguments: Any, **options: Any) -> Value:
        """Calls a function of Ray. A signal that comes meanwhile is heard when it returns: Ray hides what is raised.

        Raises:
            StopSignal: if one came.
        """
        self._calls += 1
        try:
            return function(*arguments, **options)
        finally:
            self._calls -= 1
            self._raise_if_stopped()

    def look_again(self) -> None:
        """Names the nodes that came and went since the last look."""
        import ray

        came, gone = self.nodes.update(self.call(ray.nodes))
        for node in came:
            self.run.event(WarningEvent(message=f"node {node.name} joined the cluster"))
        for node in gone:
            self.run.event(WarningEvent(message=f"node {node.name} is lost; its tasks are done again"))

    def _take_signals(self) -> None:
        """In the place of Ray's handlers, which end the process with a native stack trace."""
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                if signal.getsignal(number) is not signal.SIG_IGN:
                    signal.signal(number, self._stop)

    def _stop(self, number: int, _: FrameType | None) -> None:
        self._stopped = number
        if not self._calls:
            self._raise_if_stopped()

    def _raise_if_stopped(self) -> None:
        if self._stopped is not None:
            number, self._stopped = self._stopped, None
            raise StopSignal(number)

    def _environment(self, stack: ExitStack) -> dict[str, str]:
        """For Ray's processes: no reports on use; of a cluster of our own, also a token and a folder."""
        common = {"RAY_USAGE_STATS_ENABLED": "0"}
        if self.settings.local_workers is None:
            return common
        if "ray" not in sys.modules:  # its C++ part reads this once, when it is imported
            common["RAY_AUTH_MODE"] = "token"
        parent = tempfile.gettempdir()
        parent = parent if len(parent) <= LONGEST_FOLDER else "/tmp"
        _remove_left_behind(Path(parent))
        folder = tempfile.mkdtemp(prefix=f"{FOLDER}{os.getpid()}-", dir=parent)
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        token = Path(folder) / "token"
        token.touch(mode=0o600)
        token.write_text(secrets.token_hex(32), encoding="ascii")
        return common | {"RAY_AUTH_TOKEN_PATH": str(token), "RAY_TMPDIR": folder}

    def _start_ray(self, log: TextIO, folder: str | None) -> None:
        import ray

        workers = self.settings.local_workers
        options: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR", "namespace": NAMESPACE}
        if workers is None:
            options["address"] = self.settings.address
        else:
            options |= {
                "address": "local", "num_cpus": workers * self.threads, "include_dashboard": False,
                "object_store_memory": OBJECT_STORE_BYTES, "_temp_dir": folder,
            }  # fmt: skip
        for attempt in range(START_ATTEMPTS):
            try:
                with _stderr_to(log):
                    ray.init(**options)
            except Exception as error:  # Ray raises bare Exceptions when it does not start
                ray.shutdown()
                if workers is None or attempt + 1 == START_ATTEMPTS:
                    raise LsapError(
                        f"--cluster {self.settings.address}: Ray does not start ({_first_line(error)}); what it "
                        f"printed is in {self.run.folder / LOG_FILE}", 1
                    ) from error  # fmt: skip
            else:
                return

    def _end_ray(self) -> None:
        import ray

        with suppress(Exception):  # whatever becomes of it, the results are there
            ray.shutdown()

    def _look_at_nodes(self) -> None:
        """Asks each node for its versions and for the storage, before it gets any task."""
        import ray

        self.nodes.update(self.call(ray.nodes))
        if not self.nodes.workers:
            raise LsapError(
                f"--cluster {self.settings.address} has no node with {self.threads} CPUs, as many as torch has threads "
                "here; start workers with ray start, or set OMP_NUM_THREADS=1", 1
            )  # fmt: skip
        with self._marker() as (marker, content):
            asked = {
                one["NodeID"]: _ask_node(one["NodeID"], marker, content)
                for one in self.call(ray.nodes)
                if one["Alive"] and one["Resources"].get("CPU", 0) >= self.threads
            }
            answers = {identity: self._answer(identity, ref) for identity, ref in asked.items()}
        check_nodes(self, answers)

    def _answer(self, identity: str, ref: Any) -> Any:  # a reference of Ray -> NodeFacts
        import ray

        name, deadline = self.nodes.name(identity), time.monotonic() + NODE_SECONDS
        try:
            while not self.call(ray.wait, [ref], timeout=0.5)[0]:
                if time.monotonic() > deadline:
                    raise LsapError(f"node {name} does not answer; take it out of the cluster, or mend it", 1)
            return pickle.loads(self.call(ray.get, ref))
        except ray.exceptions.RayError as error:
            raise LsapError(
                f"node {name} cannot run lsap ({_first_line(error)}); install the same version there", 1
            ) from error

    @contextmanager
    def _marker(self) -> Iterator[tuple[Path | None, str]]:
        """A file in the storage that every node must see."""
        if self.settings.storage is None:
            yield None, ""
            return
        content = secrets.token_hex(16)
        marker = Path(self.settings.storage) / f".lsap-{content}"
        try:
            marker.write_text(content, encoding="ascii")
        except OSError as error:
            raise LsapError(f"--storage {self.settings.storage} cannot be written ({error.strerror})", 1) from None
        try:
            yield marker, content
        finally:
            marker.unlink(missing_ok=True)


def _ask_node(identity: str, marker: Path | None, content: str) -> Any:  # a reference of Ray
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    from lsap_cli.cluster.worker import node_facts

    place = NodeAffinitySchedulingStrategy(identity, soft=False)
    remote = ray.remote(node_facts).options(num_cpus=0, max_retries=1, scheduling_strategy=place)
    return remote.remote(marker, content)


def _make_board(name: str) -> Any:  # an actor's handle
    """On this machine: where another node is lost, no message is."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    place = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    options = {"name": name, "num_cpus": 0, "max_restarts": -1, "scheduling_strategy": place}
    return ray.remote(Board).options(**options).remote()


def check_nodes(session: ClusterSession, answers: "Mapping[str, NodeFacts]") -> None:
    """Refuses nodes that would give other results, or that do not see the files.

    Args:
        session: of the cluster.
        answers: of the nodes, by their identity.

    Raises:
        LsapError: naming the first such node, and what differs.
    """
    from lsap_cli.cluster.worker import full_versions

    here = full_versions()
    for identity, facts in answers.items():
        name = session.nodes.name(identity)
        differing = {what: theirs for what, theirs in facts.versions.items() if here.get(what) != theirs}
        if differing:
            others = ", ".join(f"{what} {theirs} (here {here.get(what)})" for what, theirs in differing.items())
            raise LsapError(f"node {name} has {others}; install the same there: results depend on it", 1)
        if not facts.sees_storage:
            raise LsapError(
                f"node {name} does not see --storage {session.settings.storage} as it is here; mount it there under "
                "the same path", 1
            )  # fmt: skip


def _remove_left_behind(parent: Path) -> None:
    """Removes the folders of commands of this user that were killed."""
    for folder in parent.glob(f"{FOLDER}*-*"):
        with suppress(OSError, ValueError):
            process = int(folder.name.removeprefix(FOLDER).partition("-")[0])
            if folder.stat().st_uid == os.getuid() and not Path(f"/proc/{process}").exists():
                shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _environment_variables(values: dict[str, str]) -> Iterator[None]:
    """Sets them for the block; processes that are started in it inherit them."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _signals_kept() -> Iterator[None]:
    """Puts the handlers of signals back that Ray, or a session, has replaced."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            if handler is not None:  # else it is none of Python's
                signal.signal(number, handler)


@contextmanager
def _stderr_to(log: TextIO) -> Iterator[None]:
    """Sends the file descriptor of stderr to a file."""
    sys.stderr.flush()
    kept = os.dup(2)
    os.dup2(log.fileno(), 2)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(kept)


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
