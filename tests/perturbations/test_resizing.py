import warnings

import pytest
import torch

from perturbations.resizing import ResizePath, resize, resize_matrix, with_empty_slot
from tests.perturbations.worlds import random


@pytest.mark.parametrize("size", [(6, 5), (18, 22), (3, 2), (1, 1)])
def test_a_resize_is_its_two_matrices(size: tuple[int, int]) -> None:
    delta = random(2, 3, 6, 5, seed=0) - 0.5
    path = ResizePath(resize_matrix(6, size[0]), resize_matrix(5, size[1]))
    torch.testing.assert_close(path.forward(delta)[:-1], resize(delta, *size))


def test_sparse_matrices_are_the_same_path_forward_and_backward() -> None:
    rows, columns = torch.eye(7)[:5] + 0.5 * torch.eye(7).roll(1, 0)[:5], torch.eye(9)[2:8] - 0.25 * torch.eye(9)[:6]
    delta, by_pattern = random(4, 3, 7, 9, seed=1), random(5, 3, 5, 6, seed=2)
    with warnings.catch_warnings(action="ignore"):  # torch says that its CSR support is in beta
        sparse = ResizePath(rows.to_sparse_csr(), columns.to_sparse_csr())
    expected = rows @ delta @ columns.T
    for path in (ResizePath(rows, columns), sparse):
        pattern = path.forward(delta)
        torch.testing.assert_close(pattern[:-1], expected)
        assert not pattern[-1].any()
        assert pattern.is_contiguous(memory_format=torch.channels_last)
        torch.testing.assert_close(path.backward(by_pattern), rows.T @ by_pattern[:-1] @ columns)


def test_the_empty_slot_is_the_last_one() -> None:
    delta = random(2, 3, 4, 5, seed=3)
    pattern = with_empty_slot(delta)
    assert torch.equal(pattern[:2], delta)
    assert not pattern[-1].any()
