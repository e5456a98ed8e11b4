"""VCR-Bench's UAP and I-FGSM, called from a checkout of its repository (`--vcr-bench FOLDER`); none of it is copied.

Its UAP goes over its clips once, with Adam's rate divided by their number. Here the list of clips is repeated as often
as the seconds allow by the pace of a few clips, and what is left of it when they are over is skipped.
"""

import importlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from given import CpuClock, Given, Learned, NotInstalled
from torch import Tensor

from lsap_cli.classifiers import Classifier

PACED = 5  # clips, after which the pace is known
LEVELS = 255


class VcrModel:
    """A classifier as VCR-Bench asks its models: clips (..., T, h, w, 3) in 0-255 -> probabilities (classes,)."""

    device = torch.device("cpu")

    def __init__(self, classifier: Classifier) -> None:
        self._classifier = classifier
        self.looks = 0

    def predict(self, x: Tensor, *, input_format: str = "NTHWC", enable_grad: bool = False) -> Tensor:
        clips = x.reshape(-1, *x.shape[-4:]).permute(0, 1, 4, 2, 3) / LEVELS
        self.looks += len(clips) if enable_grad else 0
        with torch.set_grad_enabled(enable_grad):
            probabilities: Tensor = self._classifier.score(clips).softmax(1).mean(0)
        return probabilities

    __call__ = predict


@dataclass(frozen=True)
class VcrUap:
    """Its `UAPAttack`, with the clips and the budget of the comparison.

    Args:
        folder: of the checkout.
    """

    folder: Path
    name: str = "VCR-Bench UAP"
    cannot: str = "a pattern of 480x720 pixels is cut to the clip's center; one pass, no batches, no samplers"

    def learn(self, given: Given) -> Learned:
        uap, types = _module(self.folder, "attacks.uap.attack"), _module(self.folder, "types")
        torch.manual_seed(given.seed)
        clock, model = CpuClock(), VcrModel(given.classifier)
        levels = (LEVELS * given.clips).permute(0, 1, 3, 4, 2)
        attack = uap.UAPAttack(eps=LEVELS * given.epsilon)

        def prepare(items: Sequence[int]) -> None:
            attack.prepare(
                model=model, dataset=_TimedClips(levels, types, clock, given.seconds), indices=list(items),
                seed=given.seed, targeted=False, pipeline_stage="attack", verbose=False,
            )  # fmt: skip

        prepare(range(PACED))
        first, pace = attack.trained_trigger, clock.seconds / PACED
        count = max(1, int((given.seconds - clock.seconds) / pace))
        order = torch.randperm(len(levels), generator=torch.Generator().manual_seed(given.seed)).tolist()
        prepare([order[number % len(order)] for number in range(count)])
        trigger = first if attack.trained_trigger is None else attack.trained_trigger  # None: no time was left
        if trigger is None:
            raise SystemExit(f"--seconds {given.seconds:g} is over before VCR-Bench has seen a clip; give more")
        frames, colors, height, width = given.clip_shape
        cut = uap.apply_centered_trigger(torch.zeros(frames, height, width, colors), trigger)
        return Learned(cut.permute(0, 3, 1, 2).contiguous() / LEVELS, clock.seconds, model.looks)


class _TimedClips:
    """The clips as VCR-Bench's dataset; when the seconds are over it gives what is no clip, which is skipped."""

    def __init__(self, levels: Tensor, types: Any, clock: CpuClock, seconds: float) -> None:
        self._levels, self._types, self._clock, self._seconds = levels, types, clock, seconds

    def __getitem__(self, number: int) -> Any:
        if self._clock.seconds >= self._seconds:
            return None
        sample = self._types.VideoSampleRef(str(number), "", None, None)
        return self._types.LoadedDatasetItem(sample, self._levels[number], "THWC")


def perturbed_one_by_one(folder: Path, classifier: Classifier, clips: Tensor, epsilon: float) -> Tensor:
    """VCR-Bench's I-FGSM on each clip by itself, with its own 20 steps of one level.

    Args:
        folder: of the checkout.
        classifier: the network.
        clips: (n, T, 3, h, w) float32 in [0, 1].
        epsilon: of the linf budget.

    Returns:
        (n, T, 3, h, w) in [0, 1]: a perturbation for each clip, and none for any other.

    Raises:
        NotInstalled: if the checkout is not there.
    """
    attack = _module(folder, "attacks.ifgsm.attack").IFGSMAttack(eps=LEVELS * epsilon, clip_min=0.0, clip_max=LEVELS)
    model = VcrModel(classifier)
    changed = [attack(model, LEVELS * clip.permute(0, 2, 3, 1)[None])[0] for clip in clips]
    return torch.stack(changed).permute(0, 1, 4, 2, 3) / LEVELS


def _module(folder: Path, name: str) -> Any:
    if not (folder / "vcr_bench").is_dir():
        raise NotInstalled(
            f"{folder} holds no vcr_bench; git clone https://github.com/msu-video-group/vcr-bench, commit b5aea9f, and "
            "give --vcr-bench FOLDER"
        )
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    try:
        return importlib.import_module(f"vcr_bench.{name}")
    except ImportError as error:
        raise NotInstalled(f"VCR-Bench needs more packages: {error}") from None
