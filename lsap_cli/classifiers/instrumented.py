"""A classifier as attacks look into it: logits, frame features of one named layer, activations of all convolutions."""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, Literal

import torch
from torch import Tensor

from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.classifiers.finite_scores import finite_rows, not_finite
from lsap_cli.errors import LsapError
from perturbations.internals import InternalsReader, feature_layers
from perturbations.network import Internal, NetworkOutput

Precision = Literal["fp32", "bf16", "fp16"]
PRECISIONS: dict[str, torch.dtype | None] = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}


class InstrumentedClassifier:
    """The `perturbations.problem.Network` of a classifier.

    Args:
        classifier: on its device.
        layer: the module whose output gives the frame features, by its name in the network; None: the last one that
            still distinguishes moments in time.
        precision: fp32, bf16 or fp16 of the network's own arithmetic (autocast); pixels and losses stay fp32.
        compiled: whether `score` goes through torch.compile.

    Raises:
        LsapError: if there is no such layer, or its output has no time.
    """

    def __init__(
        self, classifier: Classifier, layer: str | None = None, precision: str = "fp32", compiled: bool = False
    ) -> None:
        if precision not in PRECISIONS:
            raise LsapError(f"--precision {precision} is unknown; use {', '.join(PRECISIONS)}")
        self.classifier = classifier
        self._dtype = PRECISIONS[precision]
        self._given_layer = layer
        self._layer: str | None = None
        self._readers: dict[bool, InternalsReader] = {}
        self._score: Callable[[Tensor], Tensor] = (
            torch.compile(classifier.score, dynamic=False) if compiled else classifier.score
        )

    @property
    def layer(self) -> str:
        """The name of the layer whose features are looked at; it is searched for at first use."""
        if self._layer is None:
            self._layer = self._find()
        return self._layer

    def score(self, clips: Tensor) -> Tensor:
        with self._autocast(clips):
            logits = self._score(clips).float()
        _require_predictions(logits)
        return logits

    def outputs(self, clips: Tensor, *internals: Internal) -> NetworkOutput:
        if internals == ("features",) and not self.classifier.gives_gradients:
            scores = self.score(clips)  # of a black box nothing else is known
            return NetworkOutput(scores, scores[:, None])
        if not internals:  # the compiled network has no layers to read
            return NetworkOutput(self.score(clips))
        with self._autocast(clips):
            output = self._reader("features" in internals).outputs(self.classifier.score, clips, internals)
        _require_predictions(output.logits)
        return output

    def _reader(self, features: bool) -> InternalsReader:
        """Reads frame features only where they are asked for: a network need not have them."""
        if features not in self._readers:
            self._readers[features] = InternalsReader(self.classifier.network, self.layer if features else None)
        return self._readers[features]

    def _autocast(self, clips: Tensor) -> Any:
        return nullcontext() if self._dtype is None else torch.autocast(clips.device.type, self._dtype)

    def _find(self) -> str:
        """Runs the network on gray clips to determine which outputs have a time axis."""
        frames, (height, width) = self.classifier.frames, self.classifier.geometry.size
        parameter = next(self.classifier.parameters(), None)
        device = None if parameter is None else parameter.device
        clips = torch.full((2, frames, 3, height, width), 0.5, device=device)
        network = self.classifier.network
        names = [name for name, _ in network.named_modules() if name]
        if self._given_layer is not None and self._given_layer not in names:
            raise LsapError(
                f"--layer '{self._given_layer}' is not in the model; the last ones are {', '.join(names[-8:])}"
            )
        fit = feature_layers(network, self.classifier.score, clips)
        if self._given_layer is None and fit:
            return fit[-1]
        if self._given_layer in fit:
            return str(self._given_layer)
        problem = (
            f"--layer '{self._given_layer}' has no moments in time"
            if self._given_layer
            else "no layer keeps moments in time"
        )
        raise LsapError(
            f"{problem} to look at in the model '{self.classifier.name}'; "
            + (f"use one of {', '.join(fit[-8:])}" if fit else "use an attack and a --coherence that need none")
        )


def _require_predictions(logits: Tensor) -> None:
    """Nothing can be learned from a class whose score is NaN or infinite, also where the loss does not look at it."""
    finite = finite_rows(logits.detach())
    if not bool(finite.all()):
        raise not_finite(f"for {int((~finite).sum())} of {len(finite)} clips of a batch")
