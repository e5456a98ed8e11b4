"""Where a learned perturbation's effect goes: stage by stage of its way from the clip to a coded file."""

from lsap_cli.results.base import Result
from lsap_cli.results.spread import SamplerRange

AT_NETWORK_SIZE, AFTER_RESIZE, IN_FILE = "network size", "resized", "file"
CODEC = "h264:crf=23"  # what most platforms do to a file, at about this quality


class WayStage(Result, frozen=True, kw_only=True):
    """The perturbation's rate on the verification videos at one stage, through the samplers that are held out.

    Attributes:
        stage: `network size`: added to the sampled clip at the network's size; `resized`: the same after the way
            through the video's size; `file`: in the video's own frames, which are then sampled and resized; or the
            spec of a codec: the same after it.
        rates: fooling rates, of a targeted run success rates: the sampler with the lowest and that with the highest.
    """

    stage: str
    rates: SamplerRange


def stage_words(stage: WayStage) -> str:
    """The place of a stage, for a sentence."""
    places = {
        AT_NETWORK_SIZE: "added at the network's size",
        AFTER_RESIZE: "after the way through the video's size",
        IN_FILE: "in the video's own frames",
    }
    return places.get(stage.stage, f"after {stage.stage}")
