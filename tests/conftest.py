import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

os.environ.setdefault("OMP_NUM_THREADS", "1")  # of the processes that tests start: several tests run at a time


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    """Tests work on tiny tensors: threads that wait for each other only make them slow, and results vary."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(autouse=True, scope="session")
def signals_are_heard() -> None:
    """A suite that was started by `nohup` or in the background ignores signals, and so would every child."""
    for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with the real network and clips, which lies beside a development checkout."""
    folder = Path(os.environ.get("LSAP_SHARED") or Path(__file__).parents[2] / "shared")
    if not (folder / "clips").is_dir() or not (folder / "models").is_dir():
        pytest.skip(f"{folder} with clips/ and models/ is not there; LSAP_SHARED can name another folder")
    return folder
