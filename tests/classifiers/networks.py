"""A small video network, saved in the formats that foreign networks come in, with its model card."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

FRAMES, SIZE, CLASSES = 3, 8, 3
CARD = """
labels = ["a", "b", "c"]

[input]
layout = "BCTHW"
frames = 3
size = [8, 8]
mean = [0.5, 0.4, 0.3]
std = [0.2, 0.2, 0.2]
"""


class SmallNetwork(nn.Module):
    """(B, 3, T, H, W) -> (B, 3), with what acts otherwise while it learns."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv3d(3, 4, 3, padding=1)
        self.norm = nn.BatchNorm3d(4)
        self.dropout = nn.Dropout(0.5)
        self.head = nn.Linear(4, CLASSES)

    def forward(self, clips: Tensor) -> Tensor:
        features = self.norm(self.convolution(clips)).relu().mean((2, 3, 4))
        scores: Tensor = self.head(self.dropout(features))
        return scores


def small_network() -> SmallNetwork:
    """The same weights each time; in evaluation mode."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        network = SmallNetwork()
        with torch.no_grad():
            assert network.norm.running_mean is not None
            network.norm.running_mean.copy_(torch.rand(4))
            network.head.weight.mul_(5)
    return network.eval()


def clips(count: int) -> Tensor:
    """(count, T, 3, H, W) float32 in [0, 1]."""
    return torch.rand(count, FRAMES, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))


def save_pt2(path: Path, example: int = 2, dynamic: bool = False, training: bool = False) -> Path:
    """torch.export.save, with a fixed batch or a dynamic one."""
    shapes: Any = ({0: torch.export.Dim("batch")},) if dynamic else None
    inputs = (torch.rand(example, 3, FRAMES, SIZE, SIZE),)
    torch.export.save(torch.export.export(small_network().train(training), inputs, dynamic_shapes=shapes), path)
    return path


def save_torchscript(path: Path, change: Callable[[Any], Any] = lambda script: script) -> Path:
    """torch.jit.save of a traced network."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        script: Any = torch.jit.trace(small_network(), torch.rand(2, 3, FRAMES, SIZE, SIZE))
        change(script).save(str(path))
    return path


def save_onnx(path: Path, batch: int | str = "batch", out_batch: int | str | None = None) -> Path:
    """A linear network of the clip's pixels, node by node: (batch, 3, T, H, W) -> (batch, 3)."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    inputs = 3 * FRAMES * SIZE * SIZE
    weight = torch.randn(inputs, CLASSES, generator=torch.Generator().manual_seed(2)) / 10
    rows = batch if isinstance(batch, int) else -1
    clip_shape = [batch, 3, FRAMES, SIZE, SIZE]
    graph = helper.make_graph(
        [
            helper.make_node("Reshape", ["clips", "shape"], ["flat"]),
            helper.make_node("MatMul", ["flat", "weight"], ["scores"]),
        ],
        "linear",
        [helper.make_tensor_value_info("clips", TensorProto.FLOAT, clip_shape)],
        [
            helper.make_tensor_value_info(
                "scores", TensorProto.FLOAT, [batch if out_batch is None else out_batch, CLASSES]
            )
        ],
        [
            numpy_helper.from_array(torch.tensor([rows, inputs]).numpy(), "shape"),
            numpy_helper.from_array(weight.numpy(), "weight"),
        ],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)
    return path


def with_card(path: Path, text: str = CARD) -> Path:
    """Writes the model card that stands beside a network's file."""
    path.with_suffix(".toml").write_text(text)
    return path
