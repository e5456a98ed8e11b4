from collections.abc import Iterator

import pytest

from lsap_cli.applying.workers import WorkerPool
from lsap_cli.cluster.work import WorkFailure, WorkOutcome, WorkProgress
from tests.applying.worker_tasks import Trial

PATIENCE = 2.5  # seconds


@pytest.fixture
def pool() -> Iterator[WorkerPool]:
    with WorkerPool(2, PATIENCE) as pool:
        yield pool


def test_every_task_ends_in_a_result_or_a_reason_and_the_others_go_on(pool: WorkerPool) -> None:
    ways = ["crash", "hang", "refuse", "full", "fault", "memory", "slow"]
    tasks = [task for number, how in enumerate(ways) for task in (Trial(how), Trial("well", number))]
    outcomes = {step.task: step.result for step in pool.work(tasks) if isinstance(step, WorkOutcome)}
    assert outcomes.keys() == set(tasks)
    assert [outcomes[Trial("well", number)] for number in range(len(ways))] == [
        2 * number for number in range(len(ways))
    ]
    failed = {how: outcomes[Trial(how)] for how in ways if how != "slow"}
    assert {how: one.kind for how, one in failed.items()} == {
        "crash": "crash", "hang": "hang", "refuse": "file", "full": "file", "fault": "fault", "memory": "file",
    }  # fmt: skip
    assert failed["crash"] == WorkFailure("the process that worked on it crashed (signal 11)", "crash")
    assert "given up on" in failed["hang"].reason
    assert failed["refuse"].reason == "it is no good"
    assert "No space left on device" in failed["full"].reason
    assert "KeyError" in failed["fault"].reason
    assert "8 GiB of memory" in failed["memory"].reason
    assert outcomes[Trial("slow")] == 0  # longer than patience, but it reported progress


def test_progress_is_heard_before_the_outcome(pool: WorkerPool) -> None:
    steps = list(pool.work([Trial("slow")]))
    assert isinstance(steps[-1], WorkOutcome)
    shares = [step.done for step in steps[:-1] if isinstance(step, WorkProgress)]
    assert shares == sorted(shares)
    assert len(shares) > 5
