"""rai-toolbox's universal perturbation: `AdditivePerturbation` for all clips, `LinfProjectedOptim`, cross-entropy."""

import importlib
import itertools
from dataclasses import dataclass
from typing import Any

import torch
from given import CpuClock, Given, Learned, NotInstalled, ScoresOfClips, shuffled_batches
from torch.nn import functional as F


@dataclass(frozen=True)
class RaiUniversal:
    """Steps of one size along the sign of the gradient of a batch's mean cross-entropy, projected.

    Args:
        step: as a part of epsilon.
        batch: clips of a step.
    """

    step: float = 0.125
    batch: int = 4
    name: str = "rai-toolbox AdditivePerturbation"
    cannot: str = "clips as they are sampled; samplers, resizing and rounding are left to its user"

    def learn(self, given: Given) -> Learned:
        perturbations, optimizers = _modules()
        module, clock = ScoresOfClips(given.classifier), CpuClock()
        perturbation = perturbations.AdditivePerturbation(given.clip_shape)
        optimizer = optimizers.LinfProjectedOptim(
            perturbation.parameters(), InnerOpt=torch.optim.SGD, epsilon=given.epsilon, lr=self.step * given.epsilon
        )
        for number in itertools.count():
            for chosen in shuffled_batches(len(given.clips), self.batch, given.seed * 10**6 + number):
                if clock.seconds >= given.seconds:
                    return Learned(perturbation.delta.detach().clone(), clock.seconds, module.looks)
                optimizer.zero_grad()
                logits = module(perturbation(given.clips[chosen]).clamp(0, 1))
                (-F.cross_entropy(logits, given.classes[chosen])).backward()
                optimizer.step()
        raise AssertionError


def _modules() -> tuple[Any, Any]:
    try:
        return importlib.import_module("rai_toolbox.perturbations"), importlib.import_module("rai_toolbox.optim")
    except ImportError as error:
        raise NotInstalled(f"pip install rai-toolbox==0.2.1 torchmetrics ({error})") from None
