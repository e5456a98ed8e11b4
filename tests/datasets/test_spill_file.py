import tempfile
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import Tensor

from lsap_cli.datasets.spill_file import SpillFile

SIZES = [1, 63, 64, 65, 4096, 5000, 12_288, 3, 70_000, 4095]


def content(number: int) -> Tensor:
    return torch.randint(0, 256, (SIZES[number],), generator=torch.Generator().manual_seed(number)).to(torch.uint8)


def add(spill: SpillFile, number: int) -> Tensor:
    with tempfile.TemporaryFile() as source:
        source.write(content(number).numpy().tobytes() + b"what follows is not taken")
        source.flush()
        return spill.add(source, SIZES[number])


@pytest.mark.parametrize("segment_bytes", [1, 4096, 10_000, 2**20])
def test_what_is_added_by_several_threads_comes_back_whether_it_fits_a_segment_or_not(segment_bytes: int) -> None:
    with SpillFile(segment_bytes) as spill, ThreadPoolExecutor(3) as pool:
        tensors = list(pool.map(lambda number: add(spill, number), range(len(SIZES))))
        assert all(torch.equal(tensor, content(number)) for number, tensor in enumerate(tensors))


def test_tensors_stay_readable_when_the_file_is_closed() -> None:
    with SpillFile() as spill:
        tensor = add(spill, 4)
    assert torch.equal(tensor, content(4))
