# mypy: disable-error-code="arg-type,call-arg,return-value,list-item"
# Arguments of wrong types are what is tested here.
"""Every public name of the defense side, called wrongly: one sentence at once that says what would work."""

from collections.abc import Callable

import pytest
import torch

from defenses import (
    DEFENSES,
    DETECTORS,
    Chain,
    Clip,
    Jpeg,
    PerturbationSubtraction,
    RandomNoise,
    StraightThrough,
    TemporalMean,
    TensorVideo,
    fit_defense,
    fittable_part,
)
from defenses.testing import check_defense, check_detector

VIDEO = torch.zeros(4, 3, 8, 8)
ALL = torch.arange(4)


def mean_of(clips: torch.Tensor) -> torch.Tensor:
    return clips.mean((1, 2, 3))


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: Jpeg("50"), "quality is '50'; use a whole number"),
        (lambda: Jpeg()("video.mp4"), "the video is a str; give a torch tensor of floats"),
        (lambda: Jpeg()([]), "the video is a list; give a torch tensor of floats"),
        (lambda: Jpeg()(VIDEO.numpy()), "the video is a ndarray; give a torch tensor"),
        (lambda: Jpeg().needs(ALL, 3), "frame indices run from 0 to 3, but the video has 3 frames"),
        (lambda: TemporalMean().needs([0], 4), "the frame indices are a list; give an int64 tensor"),
        (lambda: TemporalMean().needs(torch.zeros(1), 4), "the frame indices are torch.float32; give int64"),
        (
            lambda: Jpeg().defend(VIDEO, ALL),
            r"the clip is a Tensor; give Clip.whole\(video\), or call",
        ),
        (lambda: TemporalMean().defend(VIDEO), "the clip is a Tensor; give"),
        (lambda: TemporalMean().defend(clip=VIDEO, indices=ALL), "the clip is a Tensor; give"),
        (lambda: Chain((Jpeg(), Jpeg())).defend(VIDEO, ALL), "the clip is a Tensor; give"),
        (lambda: StraightThrough(Jpeg()).defend("video.mp4", ALL), "the clip is a str; give"),
        (lambda: DETECTORS["feature-squeezing"]().evidence(VIDEO), "the video is a Tensor; give TensorVideo"),
        (lambda: RandomNoise().draw(3), "the generator is an int; give torch.Generator"),
        (
            lambda: Chain(("jpeg", "jpeg")),
            "members is .*; use a tuple, whose members are each an object",
        ),
        (lambda: Chain([Jpeg(), Jpeg()]), "use a tuple"),
        (lambda: Chain(()), "0 defenses make no chain; give at least two"),
        (lambda: StraightThrough("jpeg"), "defense is 'jpeg'; use an object of the class Defense"),
        (lambda: Clip("video", ALL, 4), "frames are a str; give a tensor"),
        (lambda: Clip(VIDEO, [0, 1, 2, 3], 4), "the indices are a list; give an int64 tensor"),
        (lambda: Clip(VIDEO, ALL, "4"), "video_length is '4'; use a whole number from 0"),
        (lambda: fit_defense("jpeg", []), r"the defense is a str; give an object such as DEFENSES\['jpeg'\]\(\)"),
        (lambda: fittable_part(Jpeg), "the defense is the class Jpeg; give an object"),
        (lambda: fit_defense(PerturbationSubtraction(), []), "0 videos were given .* give at least two"),
        (lambda: fit_defense(PerturbationSubtraction(), ["a", "b"]), r"is a str; give what evidence\(clip\) returns"),
        (lambda: DEFENSES["perturbation-subtraction"]()(VIDEO), "has no estimate yet"),
        (lambda: DETECTORS["feature-squeezing"](squeezers=()), "squeezers is empty; give at least one defense"),
        (lambda: DETECTORS["feature-squeezing"]()("video.mp4"), "the video is a str; give a torch tensor"),
        (lambda: DETECTORS["feature-squeezing"]()(VIDEO), "give it a classifier and a sampler"),
        (lambda: DETECTORS["feature-squeezing"]()(VIDEO, "demo", len), "the classifier is a str; give a function"),
        (lambda: DETECTORS["feature-squeezing"]()(VIDEO, mean_of, "uniform"), "the sampler is a str; give a function"),
        (lambda: DETECTORS["feature-squeezing"]()(VIDEO, mean_of, lambda _: [0]), "clips are a list; give int64 frame"),
        (lambda: DETECTORS["corpus-residual"]()(VIDEO, others=VIDEO), "others is a Tensor; give a list of videos"),
        (lambda: TensorVideo("video", None, ALL[None]), "the video is a str; give a torch tensor"),
        (lambda: check_defense(Jpeg), "the defense is the class Jpeg; give an object"),
        (lambda: check_detector("feature-squeezing"), "the detector is a str; give an object"),
    ],
)
def test_it_is_refused(call: Callable[[], object], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        call()
