import os
from pathlib import Path

import pytest
import torch

from defenses.compression import Av1
from defenses.encoding import opening_encoder

LINUX = hasattr(os, "sched_getscheduler")


def schedulers() -> set[int]:
    return {os.sched_getscheduler(int(thread.name)) for thread in Path("/proc/self/task").iterdir()}


@pytest.mark.skipif(not LINUX, reason="schedulers are Linux's")
def test_an_av1_trip_leaves_no_thread_with_real_time_priority() -> None:
    frames = torch.rand(4, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    Av1()(frames)
    assert schedulers() <= {os.SCHED_OTHER, os.SCHED_BATCH, os.SCHED_IDLE}


@pytest.mark.skipif(not LINUX or os.geteuid() != 0, reason="only root may take real-time priority")
def test_real_time_priority_is_given_back() -> None:
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except PermissionError:
        pytest.skip("this machine gives no real-time priority")
    assert os.SCHED_FIFO in schedulers()
    with opening_encoder():
        pass
    assert os.SCHED_FIFO not in schedulers()
