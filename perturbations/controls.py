"""Controls of equal size: patterns not learned, or learned and then shuffled; learned ones must be stronger."""

import math
from collections.abc import Callable
from dataclasses import replace

import torch

from lsap_common import NamedParts, require_kind, require_whole
from perturbations.perturbation import Perturbation
from perturbations.seeds import seeded


def noise_like(perturbation: Perturbation, seed: int) -> Perturbation:
    """Random noise with the same binding, resolution and budget.

    For linf every element is +epsilon or -epsilon with equal chance, the largest noise that the budget allows;
    for l2 it is Gaussian noise scaled to the full budget. Appended frames are noise over the whole range of pixels.

    Args:
        perturbation: what the noise stands beside.
        seed: of the noise.

    Raises:
        ValueError: if an argument is of another kind.
    """
    _check(perturbation, seed)
    generator = seeded(seed, "noise")
    budget, shape = perturbation.budget, perturbation.delta.shape
    epsilon = float(budget.epsilon)
    if perturbation.binding.appended:
        noise = torch.rand(shape, generator=generator)
    elif budget.norm == "linf":
        noise = (torch.randint(0, 2, shape, generator=generator) * 2.0 - 1.0) * epsilon
    else:
        noise = torch.randn(shape, generator=generator)
        noise = noise * (epsilon * math.sqrt(noise.numel()) / float(noise.norm()))
    record = {"control": "noise", "seed": seed}
    return replace(perturbation, delta=budget.project(noise), record=record)


def pixels_permuted(perturbation: Perturbation, seed: int) -> Perturbation:
    """The same values at other places: one permutation of the pixels for all slots and colors."""
    _check(perturbation, seed)
    slots, colors, height, width = perturbation.delta.shape
    order = torch.randperm(height * width, generator=seeded(seed, "pixels"))
    moved = perturbation.delta.flatten(2)[..., order].view(slots, colors, height, width)
    return replace(perturbation, delta=moved, record={"control": "pixel-permuted", "seed": seed})


def time_permuted(perturbation: Perturbation, seed: int) -> Perturbation:
    """The same slots in another order (with one slot, itself)."""
    _check(perturbation, seed)
    order = torch.randperm(len(perturbation.delta), generator=seeded(seed, "slots"))
    return replace(perturbation, delta=perturbation.delta[order], record={"control": "time-permuted", "seed": seed})


def sign_flipped(perturbation: Perturbation, seed: int) -> Perturbation:
    """The opposite of the pattern (of appended frames, the negative picture)."""
    _check(perturbation, seed)
    delta, budget = perturbation.delta, perturbation.budget
    delta = budget.project(float(budget.epsilon) - delta) if perturbation.binding.appended else -delta
    return replace(perturbation, delta=delta, record={"control": "sign-flipped", "seed": seed})


CONTROLS: NamedParts[Callable[[Perturbation, int], Perturbation]] = NamedParts(
    "control",
    {
        "noise": noise_like,
        "pixel-permuted": pixels_permuted,
        "time-permuted": time_permuted,
        "sign-flipped": sign_flipped,
    },
)


def _check(perturbation: Perturbation, seed: int) -> None:
    require_kind("the perturbation is", perturbation, Perturbation, "use Perturbation.load(path)")
    require_whole("seed", seed)
