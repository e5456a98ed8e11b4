"""A torch module as a network that attacks can use."""

import torch
from torch import Tensor, nn

from lsap_common import require_kind
from perturbations.internals import InternalsReader, feature_layers
from perturbations.network import Internal, NetworkOutput


class TorchNetwork:
    """A module (B, T, 3, H, W) -> (B, classes) as a `perturbations.network.Network`. It is evaluated, never changed.

    Args:
        module: takes clips in [0, 1], float32; resize, channel order and normalization belong into it.
        feature_layer: the layer whose outputs are the frame features of `btc`, `u3d` and coherence, by its name in the
            module; None: the last one that distinguishes frames, searched for at first use.

    Raises:
        ValueError: if the module is none, is in training mode, or has no such layer.
    """

    def __init__(self, module: nn.Module, feature_layer: str | None = None) -> None:
        require_kind("the module is", module, nn.Module, "give a torch.nn.Module")
        if module.training:
            raise ValueError("the module is in training mode, in which its outputs vary; call module.eval() first")
        if feature_layer is not None and feature_layer not in dict(module.named_modules()):
            names = [name for name, _ in module.named_modules() if name]
            raise ValueError(f"the module has no layer '{feature_layer}'; its last ones are {', '.join(names[-8:])}")
        self.module = module
        self._feature_layer = feature_layer
        self._readers: dict[bool, InternalsReader] = {}

    @property
    def device(self) -> torch.device:
        """Where the module's parameters are; the CPU for a module without parameters."""
        parameter = next(self.module.parameters(), None)
        return torch.device("cpu") if parameter is None else parameter.device

    def score(self, clips: Tensor) -> Tensor:
        """Logits (B, classes) of clips (B, T, 3, H, W).

        Raises:
            ValueError: if the module gives something else.
        """
        require_kind("the clips are", clips, Tensor, "give a torch tensor (clips, frames, 3, height, width)")
        logits = self.module(clips)
        if not isinstance(logits, Tensor) or logits.ndim != 2 or len(logits) != len(clips):
            shape = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
            raise ValueError(f"the module gives {shape} for {len(clips)} clips; it must give ({len(clips)}, classes)")
        return logits.float()

    def outputs(self, clips: Tensor, *internals: Internal) -> NetworkOutput:
        """Logits and internals.

        Raises:
            ValueError: if frame features are asked for and no layer has them.
        """
        if not internals:
            return NetworkOutput(self.score(clips))
        return self._reader("features" in internals, clips).outputs(self.score, clips, internals)

    def _reader(self, features: bool, clips: Tensor) -> InternalsReader:
        if features not in self._readers:
            layer = self._find_feature_layer(clips) if features else None
            self._readers[features] = InternalsReader(self.module, layer)
        return self._readers[features]

    def _find_feature_layer(self, clips: Tensor) -> str:
        fit = feature_layers(self.module, self.score, clips[:1].detach().repeat(2, 1, 1, 1, 1))
        if self._feature_layer is None and fit:
            return fit[-1]
        if self._feature_layer in fit:
            return str(self._feature_layer)
        raise ValueError(
            f"no output of {self._feature_layer or 'any layer'} distinguishes frames; "
            + (
                f"use one of {', '.join(fit[-8:])}"
                if fit
                else "use an attack that needs no frame features, such as ifgsm"
            )
        )
