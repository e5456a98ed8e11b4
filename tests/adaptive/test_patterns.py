"""The striped patterns of rung A4: what they look like, that they pass what they are for, and that they are learned."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from defenses import Defense
from defenses.compression import H264, Av1, Jpeg
from defenses.testing.videos import surviving_share
from lsap_cli.adaptive.learning.fit_videos import LearningSetup
from lsap_cli.adaptive.learning.learner import AttackerLearner
from lsap_cli.adaptive.learning.patterns import STRIPE, pattern_basis, whole_delta
from lsap_cli.adaptive.planning.attackers import Attacker
from lsap_cli.classifiers.classifier import Classifier
from lsap_cli.classifiers.formats import InputFormat
from lsap_cli.classifiers.geometry import Geometry
from lsap_cli.runs import Run
from perturbations import parse_binding
from perturbations.attacks.lsap import Lsap
from perturbations.objectives import Untargeted
from perturbations.resizing import resize
from perturbations.samplers import Uniform
from tests.adaptive.worlds import BUDGET, gray_videos

SIZE = 24
STRIPED = Attacker("it", Lsap(), None, BUDGET, parse_binding("cyclic:2"), 40, striped=True)
SIGNS = (1.0 - 2 * (torch.arange(SIZE) // STRIPE % 2)).view(-1, 1)


def amplitudes(slots: int = 2) -> Tensor:
    """What an attacker may have learned: (slots, 3, 3, 3) within the budget."""
    noise = torch.rand(slots, 3, 3, 3, generator=torch.Generator().manual_seed(5))
    return float(BUDGET.epsilon) * (2 * noise - 1)


def test_a_striped_delta_is_a_smooth_one_whose_sign_changes_with_every_stripe() -> None:
    delta = whole_delta(amplitudes(), STRIPED, (SIZE, SIZE))
    assert torch.allclose(delta * SIGNS, resize(amplitudes(), SIZE, SIZE))
    assert float(delta.abs().max()) <= float(BUDGET.epsilon)
    plain = replace(STRIPED, striped=False)
    assert whole_delta(delta, plain, (SIZE, SIZE)) is delta


def test_learning_sends_a_striped_delta_the_way_that_a_file_will() -> None:
    basis = pattern_basis(STRIPED, (SIZE, SIZE))
    assert basis is not None
    path = Geometry((SIZE, SIZE), (SIZE, 30)).path_matrices((SIZE, SIZE), (40, 50))
    learned = path.after(basis).forward(amplitudes())
    assert torch.allclose(learned, path.forward(whole_delta(amplitudes(), STRIPED, (SIZE, SIZE))), atol=1e-6)


@pytest.mark.parametrize("codec", [Jpeg(), H264(), Av1()], ids=lambda codec: type(codec).__name__)
def test_a_striped_delta_passes_a_codec_where_fine_noise_does_not(codec: Defense) -> None:
    strength = torch.full((1, 3, 3, 3), float(BUDGET.epsilon) / 2)
    stripes = resize(whole_delta(strength, STRIPED, (SIZE, SIZE)), 32, 48).expand(12, 3, 32, 48)
    noise = torch.randn(1, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(6)).sign() * strength.max()
    fine = resize(noise, 32, 48).expand(12, 3, 32, 48)
    assert surviving_share(codec, stripes) > 0.85 > 0.75 > surviving_share(codec, fine)


class StripeReader(nn.Module):
    """Class 1 where the stripes of a clip are bright above a border."""

    def forward(self, clips: Tensor) -> Tensor:
        logit = 100 * ((clips * SIGNS).mean((1, 2, 3, 4)) - 0.01)
        return torch.stack([torch.zeros_like(logit), logit], 1)


def test_an_attacker_learns_the_strength_of_its_stripes_and_its_file_holds_the_whole_pattern(tmp_path: Path) -> None:
    classifier = Classifier(StripeReader(), "stripes", ["plain", "striped"], InputFormat("BTCHW", 4, (SIZE, SIZE)))
    videos = [replace(one, frames=one.frames.repeat(1, 3, 3, 1), size=(SIZE, SIZE)) for one in gray_videos(8, 1)]
    setup = LearningSetup(classifier, videos, [Uniform()], Untargeted(), 0)
    with Run(tmp_path, "defend", {}, []) as run:
        learner = AttackerLearner(setup, run)
        with learner.problem(STRIPED) as problem:
            assert problem.shape == (2, 3, 3, 3)
        learned = learner.learn(STRIPED)
    assert learned.delta.shape == (2, 3, SIZE, SIZE)
    assert float((learned.delta * SIGNS).mean()) > 0.8 * float(BUDGET.epsilon)
    assert learned.record["striped"] is True
