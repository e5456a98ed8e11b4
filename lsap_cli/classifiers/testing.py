"""What lsap relies on in a model, as a test that a package can run on its own."""

import torch
from torch import Tensor

from lsap_cli.classifiers.classifier import Classifier
from lsap_common import require_kind


def check_classifier(classifier: Classifier, classes: int | None = None) -> None:
    """Checks that a classifier can be attacked and judged: the contract of every model.

    Scores are finite and one a class, the same for the same clips, for a clip alone as among others, and they follow
    the pixels, whose gradient is finite and not zero everywhere. Clips and random numbers are left as they were.

    Args:
        classifier: to be checked, on any device.
        classes: how many it must have; None: as many as it has labels.

    Raises:
        AssertionError: naming what does not hold.
        ValueError: if it is no classifier.
    """
    require_kind("the classifier is", classifier, Classifier, "use load_classifier('demo') or Classifier(...)")
    device = next((parameter.device for parameter in classifier.parameters()), torch.device("cpu"))
    generator = torch.Generator().manual_seed(0)
    shape = (3, classifier.frames, 3, *classifier.geometry.size)
    clips = torch.rand(shape, generator=generator).to(device)
    before, state = clips.clone(), torch.random.get_rng_state()
    with torch.no_grad():
        scores = classifier.score(clips)
        again, alone = classifier.score(clips), classifier.score(clips[1:2])
    expected = (len(clips), classes or len(classifier.labels))
    _require(scores.shape == expected, f"scores have the shape {tuple(scores.shape)}, not {expected}")
    _require(bool(scores.isfinite().all()), "scores are not finite")
    _require(torch.equal(clips, before), "the clips were changed")
    _require(torch.equal(torch.random.get_rng_state(), state), "random numbers were drawn: is it in evaluation mode?")
    _require(torch.equal(scores, again), "the same clips give other scores")
    _require(_close(alone, scores[1:2]), "a clip alone gives other scores than among others")
    _check_gradient(classifier, clips)


def _check_gradient(classifier: Classifier, clips: Tensor) -> None:
    leaf = clips.clone().requires_grad_()
    scores = classifier.score(leaf)
    _require(scores.requires_grad, "scores have no gradient by the pixels")
    (gradient,) = torch.autograd.grad(scores.logsumexp(1).sum() - scores[:, 0].sum(), leaf)
    _require(bool(gradient.isfinite().all()), "the gradient by the pixels is not finite")
    _require(bool(gradient.any()), "the gradient by the pixels is zero everywhere")


def _close(first: Tensor, second: Tensor) -> bool:
    return torch.allclose(first, second, rtol=1e-3, atol=1e-4)


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise AssertionError(otherwise)
