"""`FILE.onnx`, run by onnxruntime, with a model card beside it: scores only, there are no gradients."""

import importlib
from typing import Any

import torch
from torch import Tensor

from lsap_cli.classifiers.model_formats.base import BlackBox, LoadedNetwork, NetworkRequest
from lsap_cli.classifiers.model_formats.batches import (
    batch_notes,
    believed_batch,
    check_shape,
    in_fixed_batches,
    network_shape,
)
from lsap_cli.classifiers.weights import error_text, sha256
from lsap_cli.errors import LsapError
from lsap_cli.results.text import counted

DTYPES = {"tensor(float)": torch.float32, "tensor(float16)": torch.float16, "tensor(double)": torch.float64}


class OnnxNetwork(BlackBox):
    """A session of onnxruntime.

    Args:
        session: with one input.
        dtype: of the input.
        batch: of clips that it takes; None: any number.
    """

    def __init__(self, session: Any, dtype: torch.dtype, batch: int | None) -> None:
        super().__init__()
        self.batch = batch
        self._session, self._dtype = session, dtype
        self._input = session.get_inputs()[0].name
        self._outputs = [one.name for one in session.get_outputs()]

    def forward(self, clips: Tensor) -> Any:
        return in_fixed_batches(self._run, clips, self.batch)

    def _run(self, clips: Tensor) -> Tensor | dict[str, Tensor]:
        pixels = clips.detach().to("cpu", self._dtype).contiguous().numpy()
        made = self._session.run(None, {self._input: pixels})
        outputs = {
            name: torch.from_numpy(one).to(clips.device)
            for name, one in zip(self._outputs, made, strict=True)
            if hasattr(one, "dtype")
        }
        return next(iter(outputs.values())) if len(outputs) == 1 else outputs


def load_onnx(request: NetworkRequest) -> LoadedNetwork:
    """The network of an ONNX file.

    Raises:
        LsapError: if onnxruntime is not there, cannot load the file, or the file does not fit the card.
    """
    path, where = request.file, request.where
    expects = request.needed_input("ONNX")
    try:
        runtime: Any = importlib.import_module("onnxruntime")
    except ImportError as error:
        raise LsapError(f"{where} needs the package onnxruntime ({error}): pip install 'lsap[onnx]'") from None
    threads = torch.get_num_threads()
    options = runtime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 4
    try:
        session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its own kinds, which share no base
        raise LsapError(
            f"{where}: {path} cannot be loaded by onnxruntime {runtime.__version__} ({error_text(error)}); weights "
            f"that lie outside it, as in {path.name}.data, must be beside it"
        ) from None
    inputs = session.get_inputs()
    if len(inputs) != 1 or inputs[0].type not in DTYPES:
        listed = ", ".join(f"{one.name}: {one.type}" for one in inputs)
        raise LsapError(f"{where}: {path} takes {listed}; one input of floating-point clips is needed")
    shape = inputs[0].shape
    check_shape(shape[1:], expects, where, path.name)
    network = OnnxNetwork(session, DTYPES[inputs[0].type], shape[0] if isinstance(shape[0], int) else None)
    if network.batch is None:
        network.batch = believed_batch(network, network_shape(expects), where)
    notes = [f"onnxruntime with {counted(threads, 'thread')} gives scores and no gradients"]
    notes += batch_notes(path.name, network.batch)
    source = {"weights_sha256": sha256(path), "onnxruntime": f"{runtime.__version__}, {threads} threads"}
    data = path.with_name(path.name + ".data")
    if data.is_file():
        source["data_sha256"] = sha256(data)
    return LoadedNetwork(network, path.stem, source=source, notes=tuple(notes))
