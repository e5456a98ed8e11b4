"""What training did, and why its figures are not to be believed yet: for the results of each command that trains."""

from collections.abc import Sequence

from lsap_cli.datasets.store import StoredVideo
from lsap_cli.results.training import SplitPart, TrainingFacts
from lsap_cli.training.labeled_videos import LabeledVideos
from lsap_cli.training.loop import Training

FEW_VIDEOS, FEW_RECORDINGS = 30, 10


def training_facts(training: Training, ended_by: str) -> TrainingFacts:
    """What a finished loop did.

    Args:
        training: that is over.
        ended_by: as `Training.train` says it.
    """
    videos, layers = training.videos, training.layers
    return TrainingFacts(
        trained=training.settings.trained,
        parameters=sum(one.numel() for one in training.network.parameters()),
        trained_parameters=sum(one.numel() for one in (*layers.new, *layers.others)),
        steps=training.state.step,
        epochs=round(training.state.step / training.source.steps_per_epoch, 2),
        ended_by=ended_by,
        train_seconds=round(training.state.seconds, 1),
        fit=_part(videos, videos.fit),
        validation=_part(videos, videos.validation) if videos.validation else None,
        held_out=_part(videos, videos.held_out),
    )


def training_warnings(training: Training, held_out: SplitPart) -> list[str]:
    """Reasons not to believe the figures yet.

    Args:
        training: that is over.
        held_out: the videos that the figures are of.
    """
    warnings = []
    if held_out.videos < FEW_VIDEOS or held_out.recordings < FEW_RECORDINGS:
        warnings.append(
            f"the accuracy is of {held_out.videos} held-out videos from {held_out.recordings} recordings: few; give "
            "more, or a larger --held-out"
        )
    if not training.state.best and training.settings.patience is not None:
        warnings.append("training ended before its first epoch did: --patience has chosen nothing")
    return warnings


def _part(videos: LabeledVideos, part: Sequence[StoredVideo]) -> SplitPart:
    return SplitPart(videos=len(part), recordings=len(set(videos.recordings_of(part))))
