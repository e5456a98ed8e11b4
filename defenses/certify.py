"""Randomized smoothing: a classifier that votes over noisy copies, and how far its answer is certain to hold.

Cohen, Rosenfeld and Kolter, ICML 2019. The noise lives in a subspace. In the space of all pixels the certificate holds
for every perturbation of a small l2 norm; such norms are far below what a budget of 8/255 allows, so it is vacuous
there, and `Certificate.covers` says so. In the few dimensions of a flicker (one color offset for each of a few slots)
the same theorem holds for every flicker of that norm, and that is not vacuous.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import torch
from torch import Generator, Tensor

from defenses.settings import bad_setting
from lsap_common import NamedParts, check_settings_when_made

Classify = Callable[[Tensor], Tensor]
"""(B, T, 3, H, W) clips, which can leave [0, 1] -> (B,) int64 labels."""


@dataclass(frozen=True)
class Certificate:
    """What is certain about one clip.

    Attributes:
        label: that the smoothed classifier gives; None: it abstains.
        radius: no perturbation of the space with a smaller l2 norm (in its coordinates) changes that label; 0 where it
            abstains.
        lower: the lower bound of the share of noisy copies that get the label.
        needed: the radius that covers every perturbation within the budget.
    """

    label: int | None
    radius: float
    lower: float
    needed: float

    @property
    def covers(self) -> bool:
        """Whether the certificate holds for the whole budget; if not, it is vacuous at this budget."""
        return self.label is not None and self.radius >= self.needed


@dataclass(frozen=True)
class Smoothing(ABC):
    """The smoothed classifier g(x) = the most likely label of x + sigma n, with n in some space of perturbations.

    Attributes:
        sigma: of the noise, in pixel units of [0, 1] along each coordinate of the space.
        samples: noisy copies that count for the bound (n).
        first: noisy copies before them that choose the label (n0).
        alpha: chance that a certificate is wrong.
    """

    sigma: float = 0.25
    samples: int = 1000
    first: int = 100
    alpha: float = 0.001

    def __init_subclass__(cls, **keywords: object) -> None:
        super().__init_subclass__(**keywords)
        check_settings_when_made(cls)

    def __post_init__(self) -> None:
        if not self.sigma > 0:
            raise bad_setting("sigma", self.sigma, "above 0")
        if self.samples < 1:
            raise bad_setting("samples", self.samples, "a whole number of at least 1")
        if self.first < 1:
            raise bad_setting("first", self.first, "a whole number of at least 1")
        if not 0 < self.alpha < 1:
            raise bad_setting("alpha", self.alpha, "above 0 and below 1")

    @abstractmethod
    def noise(self, clip: Tensor, generator: Generator) -> Tensor:
        """Noise whose coordinates are standard normal: (T, 3, H, W), or a shape that broadcasts to it."""

    @abstractmethod
    def largest_norm(self, clip: Tensor, epsilon: float) -> float:
        """The largest l2 norm, in coordinates, of a perturbation of the space whose values are at most epsilon."""

    @final
    def certify(
        self, classify: Classify, clip: Tensor, epsilon: float, generator: Generator, batch: int = 8
    ) -> Certificate:
        """Algorithm CERTIFY of the paper: vote, count anew, bound the count, R = sigma * Phi^-1(lower).

        Args:
            classify: the bare classifier.
            clip: (T, 3, H, W) in [0, 1].
            epsilon: linf budget that the certificate is held against, in pixel units.
            generator: of the noise, on the CPU.
            batch: copies classified at a time.
        """
        label = int(torch.mode(self._labels(classify, clip, self.first, generator, batch)).values)
        hits = int((self._labels(classify, clip, self.samples, generator, batch) == label).sum())
        lower = lower_bound(hits, self.samples, self.alpha)
        needed = self.largest_norm(clip, epsilon)
        if lower <= 0.5:
            return Certificate(None, 0.0, lower, needed)
        return Certificate(label, self.sigma * _normal_quantile(lower), lower, needed)

    @final
    def predict(self, classify: Classify, clip: Tensor, generator: Generator, batch: int = 8) -> int | None:
        """Algorithm PREDICT of the paper: the winner, or None (abstain) where its lead could be chance."""
        from scipy.stats import binomtest  # half a second to import, for certificates alone

        labels = self._labels(classify, clip, self.samples, generator, batch)
        counts = torch.bincount(labels).sort(descending=True)
        first = int(counts.values[0])
        second = int(counts.values[1]) if len(counts.values) > 1 else 0
        if binomtest(first, first + second, 0.5).pvalue > self.alpha:
            return None
        return int(counts.indices[0])

    def largest_radius(self) -> float:
        """What is certified if all noisy copies agree: no more can come out, whatever the classifier."""
        return self.sigma * _normal_quantile(lower_bound(self.samples, self.samples, self.alpha))

    def _labels(self, classify: Classify, clip: Tensor, count: int, generator: Generator, batch: int) -> Tensor:
        labels = []
        for start in range(0, count, batch):
            noise = [self.noise(clip, generator) for _ in range(min(batch, count - start))]
            labels.append(classify(clip + torch.stack(noise).to(clip) * self.sigma).cpu())
        return torch.cat(labels)


@dataclass(frozen=True)
class PixelSmoothing(Smoothing):
    """Noise on every value of the clip: the certificate covers any perturbation of a small norm."""

    def noise(self, clip: Tensor, generator: Generator) -> Tensor:
        return torch.randn(clip.shape, generator=generator)

    def largest_norm(self, clip: Tensor, epsilon: float) -> float:
        return float(epsilon * clip.numel() ** 0.5)


@dataclass(frozen=True)
class FlickerSmoothing(Smoothing):
    """Noise of one color offset for each of `slots` slots, frame t of the clip having slot t mod slots.

    Its coordinates are the offsets, in pixel units: 3 x slots of them; with one slot, the same offset in every frame.
    Pony, Naeh and Mannor, CVPR 2021, attack video classifiers with such patterns. The certificate covers no other
    perturbation.

    Attributes:
        slots: at least 1.
    """

    slots: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.slots < 1:
            raise bad_setting("slots", self.slots, "a whole number of at least 1")

    def noise(self, clip: Tensor, generator: Generator) -> Tensor:
        offsets = torch.randn(self.slots, 3, 1, 1, generator=generator)
        return offsets[torch.arange(len(clip)) % self.slots]

    def largest_norm(self, clip: Tensor, epsilon: float) -> float:
        return float(epsilon * (3 * min(self.slots, len(clip))) ** 0.5)


SMOOTHINGS: NamedParts[type[Smoothing]] = NamedParts(
    "smoothing", {"pixels": PixelSmoothing, "flicker": FlickerSmoothing}
)
"""Every kind of smoothing, by the name that a user writes."""


def lower_bound(hits: int, samples: int, alpha: float) -> float:
    """The one-sided lower bound of a share with confidence 1 - alpha (Clopper and Pearson 1934)."""
    from scipy.stats import beta

    return 0.0 if hits == 0 else float(beta.ppf(alpha, hits, samples - hits + 1))


def _normal_quantile(share: float) -> float:
    from scipy.stats import norm

    return float(norm.ppf(share))
