"""The Adversarial Robustness Toolbox's `UniversalPerturbation` (Moosavi-Dezfooli et al., CVPR 2017), FGSM inside.

It has no time limit of its own and begins anew with each call. So the classifier that it is given answers, from the
moment on that the seconds are over, that every clip is fooled; then it takes no more steps, and ends with the noise
that it has.
"""

import importlib
import random
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from given import CpuClock, Given, Learned, NotInstalled, ScoresOfClips
from torch import nn

PASSES = 10**6  # more than there is time for


@dataclass(frozen=True)
class ArtUniversal:
    """`UniversalPerturbation(attacker="fgsm")`.

    Args:
        inner_step: of its FGSM, as a part of epsilon.
    """

    inner_step: float = 1.0
    name: str = "ART UniversalPerturbation"
    cannot: str = "clips as they are sampled, one at a time; no samplers, no resizing, no target through files"

    def learn(self, given: Given) -> Learned:
        attacks, estimators = _modules()
        random.seed(given.seed)
        np.random.seed(given.seed)
        module, clock = ScoresOfClips(given.classifier), CpuClock()

        class TimedClassifier(estimators.PyTorchClassifier):  # type: ignore[misc, name-defined]  # ART has no stubs
            def predict(self, x: Any, *args: Any, **kwargs: Any) -> Any:
                if clock.seconds < given.seconds:
                    return super().predict(x, *args, **kwargs)
                answer = np.zeros((len(x), self.nb_classes + 1), np.float32)  # the last class is never the original
                answer[:, -1] = 1.0
                return answer

        classifier = TimedClassifier(
            model=module, loss=nn.CrossEntropyLoss(), input_shape=given.clip_shape,
            nb_classes=len(given.classifier.labels), clip_values=(0.0, 1.0), device_type="cpu",
        )  # fmt: skip
        attack = attacks.UniversalPerturbation(
            classifier, attacker="fgsm",
            attacker_params={"eps": self.inner_step * given.epsilon, "batch_size": 1},
            delta=0.0, max_iter=PASSES, eps=given.epsilon, norm="inf", batch_size=4, verbose=False,
        )  # fmt: skip
        labels = np.eye(len(given.classifier.labels), dtype=np.float32)[given.classes.numpy()]
        attack.generate(given.clips.numpy(), labels)
        noise = torch.as_tensor(np.asarray(attack.noise, np.float32)).reshape(given.clip_shape)
        return Learned(noise.clamp(-given.epsilon, given.epsilon), clock.seconds, module.looks)


def _modules() -> tuple[Any, Any]:
    try:
        return (
            importlib.import_module("art.attacks.evasion"),
            importlib.import_module("art.estimators.classification"),
        )
    except ImportError as error:
        raise NotInstalled(f"pip install adversarial-robustness-toolbox==1.20.1 ({error})") from None
