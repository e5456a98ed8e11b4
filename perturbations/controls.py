"""Controls: patterns of equal size that were not learned, which a learned pattern must beat."""

import math

import torch

from perturbations.perturbation import Perturbation
from perturbations.seeds import seeded


def noise_like(perturbation: Perturbation, seed: int) -> Perturbation:
    """Random noise with the same binding, resolution and budget.

    For linf every element is +epsilon or -epsilon with equal chance, the largest noise that the budget allows;
    for l2 it is Gaussian noise scaled to the full budget.

    Args:
        perturbation: what the noise stands beside.
        seed: of the noise.
    """
    generator = seeded(seed, "noise")
    budget, shape = perturbation.budget, perturbation.delta.shape
    epsilon = float(budget.epsilon)
    if budget.norm == "linf":
        noise = (torch.randint(0, 2, shape, generator=generator) * 2.0 - 1.0) * epsilon
    else:
        noise = torch.randn(shape, generator=generator)
        noise = noise * (epsilon * math.sqrt(noise.numel()) / float(noise.norm()))
    return Perturbation(budget.project(noise), perturbation.binding, budget, {"control": "noise", "seed": seed})
