"""The saved state of training: whole or not at all, and a full disk is told as one."""

import errno
from pathlib import Path

import pytest
import torch

from lsap_cli.training.checkpoint import STATE_FILE, TrainingState, load_training_state

FULL = Path("/dev/full")


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / STATE_FILE
    TrainingState(step=3, seconds=1.5).save(path, {"network": {"weight": torch.arange(4)}})
    state, parts = load_training_state(path)
    assert (state.step, state.seconds) == (3, 1.5)
    assert parts["network"]["weight"].tolist() == [0, 1, 2, 3]
    assert [one.name for one in tmp_path.iterdir()] == [STATE_FILE]


@pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_an_error_of_the_file_and_the_state_before_it_stays(tmp_path: Path) -> None:
    path = tmp_path / STATE_FILE
    TrainingState(step=3).save(path, {})
    (tmp_path / f"{STATE_FILE}.partial").symlink_to(FULL)
    with pytest.raises(OSError, match="No space left") as raised:
        TrainingState(step=4).save(path, {"network": {"weight": torch.zeros(1_000_000)}})
    assert (raised.value.errno, raised.value.filename) == (errno.ENOSPC, str(path))
    assert load_training_state(path)[0].step == 3
    assert [one.name for one in tmp_path.iterdir()] == [STATE_FILE]
