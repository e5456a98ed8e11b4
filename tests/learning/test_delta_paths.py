"""The way that is learned is the way that is written."""

from dataclasses import replace

import pytest
import torch

from lsap_cli.classifiers.geometry import Geometry
from lsap_cli.learning.delta_paths import DeltaPaths
from perturbations import Perturbation
from perturbations.resizing import RESIZINGS, ResizePath, WrittenPath
from tests.tiny import make_perturbation

CPU = torch.device("cpu")
GRAY = 128
SIZES = [(24, 32), (36, 48), (17, 40), (12, 16), (9, 11)]  # of videos: larger than delta, of its size, smaller


def saturating(norm: str = "linf") -> Perturbation:
    return replace(make_perturbation(height=12, width=16, norm=norm), resize="saturating")


def paths(geometry: Geometry, perturbation: Perturbation) -> DeltaPaths:
    return DeltaPaths(geometry, (12, 16), perturbation.resize, perturbation.budget, CPU)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_the_way_that_is_learned_is_the_way_that_is_written_to_the_level(norm: str, size: tuple[int, int]) -> None:
    """Gray frames with the pattern, as bytes, through the network's resize and crop: gray and what learning sees."""
    perturbation, geometry = saturating(norm), Geometry((8, 10), 12)
    path = paths(geometry, perturbation).through(size)
    assert isinstance(path, WrittenPath)
    frames = torch.full((4, 3, *size), GRAY, dtype=torch.uint8)
    written = perturbation.add_to_bytes(frames)
    assert torch.equal(written.short() - GRAY, path.levels(perturbation.delta))
    assert float(path.levels(perturbation.delta).abs().max()) > 4
    arrived = geometry.crop(geometry.shrink(written / 255))
    torch.testing.assert_close(path.forward(perturbation.delta)[:-1], arrived - GRAY / 255, rtol=0, atol=1e-6)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_the_gradient_passes_projection_gain_and_rounding(norm: str) -> None:
    perturbation, geometry = saturating(norm), Geometry((8, 10), 12)
    path = paths(geometry, perturbation).through((36, 48))
    leaf = perturbation.delta.clone().requires_grad_()
    weight = torch.rand(5, 3, 8, 10, generator=torch.Generator().manual_seed(3))
    pattern = path.forward(leaf)
    assert torch.equal(pattern.detach(), path.forward(perturbation.delta))
    (by_autograd,) = torch.autograd.grad((pattern * weight).sum(), leaf)
    rows, columns = geometry.path_matrices((12, 16), (36, 48), "bicubic")
    expected = rows.T @ weight[:-1] @ columns
    torch.testing.assert_close(by_autograd, expected)
    torch.testing.assert_close(path.backward(weight), expected)


def test_a_bilinear_delta_takes_the_linear_way_and_a_basis_no_other() -> None:
    geometry, basis = Geometry((8, 10), 12), ResizePath(torch.eye(12)[:, :6], torch.eye(16)[:, :8])
    linear = DeltaPaths(geometry, (12, 16), "bilinear", None, CPU, basis).through((24, 32))
    assert isinstance(linear, ResizePath)
    torch.testing.assert_close(linear.rows.to_dense(), geometry.path_matrices((12, 16), (24, 32)).after(basis).rows)
    for budget, given in ((saturating().budget, basis), (None, None)):
        with pytest.raises(ValueError, match="'saturating' needs a budget, and can have no basis"):
            DeltaPaths(geometry, (12, 16), "saturating", budget, CPU, given)


def test_each_way_is_made_once() -> None:
    made = paths(Geometry((8, 10), 12), saturating())
    assert made.through((24, 32)) is made.through((24, 32))
    assert set(RESIZINGS) == {"bilinear", "saturating"}
